package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/cosmic-go/allocation/views"
)

func (a *app) dueCommand() *cobra.Command {
	var by string
	var kinds []string
	var limit int
	cmd := a.command("due", "List what is due: shipments, expiries, holds, late lines, lines that wait",
		"By default due lists what is overdue now. The exit code is 3 if anything is overdue now.",
		cobra.NoArgs, false, func(ctx context.Context, s *shop, _ []string) error {
			list := make([]views.DueKind, len(kinds))
			for i, kind := range kinds {
				list[i] = views.DueKind(kind)
			}
			return s.due(ctx, by, limit, list...)
		})
	cmd.Flags().StringVar(&by, "by", "now", "due by this time: 2030-01-31, 2030-01-31T15:00:00Z, now, +24h")
	cmd.Flags().StringSliceVar(&kinds, "kind", nil, "only arrival, expiry, hold, late, waiting; several with commas")
	limitFlag(cmd, &limit)
	return cmd
}

func (a *app) holdsCommand() *cobra.Command {
	var by string
	var limit int
	cmd := a.command("holds", "List holds by the time of their end",
		"By default holds lists the holds that have lapsed and that nothing has cleared. Lapsed holds block\n"+
			"no sale; see sweep. A hold that should have lapsed and isn't listed ends later: look for it with\n"+
			"--by +720h, and compare the clocks of the shop's machines. The exit code is 3 if a hold has lapsed.",
		cobra.NoArgs, false, func(ctx context.Context, s *shop, _ []string) error {
			return s.due(ctx, by, limit, views.DueHold)
		})
	cmd.Flags().StringVar(&by, "by", "now", "holds that end by this time: 2030-01-31, 2030-01-31T15:00:00Z, now, +24h")
	limitFlag(cmd, &limit)
	return cmd
}

// due lists the rows that are due by a time.
func (s *shop) due(ctx context.Context, by string, limit int, kinds ...views.DueKind) error {
	until, err := s.parseTime(by)
	if err != nil {
		return err
	}
	found, more, err := paged(limit, func(last *views.Due, n int) ([]views.Due, error) {
		var after views.Key
		if last != nil {
			after = last.Key()
		}
		return s.store.Due(ctx, until, after, n, kinds...)
	})
	if err != nil {
		return err
	}
	r := &report{more: more}
	t := r.table("due", "at", "kind", "sku", "batch", "order", "line", "quantity", "promised", "told")
	overdue := false
	for _, d := range found {
		t.add(d.At, d.Kind, d.SKU, d.Batch, d.OrderID, d.Line, d.Quantity, d.Promised, d.Told)
		overdue = overdue || !d.At.After(s.now())
	}
	if err := s.print(r); err != nil {
		return err
	}
	if overdue {
		return errFound
	}
	return nil
}

// dueCount counts the rows of a kind that are due now, up to mostCounted, and returns the time of the first, zero for
// none.
func (s *shop) dueCount(
	ctx context.Context, kind views.DueKind, counts func(views.Due) bool,
) (count int, more bool, first time.Time, err error) {
	found, more, err := paged(mostCounted, func(last *views.Due, n int) ([]views.Due, error) {
		var after views.Key
		if last != nil {
			after = last.Key()
		}
		return s.store.Due(ctx, s.now(), after, n, kind)
	})
	for _, d := range found {
		if !counts(d) {
			continue
		}
		if count == 0 {
			first = d.At
		}
		count++
	}
	return count, more, first, err
}
