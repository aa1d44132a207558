package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/views"
)

// mostCounted is where counting ends: from there on a status says "at least".
const mostCounted = 10_000

// mostLow is where counting products with low stock ends.
const mostLow = 100

func (a *app) statusCommand() *cobra.Command {
	var limits limits
	var drifts bool
	cmd := a.command("status", "Say what is wrong: outbox, dead letters, lapsed holds, overdue shipments, drift",
		"Each row is a question; LOOK says that a person should. The exit code is 3 if there is such a row.\n"+
			"NOTE is news that may need nobody, such as low stock. docs/runbook.md says what to do about each.\n"+
			"--drift looks at all products, which takes a while: it compares counters, and finds events that are\n"+
			"ahead of the clock here.",
		cobra.NoArgs, false, func(ctx context.Context, s *shop, _ []string) error {
			return s.status(ctx, limits, drifts)
		})
	cmd.Flags().DurationVar(&limits.unsent, "max-unsent", time.Minute, "how long an event may wait to be sent")
	cmd.Flags().DurationVar(&limits.lapsed, "max-lapsed", time.Hour, "how long a lapsed hold may wait to be swept")
	cmd.Flags().DurationVar(&limits.clock, "max-clock", time.Second, "how far this clock may be from the database's")
	cmd.Flags().BoolVar(&drifts, "drift", false, "compare counters, lines and events of all products")
	return cmd
}

// limits are the values up to which all is well.
type limits struct{ unsent, lapsed, clock time.Duration }

// isMisfit reports whether an error is about tables or settings, and not about the database being away.
func isMisfit(err error) bool {
	return errors.Is(err, sqlstore.ErrNotMigrated) || errors.Is(err, allocation.ErrInvalid)
}

// status answers the questions of the night.
func (s *shop) status(ctx context.Context, limits limits, drifts bool) error {
	problem, err := s.misfit(ctx)
	if err != nil {
		return err
	}
	r := &report{}
	t := r.table("status", "state", "question", "answer", "since", "see")
	wrong := false
	answer := func(bad bool, question string, value any, since time.Time, see string) {
		state := "ok"
		if bad {
			state, wrong = "LOOK", true
		} else {
			see = ""
		}
		t.add(state, question, value, since, see)
	}
	answer(problem != "", "tables and settings", problem, time.Time{}, "check, migrate")
	if problem == "" {
		if err := s.answers(ctx, limits, drifts, answer); err != nil {
			return err
		}
	}
	if problem == "" {
		if err := s.noteLowStock(ctx, t); err != nil {
			return err
		}
	}
	if err := s.print(r); err != nil {
		return err
	}
	if wrong {
		s.hint("docs/runbook.md of the library says what to do about each LOOK.")
		return errFound
	}
	return nil
}

// noteLowStock adds a row for products at their limit. Such a product is no error: the exit code stays as it is.
func (s *shop) noteLowStock(ctx context.Context, t *table) error {
	low, err := s.store.Products(ctx, s.now(), views.ProductFilter{Low: true}, "", mostLow+1)
	if err != nil {
		return err
	}
	state, see := "ok", ""
	if len(low) > 0 {
		state, see = "NOTE", "stock --low, stock SKU"
	}
	count := atLeast(min(len(low), mostLow), len(low) > mostLow)
	t.add(state, "products with low stock", count, time.Time{}, see)
	return nil
}

// answers answers the questions about the data.
func (s *shop) answers(
	ctx context.Context, limits limits, drifts bool,
	answer func(bad bool, question string, value any, since time.Time, see string),
) error {
	skew, err := s.skew(ctx)
	if err != nil {
		return err
	}
	answer(skew.Abs() > limits.clock, "clock ahead of the database's", skew, time.Time{}, "the clocks of all machines")
	backlog, err := s.store.Backlog(ctx)
	if err != nil {
		return err
	}
	old := !backlog.Oldest.IsZero() && s.now().Sub(backlog.Oldest) > limits.unsent
	answer(old, "unsent events", backlog.Events, backlog.Oldest, "failures, the log of the relay")
	dead, more, err := s.failures(ctx, mostCounted, true)
	if err != nil {
		return err
	}
	answer(len(dead) > 0, "dead letters", atLeast(len(dead), more), time.Time{}, "failures --dead, retry, skip")
	for _, q := range []struct {
		question, see string
		kind          views.DueKind
		patience      time.Duration
		counts        func(views.Due) bool
	}{
		{"lapsed holds", "holds, sweep", views.DueHold, limits.lapsed, func(views.Due) bool { return true }},
		{"overdue shipments", "due --kind arrival", views.DueArrival, 0, func(views.Due) bool { return true }},
		{"expired batches with promises", "due --kind expiry, batch", views.DueExpiry, 0,
			func(d views.Due) bool { return d.Promised > 0 }},
		{"late lines", "due --kind late, order", views.DueLate, 0, func(views.Due) bool { return true }},
		{"lines that wait too long", "due --kind waiting, sweep", views.DueWaiting, limits.lapsed,
			func(views.Due) bool { return true }},
	} {
		count, more, first, err := s.dueCount(ctx, q.kind, q.counts)
		if err != nil {
			return err
		}
		answer(count > 0 && s.now().Sub(first) >= q.patience, q.question, atLeast(count, more), first, q.see)
	}
	if !drifts {
		return nil
	}
	d := newDrift(&report{})
	if err := s.reconcile(ctx, nil, "", d); err != nil {
		return err
	}
	answer(d.products > 0, fmt.Sprintf("drifted of %d products", d.checked), d.products, time.Time{}, "reconcile, mend")
	ahead, at, err := s.ahead(ctx, limits.clock)
	if err != nil {
		return err
	}
	answer(ahead > 0, "events ahead of this clock", ahead, at, "ledger --since now, the clocks of all machines")
	return nil
}

// ahead returns how far events are ahead of the clock here, if by more than the limit, and the time of the last of
// them. The clock of the process that recorded the events is ahead then, or the clock here is behind. The query looks
// at the last event of each product.
func (s *shop) ahead(ctx context.Context, limit time.Duration) (ahead time.Duration, at time.Time, err error) {
	now := s.now()
	entries, err := s.store.Entries(ctx, now.Add(limit), "", views.Key{}, pageRows)
	for _, e := range entries {
		if d := e.Event.Time().Sub(now); d > max(limit, ahead) {
			ahead, at = d, e.Event.Time()
		}
	}
	return ahead, at, err
}

// atLeast returns a count, as a text if there are more.
func atLeast(count int, more bool) any {
	if more {
		return fmt.Sprintf("%d or more", count)
	}
	return count
}

// clocks are the queries for the time of a server, in microseconds since 1970.
var clocks = map[*sqlstore.Dialect]string{
	sqlstore.PostgreSQL: `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`,
	sqlstore.MariaDB:    `SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)`,
}

// skew returns how far the clock of this machine is ahead of the database's, up to half the time of the query.
func (s *shop) skew(ctx context.Context) (time.Duration, error) {
	query, has := clocks[s.dialect]
	if !has {
		return 0, nil // the database is on this machine
	}
	before := s.now()
	var micros int64
	if err := s.db.QueryRowContext(ctx, query).Scan(&micros); err != nil {
		return 0, err
	}
	after := s.now()
	middle := before.Add(after.Sub(before) / 2)
	return middle.Sub(time.UnixMicro(micros)).Round(time.Millisecond), nil
}
