package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// audit compares three accounts of a drop: the ledger, the lines in the database, and the books of the offices.
type audit struct {
	drop    drop
	store   *sqlstore.Store
	service *allocation.Service
	said    books

	history *history
	orders  [endings]int
	seats   [endings]allocation.Quantity
	waited  [endings]int // orders that waited
	longest int          // minutes that a caller waited for an offer
}

// report prints the report. The error lists everything that is wrong.
func (a *audit) report(ctx context.Context, out io.Writer) error {
	if err := a.replay(ctx); err != nil {
		return err
	}
	a.count()
	if err := a.checkDatabase(ctx); err != nil {
		return err
	}
	a.checkSums()
	a.print(out)
	return a.verdict()
}

// replay reads the ledger from the first event on.
func (a *audit) replay(ctx context.Context) error {
	a.history = newHistory(a.drop.Callers)
	for {
		events, err := a.store.Events(ctx, allocation.SKU(a.drop.Concert), a.history.number, 1000)
		if err != nil || len(events) == 0 {
			return err
		}
		for _, e := range events {
			a.history.replay(e)
		}
	}
}

// count adds up the callers by the end of their stories.
func (a *audit) count() {
	for _, l := range a.history.lives {
		a.orders[l.end]++
		a.seats[l.end] += l.seats
		if l.place > 0 {
			a.waited[l.end]++
		}
		if l.place > 0 && l.offers > 0 {
			a.longest = max(a.longest, l.first-l.calls)
		}
	}
}

// checkDatabase compares the ledger with the lines and counters in the database.
func (a *audit) checkDatabase(ctx context.Context) error {
	concert := allocation.SKU(a.drop.Concert)
	drift, err := a.service.Reconcile(ctx, concert)
	if err != nil {
		return err
	}
	if drift.Drifted() {
		a.history.complain("counters, lines and events disagree: %+v", drift)
	}
	sold := map[allocation.OrderID]bool{}
	var after allocation.Rank
	for {
		page, err := a.store.BatchLines(ctx, hallOf(concert), after, 1000)
		if err != nil {
			return err
		}
		for _, row := range page {
			sold[row.OrderID], after = true, row.Rank()
			if l := a.history.lives[row.OrderID]; l == nil || l.end != paid || l.seats != row.Quantity {
				a.history.complain("%s has %d seats in the database", row.OrderID, row.Quantity)
			}
		}
		if len(page) == 0 {
			break
		}
	}
	a.equal("orders with seats in the database, and paid in the ledger", len(sold), a.orders[paid])
	return nil
}

// checkSums compares the sums of the ledger with the sums of the offices.
func (a *audit) checkSums() {
	a.equal("seats paid and free, and seats for sale",
		int(a.seats[paid]+a.history.free), int(a.drop.Seats))
	a.equal("orders that paid, by offices and ledger", a.said.Paid, a.orders[paid])
	a.equal("seats that were paid, by offices and ledger", int(a.said.Seats), int(a.seats[paid]))
	a.equal("callers, and calls at the offices", a.drop.Callers, a.said.Called)
	a.equal("refusals, by offices and ledger", a.said.Refused, a.orders[refused])
	a.equal("callers who left, by offices and ledger", a.said.Left, a.orders[gaveBack]+a.orders[hungUp])
	a.equal("callers who wait or hold at the end, and nobody", a.orders[waiting]+a.orders[holding], 0)
	for _, l := range a.history.lives {
		if l.end == refused && l.waits {
			a.history.complain("%s wanted to wait and is not in the ledger", l.order())
		}
	}
}

func (a *audit) equal(of string, got, want int) {
	if got != want {
		a.history.complain("%s: %d and %d", of, got, want)
	}
}

// print prints the sums.
func (a *audit) print(out io.Writer) {
	h, where := a.history, "one SQLite file"
	if a.drop.DSN != "" {
		where = "one PostgreSQL database"
	}
	fmt.Fprintf(out, "%d seats, %d callers, %d box offices in processes of their own, over %s.\n\n",
		a.drop.Seats, a.drop.Callers, offices, where)
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "callers\twho waited\tseats\t")
	var orders, waited int
	for end, text := range endingTexts {
		if a.orders[end] > 0 || text.always {
			fmt.Fprintf(w, "%d\t%d\t%d\t  %s\n", a.orders[end], a.waited[end], a.seats[end], text.text)
		}
		orders, waited = orders+a.orders[end], waited+a.waited[end]
	}
	fmt.Fprintf(w, "%d\t%d\t\t  in all\n", orders, waited)
	_ = w.Flush() // an output that fails is of no interest to the audit
	fmt.Fprintf(out, "\nSeats: %d for sale, %d paid, %d left.\n", a.drop.Seats, a.seats[paid], h.free)
	fmt.Fprintf(out, "Offers: %d, of these %d to callers who had waited, for %d minutes at most.\n",
		h.offers, a.waited[paid]+a.waited[gaveBack]+a.waited[lapsed], a.longest)
	fmt.Fprintf(out, "Served out of turn: %d. Payments that came too late: %d.\n", h.outOf, a.said.TooLate)
}

// endingTexts explain the rows of the report.
var endingTexts = [endings]struct {
	text   string
	always bool
}{
	paid:     {"paid", true},
	gaveBack: {"gave the seats back", true},
	lapsed:   {"let the offer lapse", true},
	hungUp:   {"stopped waiting", true},
	inVain:   {"waited in vain until the closing", true},
	refused:  {"found too few seats, and didn't wait", true},
	waiting:  {"still wait", false},
	holding:  {"still have an offer", false},
}

// verdict says whether everything adds up.
func (a *audit) verdict() error {
	const most = 10
	wrong := a.history.wrong
	if len(wrong) == 0 {
		return nil
	}
	text := strings.Join(wrong[:min(most, len(wrong))], "\n  ")
	return errors.New(fmt.Sprintf("%d faults, the first of them:\n  ", len(wrong)) + text)
}
