package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

const teas = "ref,sku,quantity,eta,location,best_before,lot\n" +
	"b1,tea,9,,south,2090-01-01,\n" +
	"b2,tea,9,2089-06-01,north,2095-01-01,L-7\n" +
	"b3,tea,9,,north,2091-01-01,\n"

func TestTermsBindALineToTheBatchesThatFit(t *testing.T) {
	orders := write(t, "orders.csv", "order,sku,quantity,needed_by,fresh_until,location\n"+
		"o1,tea,1,,,\n"+
		"o2,tea,2,,,north\n"+
		"o3,tea,3,,2092-01-01,\n"+
		"o4,tea,4,2089-05-31,2090-06-01T12:00:00+02:00,\n"+
		"o5,tea,4,2089-05-31,2092-01-01,\n"+
		"o6,tea,1,,,east\n")
	batches, db := write(t, "batches.csv", teas), database(t)
	for range 2 { // a second run takes nothing more
		a := call("-batches", batches, "-orders", orders, "-db", db)
		require.Equal(t, exitDone, a.code, a.err)
		require.Regexp(t, `o1 +tea +1 +b1 .*\no2 +tea +2 +b3 .*\no3 +tea +3 +b2 .*\no4 +tea +4 +b3 `, a.out)
		require.Equal(t, []string{"o5     tea  4       0", "o6     tea  1       0"}, a.section(t, "SHORT"))
	}
}

func TestBlockedBatchesAreNotSold(t *testing.T) {
	batches := write(t, "batches.csv", "ref,sku,quantity,blocked\nb1,tea,9,returned by order o0\nb2,tea,2,\n")
	orders, db := write(t, "orders.csv", "order,sku,quantity\no1,tea,1\no2,tea,2\n"), database(t)
	for range 2 {
		a := call("-batches", batches, "-orders", orders, "-db", db)
		require.Equal(t, exitDone, a.code, a.err)
		require.Regexp(t, `o1 +tea +1 +b2 `, a.out)
		require.Equal(t, []string{"o2     tea  2       1"}, a.section(t, "SHORT"))
		require.Equal(t, []string{"tea  1                 "}, a.section(t, "LEFT"))
	}
	bad := write(t, "batches.csv", "ref,sku,quantity,blocked\nb3,tea,9,wet \n")
	a := call("-batches", bad, "-orders", orders, "-db", db)
	require.Equal(t, exitBadRows, a.code)
	require.Contains(t, a.err, bad+`:2: blocked "wet ": invalid: `)
}

func TestLinesOfOneProductAreToldApart(t *testing.T) {
	batches, db := write(t, "batches.csv", teas), database(t)
	orders := write(t, "orders.csv", "order,sku,line,quantity\no1,tea,gift,2\no1,tea,,3\no1,tea,gift,1\no2,tea,x,90\n")
	for range 2 {
		a := call("-batches", batches, "-orders", orders, "-db", db)
		require.Equal(t, exitDone, a.code, a.err)
		require.Regexp(t, `o1 +tea \(gift\) +3 +b1 .*\no1 +tea +3 +b1 `, a.out)
		require.Regexp(t, `o2 +tea \(x\) +90 +`, a.out)
	}
	bad := write(t, "orders.csv", "order,sku,line,quantity\no3,tea,,1\no3,tea,\" x\",1\n")
	a := call("-batches", batches, "-orders", bad, "-db", db)
	require.Equal(t, exitBadRows, a.code)
	require.Contains(t, a.err, bad+`:3: line " x": invalid: `)
}

func TestALineKeepsItsPriority(t *testing.T) {
	ctx, db := t.Context(), database(t)
	batches := write(t, "batches.csv", "ref,sku,quantity\nb1,tea,9\n")
	orders := write(t, "orders.csv", "order,sku,quantity,priority\no1,tea,3,\no2,tea,3,-1\no3,tea,3,7\n")
	require.Equal(t, exitDone, call("-batches", batches, "-orders", orders, "-db", db).code)
	store, done, err := openStore(ctx, db)
	require.NoError(t, err)
	defer func() { require.NoError(t, done()) }()
	for order, want := range map[allocation.OrderID]int{"o1": 0, "o2": -1, "o3": 7} {
		lines, err := store.Order(ctx, order)
		require.NoError(t, err)
		require.Equal(t, want, lines[0].Priority, "priority of %q", order)
	}
	for text, reason := range map[string]string{
		"high":  `:2: priority "high" is no whole number; order o4 is left out`,
		"40000": `:2: priority "40000": invalid: `,
	} {
		bad := write(t, "orders.csv", "order,sku,quantity,priority\no4,tea,1,"+text+"\n")
		a := call("-batches", batches, "-orders", bad, "-db", database(t))
		require.Equal(t, exitBadRows, a.code)
		require.Contains(t, a.err, bad+reason)
	}
}

func TestAnotherLotIsABadRow(t *testing.T) {
	orders, db := write(t, "orders.csv", "order,sku,quantity\n"), database(t)
	require.Equal(t, exitDone, call("-batches", write(t, "batches.csv", teas), "-orders", orders, "-db", db).code)
	batches := write(t, "batches.csv", strings.Replace(teas, "L-7", "L-8", 1))
	a := call("-batches", batches, "-orders", orders, "-db", db)
	require.Equal(t, exitBadRows, a.code)
	require.Equal(t, batches+`:3: batch "b2": announced before: known with other data`+"\n", a.err)
}

func TestBadTermsAreReportedWithTheirColumn(t *testing.T) {
	batches := write(t, "batches.csv", teas+
		"b4,tea,1,,,,\" \"\n"+
		"b5,tea,1,2089-01-01,,2088-01-01,\n")
	orders := write(t, "orders.csv", "order,sku,quantity,needed_by,fresh_until,location\n"+
		"o1,tea,1,soon,,\n"+
		"o2,tea,1,,2090,\n"+
		"o3,tea,1,,,\"north \"\n"+
		"o4,tea,1,,,\n"+
		"o4,tea,1,2020-01-31,,\n"+
		"o5,tea,1,2020-01-31,,\n"+
		"o6,tea,1,,2020-01-31T01:00:00+01:00,\n"+
		"o7,tea,1,2089-01-01,,north\n")
	db := database(t)
	a := call("-batches", batches, "-orders", orders, "-db", db)
	require.Equal(t, exitBadRows, a.code)
	for _, want := range []string{
		batches + `:5: lot " ": invalid: `,
		batches + `:6: best_before "2088-01-01T00:00:00Z": invalid: `,
		orders + `:2: needed_by "soon" is no date such as 2027-01-31; order o1 is left out`,
		orders + `:3: fresh_until "2090" is no date such as 2027-01-31; order o2 is left out`,
		orders + `:4: location "north ": invalid: `,
		orders + `:6: needed_by "2020-01-31T00:00:00Z": invalid: all requests of order "o4"`,
		orders + `:7: needed_by "2020-01-31T00:00:00Z": invalid: must not have passed; order o5 is left out`,
		orders + `:8: fresh_until "2020-01-31T00:00:00Z": invalid: must not have passed; order o6 is left out`,
	} {
		require.Contains(t, a.err, want)
	}
	require.Equal(t, 8, strings.Count(a.err, "\n"), a.err)
	require.Regexp(t, `o7 +tea +1 +b3 `, a.out)

	changed := write(t, "orders.csv", "order,sku,quantity,needed_by,fresh_until,location\no7,tea,1,2089-01-01,,south\n")
	a = call("-batches", write(t, "batches.csv", teas), "-orders", changed, "-db", db)
	require.Equal(t, exitBadRows, a.code)
	require.Contains(t, a.err, changed+`:2: location "south": order "o7", line of sku "tea": known with other data`)
}
