package yardstick

import (
	"context"
	"errors"
	"fmt"
	"io"

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
	{"exec", "default_query_exec_mode=exec", false, false},
	{"exec, with functions", "default_query_exec_mode=exec", true, false},
	{"exec through PgBouncer", "default_query_exec_mode=exec", false, true},
	{"exec, with functions, through PgBouncer", "default_query_exec_mode=exec", true, true},
}

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
		{Name: "many-64", Callers: 64, SKUs: s.skus},
		{Name: "one-64", Callers: 64, SKUs: 1},
	} {
		if err := p.compareModes(ctx, s, w, dsn, pooled, out); err != nil {
			return fmt.Errorf("%s: %w", w.Name, err)
		}
	}
	return nil
}

// compareModes lets the sides take turns. pooled is the DSN through the pooler, "" for none.
func (p *place) compareModes(
	ctx context.Context, s size, w sides.Workload, dsn, pooled string, out io.Writer,
) (err error) {
	var all []*turn
	for i, mode := range modes {
		to := dsn
		if mode.pooled {
			to = pooled
		}
		if to == "" {
			continue
		}
		own := w
		own.Name = fmt.Sprintf("pooler-%s-%d", w.Name, i)
		if err := p.stock(ctx, dsn, own, harness.Plenty); err != nil {
			return err
		}
		db, store, err := p.Open(to+"&"+mode.parameter, w.Pool(), &sqlstore.Options{Functions: mode.functions})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		if err := store.Migrate(ctx); err != nil {
			return err
		}
		service, err := serve(store)
		if err != nil {
			return err
		}
		all = append(all, &turn{name: mode.name, who: serviceSide{service: service}, workload: own})
	}
	if err := takeTurns(ctx, s, all); err != nil {
		return err
	}
	table(out, "pooler-"+w.Name, w, all)
	for _, t := range all[1:] {
		fmt.Fprintf(out, "ratio %s pooler-%s, %s %.2f\n", p.Name, w.Name, t.name, t.over(all[0]))
	}
	fmt.Fprintln(out)
	return nil
}
