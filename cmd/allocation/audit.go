package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cosmic-go/allocation"
)

func (a *app) reconcileCommand() *cobra.Command {
	var after string
	cmd := a.command("reconcile [SKU...]", "Compare counters, lines and events of products",
		"Without SKUs, reconcile goes over all products, or those after --after, so that an interrupted run\n"+
			"can go on. Only products that disagree are printed. The exit code is 3 if there is one; see mend.",
		cobra.ArbitraryArgs, false, func(ctx context.Context, s *shop, args []string) error {
			if len(args) > 0 && after != "" {
				return usage("--after is for all products, without SKUs")
			}
			r := &report{}
			d := newDrift(r)
			err := s.reconcile(ctx, args, allocation.SKU(after), d)
			if failed := s.print(r); err != nil || failed != nil {
				return errors.Join(err, failed)
			}
			if d.products > 0 {
				return errFound
			}
			return nil
		})
	cmd.Flags().StringVar(&after, "after", "", "only SKUs that sort after this one")
	return cmd
}

// drift collects the products whose accounts disagree.
type drift struct {
	products, checked int
	summary, table    *table
}

func newDrift(r *report) *drift {
	d := &drift{}
	d.table = r.table("drifted", "sku", "batch", "purchased", "purchased_by_events",
		"allocated", "allocated_by_lines", "allocated_by_events", "version", "last_event")
	d.summary = r.table("summary", "checked", "drifted")
	return d
}

// add notes the audit of a product.
func (d *drift) add(found allocation.Audit) {
	d.checked++
	if found.Drifted() {
		d.products++
		for _, t := range found.Tallies {
			d.table.add(found.SKU, t.Batch, t.Purchased, t.RecordedPurchased,
				t.Allocated, t.Promised, t.RecordedAllocated, found.Version, found.LastEvent)
		}
		if len(found.Tallies) == 0 {
			d.table.add(found.SKU, nil, nil, nil, nil, nil, nil, found.Version, found.LastEvent)
		}
	}
	d.summary.rows = [][]any{{d.checked, d.products}}
}

// reconcile audits the named products, or all.
func (s *shop) reconcile(ctx context.Context, skus []string, after allocation.SKU, d *drift) error {
	for _, sku := range skus {
		found, err := s.service.Reconcile(ctx, allocation.SKU(sku))
		if err != nil {
			return unknown(err)
		}
		d.add(found)
	}
	if len(skus) > 0 {
		return nil
	}
	p := s.progress("products")
	defer p.end()
	for found, err := range s.service.ReconcileAll(ctx, after) {
		if err != nil {
			return fmt.Errorf("go on with --after %q: %w", after, err)
		}
		d.add(found)
		after = found.SKU
		p.show(d.checked, fmt.Sprintf(" (%s), %d disagree", cell(after), d.products))
	}
	return nil
}

func (a *app) mendCommand() *cobra.Command {
	return a.command("mend SKU...", "Show the correction of drifted counters, and with --write carry it out",
		"Promises to customers count as true. Where a batch has promised more than it has, lines move to\n"+
			"other batches, the earliest first, or are released, and their customers need a message. Without\n"+
			"--write nothing changes, and the exit code is 3 if there is something to correct.",
		cobra.MinimumNArgs(1), false, func(ctx context.Context, s *shop, args []string) error {
			r := &report{}
			t := r.table("corrections",
				"sku", "event", "batch", "order", "line", "quantity", "allocated_from", "allocated_to")
			versions := r.table("versions", "sku", "from", "to")
			var failed error
			for _, arg := range args {
				plan, err := s.mend(ctx, allocation.SKU(arg))
				if err != nil {
					failed = unknown(err)
					break
				}
				if plan.Version != plan.Read {
					versions.add(plan.SKU, plan.Read, plan.Version)
				}
				for _, e := range plan.Events {
					addCorrection(t, plan.SKU, e)
				}
			}
			if err := errors.Join(failed, s.print(r)); err != nil {
				return err
			}
			if !s.write && len(versions.rows) > 0 {
				return errFound
			}
			return nil
		})
}

// mend returns the plan of a correction, and carries the correction out if the tool may write. Another command between
// the two may change the product; then the plan shown is outdated.
func (s *shop) mend(ctx context.Context, sku allocation.SKU) (allocation.Changes, error) {
	plan, err := s.service.PlanMend(ctx, sku)
	if err != nil || !s.write {
		return plan, err
	}
	_, err = s.service.Mend(ctx, sku)
	return plan, err
}

// addCorrection adds an event of a plan.
func addCorrection(t *table, sku allocation.SKU, event allocation.Event) {
	switch e := event.(type) {
	case allocation.BatchCorrected:
		t.add(sku, e.Kind(), e.Batch, nil, nil, nil, e.AllocatedFrom, e.AllocatedTo)
	case allocation.LineAllocated:
		t.add(sku, e.Kind(), e.Batch, e.OrderID, e.Line, e.Quantity, nil, nil)
	case allocation.LineDeallocated:
		t.add(sku, e.Kind(), e.Batch, e.OrderID, e.Line, e.Quantity, nil, nil)
	case allocation.LineReleased:
		t.add(sku, e.Kind(), e.Batch, e.OrderID, e.Line, e.Quantity, nil, nil)
	default:
		batch, _, _ := event.Movement()
		t.add(sku, event.Kind(), batch, nil, nil, nil, nil, nil)
	}
}

func (a *app) sweepCommand() *cobra.Command {
	return a.command("sweep", "Record lapsed holds, expired batches and late lines, and serve those who wait",
		"A shop sweeps by itself, see the method Sweep of Service. What was recorded before an error or an\n"+
			"interrupt stays. Those who wait are served from the earliest batch, whatever the policy of the\n"+
			"shop.",
		cobra.NoArgs, true, func(ctx context.Context, s *shop, _ []string) error {
			swept, err := s.service.Sweep(ctx)
			r := &report{}
			r.table("swept", "recorded").add(swept)
			return errors.Join(err, s.print(r))
		})
}

func (a *app) migrateCommand() *cobra.Command {
	cmd := a.command("migrate", "Create the tables, or bring them to the version of this program",
		"Stop all programs of earlier versions before. Without --write, migrate only says whether there is\n"+
			"something to do, with the exit code 3.",
		cobra.NoArgs, false, func(ctx context.Context, s *shop, _ []string) error {
			if !s.write {
				return s.check(ctx)
			}
			if err := s.store.Migrate(ctx); err != nil {
				return err
			}
			return s.check(ctx)
		})
	cmd.PreRun = func(*cobra.Command, []string) { a.create = a.write }
	return cmd
}

func (a *app) checkCommand() *cobra.Command {
	return a.command("check", "Check the connection, the version of the tables, and settings of the database",
		"The exit code is 3 if the tables or the settings don't fit this program.",
		cobra.NoArgs, false, func(ctx context.Context, s *shop, _ []string) error { return s.check(ctx) })
}

// check checks the tables and the connection.
func (s *shop) check(ctx context.Context) error {
	if err := s.db.PingContext(ctx); err != nil {
		return err
	}
	problem, err := s.misfit(ctx)
	if err != nil {
		return err
	}
	r := &report{}
	r.table("checks", "engine", "fits", "problem").add(s.engine, problem == "", problem)
	if err := s.print(r); err != nil {
		return err
	}
	if problem != "" {
		return errFound
	}
	return nil
}

// misfit returns the problem of tables or settings, "" for none.
func (s *shop) misfit(ctx context.Context) (string, error) {
	err := s.store.CheckSchema(ctx)
	if err == nil {
		return "", nil
	}
	if isMisfit(err) {
		return s.redact(strings.TrimPrefix(err.Error(), "allocation: ")), nil
	}
	return "", err
}
