package relay

import (
	"context"
	"time"
)

// check looks for what must not be there in the end, when all relays have ended.
func (r *run) check(ctx context.Context) error {
	for _, look := range []func(context.Context) error{r.checkUnsent, r.checkLeases} {
		if err := look(ctx); err != nil {
			return err
		}
	}
	if err := r.arrivals.compare(ctx, r.store, r.settings.skus()); err != nil {
		return err
	}
	if told := r.shop.told.Load(); int64(r.arrivals.recorded) < told {
		r.arrivals.fault(lost, "the ledger has %d of %d events of acknowledged commits", r.arrivals.recorded, told)
	}
	return nil
}

func (r *run) checkUnsent(ctx context.Context) error {
	backlog, err := r.store.Backlog(ctx)
	if err != nil {
		return err
	}
	if backlog.Events != 0 || backlog.Products != 0 {
		r.arrivals.fault(leftover, "the backlog is %+v", backlog)
	}
	failures, err := r.store.Failures(ctx, "", len(r.settings.skus()))
	for _, f := range failures {
		r.arrivals.fault(leftover, "failure %+v", f)
	}
	return err
}

// checkLeases demands that relays which have ended gave all leases back, and that those of the others end.
func (r *run) checkLeases(ctx context.Context) error {
	all, err := leases(ctx, r.db)
	for _, l := range all {
		r.left++
		if left := time.Until(l.until); r.ended[l.owner] || left > r.settings.Lease {
			r.arrivals.fault(leftover, "product %q is leased by %s for %s", l.sku, l.owner, left)
		}
	}
	return err
}
