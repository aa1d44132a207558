package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestAShopWithoutTrouble(t *testing.T) {
	d := open(t)
	assert.Equal(t, exitDone, d.call("check"), d.err)
	assert.Equal(t, "ENGINE  FITS  PROBLEM\nSQLite  yes   -\n", d.out)
	rows := d.rows(exitDone, "status", "status", "--drift")
	require.NotEmpty(t, rows)
	for _, row := range rows {
		assert.Equal(t, "ok", row["state"], "%v", row)
	}
	assert.Equal(t, exitDone, d.call("migrate"), "without --write it only looks")
}

func TestStockOrderBatchAndLotAreShown(t *testing.T) {
	d := open(t)
	d.furnish()
	assert.Equal(t, exitDone, d.call("order", "order-1"), d.err)
	assert.Equal(t, strings.Join([]string{
		"lines",
		"SKU   LINE  QUANTITY  WAITING  BEFORE  HELD UNTIL  LAPSED  NEEDED BY  LATE",
		"LAMP  -     7         0        -       -           no      -          no",
		"",
		"parts",
		"SKU   LINE  BATCH  QUANTITY  SHIPPED  ETA                   LOCATION  BEST BEFORE",
		"LAMP  -     here   5         0        -                     north     -",
		"LAMP  -     ship   2         0        2030-03-02 09:00:00Z  -         -",
		"",
	}, "\n"), d.out)

	stock := d.rows(exitDone, "products", "stock", "LAMP")
	assert.Equal(t, []map[string]any{{
		"sku": "LAMP", "in_warehouse": 0.0, "arriving": 18.0, "next_arrival": "2030-03-02T09:00:00Z", "version": 4.0,
	}}, stock)
	batches := d.rows(exitDone, "batches", "stock", "LAMP")
	require.Len(t, batches, 2)
	assert.Equal(t, "lot-7", batches[0]["lot"])

	lines := d.rows(exitDone, "lines", "batch", "ship")
	require.Len(t, lines, 1)
	assert.Equal(t, "order-1", lines[0]["order"])
	batch := d.rows(exitDone, "batches", "batch", "ship")
	require.Len(t, batch, 1)
	assert.InDelta(t, 18, batch[0]["free"], 0)

	lot := d.rows(exitDone, "lines", "lot", "lot-7")
	require.Len(t, lot, 1)
	assert.Equal(t, map[string]any{
		"batch": "here", "sku": "LAMP", "order": "order-1", "line": "", "quantity": 5.0, "shipped": 0.0,
	}, lot[0])
}

func TestListsOfProductsAndOrders(t *testing.T) {
	d := open(t)
	d.furnish()
	assert.Len(t, d.rows(exitDone, "products", "stock"), 2)
	assert.Len(t, d.rows(exitDone, "products", "stock", "--begin", "SO"), 1)
	assert.Empty(t, d.rows(exitDone, "products", "stock", "--low"))
	assert.Len(t, d.rows(exitDone, "orders", "order", "--begin", "order-"), 2)
	assert.Len(t, d.rows(exitDone, "orders", "order", "--limit", "1"), 1)
	assert.Contains(t, d.out, `"more": true`)
	assert.Equal(t, exitDone, d.call("order", "--limit", "1"))
	assert.Contains(t, d.out, "There are more")
}

func TestUnknownNamesHaveACodeOfTheirOwn(t *testing.T) {
	d := open(t)
	d.furnish()
	for _, args := range [][]string{
		{"stock", "CHAIR"}, {"stock", "LAMP", "CHAIR"}, {"order", "order-9"}, {"batch", "nothing"}, {"lot", "nothing"},
		{"ledger", "CHAIR"}, {"ledger", "--order", "order-9"}, {"ledger", "LAMP", "--order", "order-9"},
		{"reconcile", "CHAIR"}, {"mend", "CHAIR"}, {"retry", "LAMP", "--write"}, {"skip", "LAMP", "1", "--write"},
	} {
		assert.Equal(t, exitUnknown, d.call(args...), "%v: %s%s", args, d.out, d.err)
		assert.Contains(t, d.err, "allocation: unknown", "%v", args)
	}
}

func TestWrongArgumentsHaveACodeOfTheirOwn(t *testing.T) {
	d := open(t)
	for _, args := range [][]string{
		{"stok"}, {"stock", "--colour"}, {"stock", "A", "--low"}, {"stock", "A", "--waiting"}, {"batch"},
		{"batch", "a", "b"}, {"due", "--by", "soon"},
		{"skip", "LAMP", "first", "--write"}, {"retry", "--write"}, {"retry", "LAMP", "--all", "--write"},
		{"purge", "--write"}, {"--timeout", "soon", "check"}, {"order", "a", "--begin", "b"},
		{"check", "--table-prefix", "NO-SUCH"}, {"ledger"}, {"ledger", "--before", "3"},
		{"ledger", "A", "--before", "-3"}, {"ledger", "A", "--before", "3", "--order", "b"},
		{"ledger", "A", "--since", "soon"},
	} {
		assert.Equal(t, exitUsage, d.call(args...), "%v: %s%s", args, d.out, d.err)
		assert.NotEmpty(t, d.err, "%v", args)
	}
	assert.Equal(t, exitUsage, d.callOn("", "check"), "no database")
}

func TestDeadLettersAreShownRetriedAndSkipped(t *testing.T) {
	d := open(t)
	d.furnish()
	assert.Empty(t, d.rows(exitDone, "failures", "failures"))
	sequence := d.die("LAMP", "broker: \x1b[31mtoo large\x1b[0m")
	rows := d.rows(exitFound, "failures", "failures")
	require.Len(t, rows, 1)
	assert.Equal(t, "LAMP", rows[0]["sku"])
	assert.Equal(t, true, rows[0]["dead"])
	assert.Equal(t, exitFound, d.call("failures", "--dead"))
	assert.NotContains(t, d.out, "\x1b", "whoever wrote the error can't write to the terminal")
	assert.Contains(t, d.out, `\x1b[31mtoo large`)

	for _, args := range [][]string{{"retry", "LAMP"}, {"retry", "--all"}, {"skip", "LAMP", "1"}} {
		assert.Equal(t, exitUsage, d.call(args...), "%v", args)
		assert.Contains(t, d.err, "--write", "%v", args)
	}
	assert.Len(t, d.rows(exitFound, "failures", "failures"), 1, "nothing was changed")

	assert.Len(t, d.rows(exitDone, "retried", "retry", "--all", "--write"), 1)
	assert.Empty(t, d.rows(exitDone, "failures", "failures"))
	assert.Equal(t, sequence, d.die("LAMP", "again"))
	assert.Equal(t, exitUnknown, d.call("skip", "LAMP", "99", "--write"), "another event")
	assert.Equal(t, exitDone, d.call("skip", "LAMP", "1", "--write"), d.err)
	assert.Empty(t, d.rows(exitDone, "failures", "failures"))
	assert.Equal(t, sequence+1, d.die("LAMP", "the next"))
	assert.Len(t, d.rows(exitDone, "retried", "retry", "LAMP", "--write"), 1)
}

func TestDriftIsFoundShownAndMended(t *testing.T) {
	d := open(t)
	d.furnish()
	assert.Equal(t, exitDone, d.call("reconcile", "LAMP", "SOFA"), "%s%s", d.out, d.err)
	d.drift()
	rows := d.rows(exitFound, "drifted", "reconcile", "LAMP", "SOFA")
	require.Len(t, rows, 1)
	assert.Equal(t, "here", rows[0]["batch"])
	assert.InDelta(t, 4, rows[0]["allocated"], 0)
	assert.InDelta(t, 5, rows[0]["allocated_by_lines"], 0)

	plan := d.rows(exitFound, "corrections", "mend", "LAMP")
	require.NotEmpty(t, plan)
	assert.Equal(t, "BatchCorrected", plan[0]["event"])
	assert.Len(t, d.rows(exitFound, "drifted", "reconcile", "LAMP"), 1, "nothing was changed")
	assert.Equal(t, plan, d.rows(exitDone, "corrections", "mend", "LAMP", "--write"))
	assert.Empty(t, d.rows(exitDone, "drifted", "reconcile", "LAMP"))
	assert.Empty(t, d.rows(exitDone, "corrections", "mend", "LAMP"))
}

func TestAllProductsAreReconciled(t *testing.T) {
	d := open(t)
	d.furnish()
	d.drift()
	rows := d.rows(exitFound, "drifted", "reconcile")
	require.Len(t, rows, 1)
	assert.Equal(t, []map[string]any{{"checked": 2.0, "drifted": 1.0}}, d.rows(exitFound, "summary", "reconcile"))
	assert.Equal(t, []map[string]any{{"checked": 1.0, "drifted": 0.0}},
		d.rows(exitDone, "summary", "reconcile", "--after", "LAMP"))
	assert.Empty(t, d.err, "there is no terminal")

	d.terminal = true
	d.rows(exitFound, "summary", "reconcile")
	assert.Contains(t, d.err, "products: 1 (LAMP), 1 disagree")
}

func TestWhatIsDueIsListedAndSwept(t *testing.T) {
	d := open(t)
	d.furnish()
	assert.Empty(t, d.rows(exitDone, "due", "due"))
	assert.Len(t, d.rows(exitDone, "due", "due", "--by", "+48h"), 2, "the shipment and the hold, in time")
	d.clock = morning.Add(2 * time.Hour)
	rows := d.rows(exitFound, "due", "holds")
	require.Len(t, rows, 1)
	assert.Equal(t, "order-2", rows[0]["order"])
	d.clock = morning.Add(48 * time.Hour)
	assert.Len(t, d.rows(exitFound, "due", "due"), 2)
	assert.Len(t, d.rows(exitFound, "due", "due", "--kind", "arrival"), 1)

	assert.Equal(t, exitUsage, d.call("sweep"))
	assert.Len(t, d.rows(exitFound, "due", "holds"), 1, "nothing was changed")
	assert.Equal(t, []map[string]any{{"recorded": 1.0}}, d.rows(exitDone, "swept", "sweep", "--write"))
	assert.Empty(t, d.rows(exitDone, "due", "holds"))
}

func TestStatusSaysWhatIsWrong(t *testing.T) {
	d := open(t)
	d.furnish()
	d.die("LAMP", "refused")
	d.drift()
	d.clock = morning.Add(48 * time.Hour)
	states := map[any]any{}
	for _, row := range d.rows(exitFound, "status", "status", "--drift") {
		states[row["question"]] = row["state"]
	}
	assert.Equal(t, map[any]any{
		"tables and settings": "ok", "clock ahead of the database's": "ok", "unsent events": "LOOK",
		"dead letters": "LOOK", "lapsed holds": "LOOK", "overdue shipments": "LOOK",
		"expired batches with promises": "ok", "late lines": "ok", "lines that wait too long": "ok",
		"drifted of 2 products": "LOOK", "events ahead of this clock": "ok", "products with low stock": "ok",
	}, states)
	d.call("status")
	assert.Contains(t, d.out, "runbook", "people learn where to read on")
}

func TestLowStockIsNewsAndNoError(t *testing.T) {
	d := open(t)
	d.furnish()
	require.NoError(t, d.service.SetLowStock(t.Context(), "SOFA", 10))
	states := map[any]any{}
	for _, row := range d.rows(exitDone, "status", "status") {
		states[row["question"]] = row["state"]
	}
	assert.Equal(t, "NOTE", states["products with low stock"])
}

func TestLinesThatWaitAreCountedAndHaveAPlace(t *testing.T) {
	d := open(t)
	d.furnish()
	for _, order := range []allocation.OrderID{"order-3", "order-4"} {
		_, err := d.service.Allocate(t.Context(), allocation.Request{
			OrderLine: allocation.OrderLine{OrderID: order, SKU: "SOFA", Quantity: 2}, Wait: true,
		})
		require.NoError(t, err)
	}
	assert.Equal(t, []map[string]any{{"sku": "SOFA", "lines": 2.0, "units": 4.0}},
		d.rows(exitDone, "waiting", "stock", "SOFA", "LAMP"))
	assert.Equal(t, []any{"SOFA"}, column(d.rows(exitDone, "products", "stock", "--waiting"), "sku"))
	lines := d.rows(exitDone, "lines", "order", "order-4")
	require.Len(t, lines, 1)
	assert.InDelta(t, 1, lines[0]["before"], 0)
	lines = d.rows(exitDone, "lines", "order", "order-1")
	require.Len(t, lines, 1)
	assert.Nil(t, lines[0]["before"])
}

func TestSentEventsArePurged(t *testing.T) {
	d := open(t)
	d.furnish()
	assert.Equal(t, exitUsage, d.call("purge", "--before", "now"))
	rows := d.rows(exitDone, "purged", "purge", "--before", "+1h", "--write")
	assert.InDelta(t, 0, rows[0]["events"], 0, "unsent events stay")
	d.die("LAMP", "never")
	assert.Equal(t, exitDone, d.call("skip", "LAMP", "1", "--write"), d.err)
	rows = d.rows(exitDone, "purged", "purge", "--before", "+1h", "--write")
	assert.InDelta(t, 1, rows[0]["events"], 0)
}

func TestAFileThatIsNotThereIsMadeByMigrateAlone(t *testing.T) {
	d := &desk{t: t, clock: morning, dsn: "sqlite:" + t.TempDir() + "/none.db"}
	assert.Equal(t, exitError, d.call("check"))
	assert.Equal(t, exitError, d.call("migrate"))
	assert.Equal(t, exitError, d.call("sweep", "--write"))
	assert.Equal(t, exitDone, d.call("migrate", "--write"), d.err)
	assert.Equal(t, exitDone, d.call("check"))
	assert.Equal(t, exitFound, d.call("check", "--table-prefix", "other_"), "no such tables")
	assert.Equal(t, exitFound, d.call("status", "--table-prefix", "other_"))
	assert.Contains(t, d.out, "not migrated")
}

func TestAnInterruptHasACodeOfItsOwn(t *testing.T) {
	d := open(t)
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	a := &app{
		stdout: &strings.Builder{}, stderr: &strings.Builder{}, now: time.Now,
		getenv: func(string) string { return d.dsn },
	}
	assert.Equal(t, exitInterrupted, a.run(ctx, []string{"check"}))
}

func TestCompletionAndHelpNeedNoDatabase(t *testing.T) {
	d := &desk{t: t}
	for _, args := range [][]string{{"help"}, {"completion", "bash"}, {"help", "mend"}, {"status", "--help"}} {
		assert.Equal(t, exitDone, d.callOn("", args...), "%v", args)
		assert.NotEmpty(t, d.out, "%v", args)
	}
}

// The reading commands can't write even if a bug made them try.
func TestConnectionsAreReadOnlyUnlessToldToWrite(t *testing.T) {
	d := open(t)
	d.furnish()
	a := &app{now: func() time.Time { return morning }, getenv: func(string) string { return d.dsn }}
	s, err := a.open(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.close()) }()
	_, err = s.service.Cancel(t.Context(), "order-1")
	require.Error(t, err)
	lines, err := d.store.Order(t.Context(), "order-1")
	require.NoError(t, err)
	assert.Equal(t, allocation.Quantity(7), lines[0].Quantity)
}

// An interrupted run over all products says where to go on.
func TestAnInterruptedReconcileGoesOn(t *testing.T) {
	d := open(t)
	d.furnish()
	ctx, interrupt := context.WithCancel(t.Context())
	var out, errs strings.Builder
	a := &app{
		stdout: &out, stderr: &interrupter{&errs, interrupt}, terminal: true, now: func() time.Time { return morning },
		getenv: func(string) string { return d.dsn },
	}
	assert.Equal(t, exitDone, a.run(ctx, []string{"reconcile"}), "both products are of one page")
	assert.Contains(t, errs.String(), "products: 1 (LAMP), 0 disagree", "the interrupt came here")
	errs.Reset()
	assert.Equal(t, exitInterrupted, a.run(ctx, []string{"reconcile", "--after", "LAMP"}))
	assert.Contains(t, errs.String(), `go on with --after "LAMP"`)
}

// interrupter interrupts the tool when the tool writes.
type interrupter struct {
	io.Writer
	interrupt func()
}

func (i *interrupter) Write(text []byte) (int, error) {
	i.interrupt()
	return i.Writer.Write(text)
}
