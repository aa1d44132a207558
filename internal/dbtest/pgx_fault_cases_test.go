package dbtest

import (
	"context"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/cosmic-go/allocation"
)

// fewCommands are of each kind: one product and several, by SKU and by order, one commit and several.
var fewCommands = []string{"Allocate", "Allocate an order", "Cancel", "Sweep"}

// insertHostRow does nothing if there is the row, so that a host may begin again.
const insertHostRow = "INSERT INTO " + hostTable + " (id) VALUES ('of the host') ON CONFLICT (id) DO NOTHING"

// wireCases are the commands, each given in every way that it can be given. Few are enough for a mode of sending.
func wireCases(few bool) (all []wireCase) {
	for _, c := range commands {
		if few && !slices.Contains(fewCommands, c.name) {
			continue
		}
		all = append(all, alone(c), inside(c))
		if c.name != "Sweep" && c.name != "Mend" { // which take no guests
			all = append(all, withRows(c))
		}
		if c.name == "Allocate" || c.name == "Allocate an order" {
			all = append(all, cached(alone(c)), cached(withRows(c)), cached(inside(c)))
		}
	}
	return all
}

// alone is a command by itself.
func alone(c command) wireCase {
	return wireCase{name: c.name, clock: c.clock(), run: func(
		ctx context.Context, _ *wireRig, s *allocation.Service,
	) (any, error) {
		return c.run(ctx, s)
	}}
}

// withRows is a command with rows of the host's in the same commit: a Row and a Statement.
func withRows(c command) wireCase {
	guests := []allocation.Guest{onPostgreSQL.hostRow("a"), onPostgreSQL.hostRow("bb")}
	return wireCase{name: c.name + " with rows", clock: c.clock(), run: func(
		ctx context.Context, _ *wireRig, s *allocation.Service,
	) (any, error) {
		return c.run(ctx, s.With(guests...))
	}}
}

// inside is a command between a row of the host's and the commit, in a transaction of the host's.
func inside(c command) wireCase {
	return wireCase{name: c.name + " within", clock: c.clock(), run: func(
		ctx context.Context, r *wireRig, s *allocation.Service,
	) (value any, err error) {
		err = r.store.Within(ctx, s, func(ctx context.Context, tx pgx.Tx, inside *allocation.Service) error {
			if _, err := tx.Exec(ctx, insertHostRow); err != nil {
				return err
			}
			value, err = c.run(ctx, inside)
			return err
		}, "chair", "table")
		return value, err
	}}
}

// cached is a case whose products are in the cache of the Service.
func cached(c wireCase) wireCase {
	c.name += ", cached"
	c.before = func(ctx context.Context, s *allocation.Service) error {
		for i, sku := range []allocation.SKU{"chair", "table"} {
			if _, err := s.Allocate(ctx, firm(allocation.OrderID("before "+strconv.Itoa(i)), sku, 1)); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}
