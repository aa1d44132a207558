package yardstick

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
)

// modes are the ways to send statements, directly and through a PgBouncer. The first is the measure.
var modes = []struct {
	name, parameter   string
	functions, pooled bool
}{
	{"prepared", "default_query_exec_mode=cache_statement", false, false},
	{"prepared, with functions", "default_query_exec_mode=cache_statement", true, false},
	{"exec", "default_query_exec_mode=exec", false, false},
	{"exec, with functions", "default_query_exec_mode=exec", true, false},
	{"exec through PgBouncer", "default_query_exec_mode=exec", false, true},
	{"exec, with functions, through PgBouncer", "default_query_exec_mode=exec", true, true},
}

// cold is the workload without cached products, so that each order loads a product.
const cold = "cold-1"

// pooler compares statements that the server plans anew each time with prepared statements. Each side has products of
// its own, since sides that share products spoil each other's cache.
func (p *place) pooler(ctx context.Context, s size, dsn string, out io.Writer) (err error) {
	if p.Name != "postgresql" {
		return nil
	}
	between, err := servers.StartPooled(ctx, p.Running, map[string]string{"default_pool_size": "64"})
	if errors.Is(err, servers.ErrNoServer) {
		fmt.Fprintf(out, "no side through PgBouncer: %v\n\n", err)
	} else if err != nil {
		return err
	}
	pooled := ""
	if between != nil {
		defer func() { err = errors.Join(err, between.Stop()) }()
		if pooled, err = between.Through(dsn); err != nil {
			return err
		}
	}
	for _, w := range []sides.Workload{
		{Name: "many-1", Callers: 1, SKUs: s.skus},
		{Name: cold, Callers: 1, SKUs: s.skus},
		{Name: "many-64", Callers: 64, SKUs: s.skus},
		{Name: "one-64", Callers: 64, SKUs: 1},
	} {
		if err := p.compareModes(ctx, s, w, dsn, pooled, out); err != nil {
			return fmt.Errorf("%s: %w", w.Name, err)
		}
	}
	return nil
}

// warm places an order for each product, so that all products are cached, if the Service has a cache.
func warm(ctx context.Context, service *allocation.Service, w sides.Workload) error {
	var all []allocation.Request
	for i := range w.SKUs {
		line := allocation.OrderLine{OrderID: "first", SKU: allocation.SKU(w.SKU(i)), Quantity: 1}
		all = append(all, allocation.Request{OrderLine: line})
	}
	for lines := range slices.Chunk(all, 100) {
		if _, err := service.Allocate(ctx, lines...); err != nil {
			return err
		}
	}
	return nil
}

// compareModes lets the sides take turns. pooled is the DSN through the pooler, "" for none.
func (p *place) compareModes(
	ctx context.Context, s size, w sides.Workload, dsn, pooled string, out io.Writer,
) (err error) {
	beside, err := p.Pool(dsn, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, beside.Close()) }()
	var all []*turn
	for i, mode := range modes {
		own := w
		own.Name = fmt.Sprintf("pooler-%s-%d", w.Name, i)
		t := &turn{name: mode.name, workload: own, processor: &processor{db: beside, name: own.Name}}
		to := dsn
		if mode.pooled {
			to, t.processor = pooled, nil
		}
		if to == "" {
			continue
		}
		if err := p.stock(ctx, dsn, own, harness.Plenty); err != nil {
			return err
		}
		to += "&" + mode.parameter + "&application_name=" + own.Name
		if err := p.openMode(ctx, t, to, mode.functions, w.Name != cold); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.close()) }()
		all = append(all, t)
	}
	if err := takeTurns(ctx, s, all); err != nil {
		return err
	}
	table(out, "pooler-"+w.Name, w, all)
	for _, t := range all[1:] {
		fmt.Fprintf(out, "ratio %s pooler-%s, %s %.2f\n", p.Name, w.Name, t.name, t.over(all[0]))
	}
	for _, t := range all {
		t.processor.write(out, p.Name, "pooler-"+w.Name+", "+t.name)
	}
	fmt.Fprintln(out)
	return nil
}

// openMode opens the library for a side, with all products in the cache, or without a cache.
func (p *place) openMode(ctx context.Context, t *turn, dsn string, functions, cached bool) (err error) {
	db, store, err := p.Open(dsn, t.workload.Pool(), &sqlstore.Options{Functions: functions})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	t.end = db.Close
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	opts := &allocation.ServiceOptions{}
	if !cached {
		opts.CacheSize = -1
	}
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), opts)
	if err != nil {
		return err
	}
	t.who = serviceSide{service: service}
	return warm(ctx, service, t.workload)
}
