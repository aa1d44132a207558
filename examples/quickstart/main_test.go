package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer is the exit code and the output of a call of the program.
type answer struct {
	code     int
	out, err string
}

func call(args ...string) answer { return callWith(context.Background(), args...) }

func callWith(ctx context.Context, args ...string) answer {
	var out, err bytes.Buffer
	code := command(ctx, args, &out, &err)
	return answer{code, out.String(), err.String()}
}

// section returns the rows below a heading, without the column names.
func (a answer) section(t *testing.T, heading string) []string {
	t.Helper()
	_, rest, found := strings.Cut(a.out, heading)
	require.True(t, found, "no %q in:\n%s", heading, a.out)
	rows, _, _ := strings.Cut(rest, "\n\n")
	return strings.Split(strings.TrimSuffix(rows, "\n"), "\n")[2:]
}

// write makes a file in a new folder.
func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func database(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "shop.db")
}

// counts are the numbers of the two last lines.
func (a answer) counts(t *testing.T) (allocated, short, lines, split, held int) {
	t.Helper()
	at := strings.Index(a.out, "Orders:")
	require.GreaterOrEqual(t, at, 0, "no summary in:\n%s", a.out)
	_, err := fmt.Sscanf(a.out[at:],
		"Orders: %d allocated, %d short. Lines: %d allocated, %d of them split over batches, %d held.",
		&allocated, &short, &lines, &split, &held)
	require.NoError(t, err)
	return allocated, short, lines, split, held
}

func TestTheSamplesHaveManyLinesLocationsArrivalsAndExpiries(t *testing.T) {
	in, err := readInput("", "", &problems{out: &bytes.Buffer{}})
	require.NoError(t, err)
	skus, lines := map[string]bool{}, 0
	for _, o := range in.orders {
		require.False(t, o.bad)
		lines += len(o.rows)
		for _, row := range o.rows {
			skus[string(row.line.SKU)] = true
		}
	}
	require.GreaterOrEqual(t, lines, 200)
	require.GreaterOrEqual(t, len(skus), 30)
	locations, arriving, expiring := map[string]bool{}, 0, 0
	for _, row := range in.batches {
		locations[string(row.batch.Location)] = true
		if !row.batch.ETA.IsZero() {
			arriving++
		}
		if !row.batch.BestBefore.IsZero() {
			expiring++
		}
	}
	require.Greater(t, len(locations), 2)
	require.Positive(t, arriving)
	require.Positive(t, expiring)
}

func TestARunOnTheSamples(t *testing.T) {
	a := call("-db", database(t))
	require.Equal(t, exitDone, a.code, a.err)
	require.Empty(t, a.err, "there is no terminal to show progress on")

	allocated, short, lines, split, held := a.counts(t)
	require.Equal(t, 112, allocated+short)
	require.Equal(t, []int{97, 15, 217, 5, 18}, []int{allocated, short, lines, split, held})
	require.Contains(t, a.out, "This run changed: 87 BatchAdded, 224 LineAllocated. Refusals noted: 6.")

	given := a.section(t, "ALLOCATED")
	require.Len(t, given, 224, "a row for each part of a line")
	require.Regexp(t, `^20419 +SCALES-5KG +1 +PO-\d+ +at \w+ *$`, given[0])
	require.Regexp(t, `20646 +LANTERN-LED +15 +PO-4292 +arrives 2027-02-22 at harbour`, a.out, "a part of a split line")
	require.Len(t, a.section(t, "SHORT"), 16)
	require.Regexp(t, `20633 +RICE-BASMATI-5KG +200 +25\n`, a.out, "what was available is told")
	require.Len(t, a.section(t, "LEFT"), 36)
	require.Regexp(t, `TENT-2P +0 +3 on 2027-03-08`, a.out)
}

var refusalsNoted = regexp.MustCompile(`Refusals noted: \d+`)

// heldUntil is the last column of a held line, which differs from run to run.
var heldUntil = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`)

func TestASecondRunWithoutHoldsChangesNothingAndSaysSo(t *testing.T) {
	orders := write(t, "orders.csv", "order,sku,quantity\no1,lamp,1\n")
	args := []string{"-db", database(t), "-batches", write(t, "batches.csv", ownBatches), "-orders", orders}
	first, second := call(args...), call(args...)
	require.Equal(t, exitDone, second.code, second.err)
	require.Contains(t, second.out, "This run changed: no batch and no line: there was nothing new.")
	require.Equal(t, first.section(t, "ALLOCATED"), second.section(t, "ALLOCATED"))
}

func TestASecondRunTakesNothingMoreAndHoldsForLonger(t *testing.T) {
	db := database(t)
	first := call("-db", db)
	second := call("-db", db)
	require.Equal(t, exitDone, second.code, second.err)
	require.Contains(t, second.out, "This run changed: 18 HoldExtended.")
	for _, heading := range []string{"ALLOCATED", "LEFT"} {
		for i, row := range first.section(t, heading) {
			again := second.section(t, heading)[i]
			require.Equal(t, heldUntil.ReplaceAllString(row, ""), heldUntil.ReplaceAllString(again, ""))
		}
	}
	third := call("-db", db)
	same := func(out string) string {
		return heldUntil.ReplaceAllString(refusalsNoted.ReplaceAllString(out, ""), "")
	}
	require.Equal(t, same(second.out), same(third.out))
}

func TestAnInterruptedRunSaysSo(t *testing.T) {
	db := database(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	a := callWith(ctx, "-db", db)
	require.Equal(t, exitInterrupted, a.code)
	require.Contains(t, a.err, "interrupted")
	require.Empty(t, a.out)
	require.Equal(t, exitDone, call("-db", db).code)
}

// interrupted is a store that ends a context with its n-th commit.
type interrupted struct {
	*memory.Store
	n      int
	cancel context.CancelFunc
}

func (s *interrupted) Commit(ctx context.Context, changes []allocation.Changes) error {
	if s.n--; s.n == 0 {
		s.cancel()
	}
	return s.Store.Commit(ctx, changes)
}

func begin(t *testing.T, store store, now func() time.Time, bad *problems) *run {
	t.Helper()
	r, err := newRun(store, now, bad)
	require.NoError(t, err)
	return r
}

func TestTheNextRunFinishesAnInterruptedOne(t *testing.T) {
	bad, clock := &problems{out: &bytes.Buffer{}, show: &progress{}}, memory.NewClock(noon)
	in, err := readInput("", "", bad)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	store := &interrupted{Store: memory.New(), n: 89, cancel: cancel}
	first := begin(t, store, clock.Now, bad)
	first.atOnce = 100 // each in one commit, after 87 batches
	_, err = first.all(ctx, in)
	require.ErrorIs(t, err, context.Canceled)

	res, err := begin(t, store, clock.Now, bad).all(context.Background(), in)
	require.NoError(t, err)
	require.Zero(t, res.happened["BatchAdded"], "the batches were there")
	require.Positive(t, res.happened["LineAllocated"])
	require.Less(t, res.happened["LineAllocated"], 224, "and some of the lines")
	whole, err := begin(t, memory.New(), clock.Now, bad).all(context.Background(), in)
	require.NoError(t, err)
	for i := range whole.stock {
		whole.stock[i].Version, res.stock[i].Version = 0, 0 // a repeated refusal is recorded once more
	}
	require.Equal(t, whole.stock, res.stock)
}

func TestTheNextRunHoldsALapsedLineAgain(t *testing.T) {
	var complaints bytes.Buffer
	bad, clock := &problems{out: &complaints, show: &progress{}}, memory.NewClock(noon)
	in, err := readInput(write(t, "batches.csv", ownBatches),
		write(t, "orders.csv", "order,sku,quantity,hold_for\no1,lamp,1,1h\no2,lamp,1,72h\no3,lamp,1,\n"), bad)
	require.NoError(t, err)
	store := memory.New()
	_, err = begin(t, store, clock.Now, bad).all(context.Background(), in)
	require.NoError(t, err)

	clock.Advance(2 * time.Hour)
	res, err := begin(t, store, clock.Now, bad).all(context.Background(), in)
	require.NoError(t, err)
	require.Empty(t, complaints.String())
	require.Equal(t, map[string]int{"HoldLapsed": 1, "LineAllocated": 1, "HoldExtended": 1}, res.happened)
	require.Equal(t, noon.Add(3*time.Hour), res.lines[0].HeldUntil)
	require.Equal(t, noon.Add(74*time.Hour), res.lines[1].HeldUntil)
}

func TestProgressIsShownOnTerminalsOnly(t *testing.T) {
	require.Nil(t, newProgress(&bytes.Buffer{}).out)
	var shown bytes.Buffer
	p := &progress{out: &shown}
	p.step("orders", 1, 2)
	p.step("orders", 2, 2)
	require.Equal(t, clearLine+"orders: 1 of 2", shown.String(), "the second comes too soon to be seen")
	(&problems{out: &shown, show: p}).add(position{"orders.csv", 7}, "bad", "")
	require.Equal(t, clearLine+"orders: 1 of 2"+clearLine+"orders.csv:7: bad\n", shown.String())
}

const ownBatches = "ref,sku,quantity,eta,location\n" +
	"b1,lamp,3,,north\n" +
	"b2,lamp,4,2030-05-01,\n" +
	"b3,chair,2,,\n"

func TestFilesOfTheUserAreRead(t *testing.T) {
	orders := write(t, "orders.csv", "\ufeffquantity,order,sku,split,hold_for\r\n"+
		"5,o1,lamp,yes,1h30m\r\n"+
		"1,o2,chair,no,\r\n"+
		"2,o3,chair,,\r\n"+
		"1,o2,lamp,,\r\n")
	a := call("-batches", write(t, "batches.csv", ownBatches), "-orders", orders, "-db", database(t))
	require.Equal(t, exitDone, a.code, a.err)
	require.Regexp(t, `o1 +lamp +3 +b1 +at north +\d{4}-.* UTC\n`+
		`o1 +lamp +2 +b2 +arrives 2030-05-01 +\d{4}-.* UTC\n`+
		`o2 +chair +1 +b3 +in the warehouse *\n`+
		`o2 +lamp +1 +b2 +arrives 2030-05-01 *\n`, a.out)
	require.Equal(t, []string{"o3     chair  2       1"}, a.section(t, "SHORT"))
	require.Regexp(t, `chair +1 *\nlamp +0 +1 on 2030-05-01\n`, a.out)
}

func TestTheWarehouseBatchThatExpiresFirstGoesFirst(t *testing.T) {
	batches := write(t, "batches.csv", "ref,sku,quantity,eta,best_before\n"+
		"b1,tea,1,,2031-01-01\nb2,tea,1,,2030-01-01\nb3,tea,1,2029-01-01,2029-06-01\n")
	orders := write(t, "orders.csv", "order,sku,quantity\no1,tea,1\no2,tea,1\no3,tea,1\n")
	a := call("-batches", batches, "-orders", orders, "-db", database(t))
	require.Regexp(t, `o1 +tea +1 +b2 .*\no2 +tea +1 +b1 .*\no3 +tea +1 +b3 `, a.out)
}

func TestBadRowsAreReportedAndTheOthersAreDone(t *testing.T) {
	batches := write(t, "batches.csv", ownBatches+
		"b4,lamp,many,,\n"+
		"b5,lamp,0,,\n"+
		"b6,lamp,1,soon,\n"+
		"b1,lamp,9,,north\n"+
		"b7,lamp\n"+
		",lamp,1,,\n")
	orders := write(t, "orders.csv", "order,sku,quantity,split,hold_for\n"+
		"o1,lamp,1,,\n"+
		"o2,sofa,1,,\n"+
		"o3,lamp,-1,,\n"+
		"o4,chair,1,perhaps,\n"+
		"o5,chair,1,,-1h\n"+
		",chair,1,,\n"+
		"o6,chair,1,,\n"+
		"o6,lamp,1.5,,\n"+
		"o7,la\"mp,1,,\n"+
		"o8,chair,1,,\n")
	a := call("-batches", batches, "-orders", orders, "-db", database(t))
	require.Equal(t, exitBadRows, a.code)
	for _, want := range []string{
		batches + `:5: quantity "many" is no whole number`,
		batches + `:6: quantity "0": invalid: must be at least 1`,
		batches + `:7: eta "soon" is no date such as 2027-01-31`,
		batches + `:8: batch "b1": announced before: known with other data`,
		batches + `:9: wrong number of fields`,
		batches + `:10: batch "": invalid: must not be empty`,
		orders + `:3: sku "sofa": not found; order o2 is left out`,
		orders + `:4: quantity "-1": invalid: must be at least 1; order o3 is left out`,
		orders + `:5: split "perhaps" is neither yes nor no; order o4 is left out`,
		orders + `:6: hold_for "-1h" is no duration such as 72h; order o5 is left out`,
		orders + `:7: the order is empty`,
		orders + `:9: quantity "1.5" is no whole number; order o6 is left out`,
		orders + `:10: bare " in non-quoted-field; order o7 is left out`,
	} {
		require.Contains(t, a.err, want+"\n")
	}
	require.Equal(t, 13, strings.Count(a.err, "\n"), a.err)
	allocated, short, _, _, _ := a.counts(t)
	require.Equal(t, []int{2, 0}, []int{allocated, short}, "o1 and o8")
}

func TestEachUnknownProductIsReportedAtItsRow(t *testing.T) {
	batches := write(t, "batches.csv", ownBatches)
	orders := write(t, "orders.csv", "order,sku,quantity\no1,lamp,1\no1,sofa,1\no1,desk,1\n")
	a := call("-batches", batches, "-orders", orders, "-db", database(t))
	require.Equal(t, exitBadRows, a.code)
	require.Contains(t, a.err, orders+`:3: sku "sofa": not found`)
	require.Contains(t, a.err, orders+`:4: sku "desk": not found`)
	require.Equal(t, 2, strings.Count(a.err, "\n"), a.err)
}

func TestAChangedQuantityIsABadRow(t *testing.T) {
	batches, db := write(t, "batches.csv", ownBatches), database(t)
	require.Equal(t, exitDone, call("-batches", batches, "-db", db,
		"-orders", write(t, "orders.csv", "order,sku,quantity\no1,lamp,1\n")).code)
	orders := write(t, "orders.csv", "order,sku,quantity\no1,lamp,2\n")
	a := call("-batches", batches, "-orders", orders, "-db", db)
	require.Equal(t, exitBadRows, a.code)
	refused := `:2: quantity "2": order "o1", line of sku "lamp": known with other data: the line has 1`
	require.Contains(t, a.err, orders+refused)
}

func TestUnusableArgumentsAndFilesEndTheProgram(t *testing.T) {
	noDatabase := write(t, "no.db", strings.Repeat("this is no database\n", 100))
	noQuantity := write(t, "orders.csv", "order,sku\no1,lamp\n")
	etas, empty := write(t, "batches.csv", "ref,sku,quantity,etas\n"), write(t, "batches.csv", "")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"an unknown flag":         {[]string{"-what"}, "-what"},
		"an argument":             {[]string{"orders.csv"}, `unexpected argument "orders.csv"`},
		"a file that's missing":   {[]string{"-orders", "missing.csv"}, "missing.csv"},
		"a column that's missing": {[]string{"-orders", noQuantity}, `:1: column "quantity" is missing`},
		"an unknown column":       {[]string{"-batches", etas}, `:1: column "etas" is unknown or repeated`},
		"an empty file":           {[]string{"-batches", empty}, ":1: the row that names the columns is missing"},
		"no database":             {[]string{"-db", noDatabase}, "open " + noDatabase},
		"no such folder":          {[]string{"-db", filepath.Join(t.TempDir(), "none", "shop.db")}, "open "},
	} {
		t.Run(name, func(t *testing.T) {
			args := c.args
			if c.args[0] != "-db" {
				args = append([]string{"-db", database(t)}, args...)
			}
			a := call(args...)
			require.Equal(t, exitFailed, a.code)
			require.Contains(t, a.err, c.want)
			require.Empty(t, a.out)
		})
	}
}

func TestADatabaseMayHaveAnyName(t *testing.T) {
	db := filepath.Join(t.TempDir(), "50% of what? #1.db")
	require.Equal(t, exitDone, call("-db", db).code)
	require.FileExists(t, db)
}

func TestControlCharactersInIdentifiersAreQuoted(t *testing.T) {
	batches := write(t, "batches.csv", "ref,sku,quantity\nb1,\"a\x1b[31m\tb\",1\n")
	orders := write(t, "orders.csv", "order,sku,quantity\no1,\"a\x1b[31m\tb\",1\n")
	a := call("-batches", batches, "-orders", orders, "-db", database(t))
	require.Equal(t, exitDone, a.code, a.err)
	require.NotContains(t, a.out, "\x1b")
	require.Contains(t, a.out, `"a\x1b[31m\tb"`)
}

func TestHelpExitsWithZero(t *testing.T) {
	a := call("-h")
	require.Equal(t, exitDone, a.code)
	require.Contains(t, a.err, "-orders")
}

var noon = time.Date(2030, time.March, 1, 12, 0, 0, 0, time.UTC)
