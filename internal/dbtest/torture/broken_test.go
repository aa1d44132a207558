package main

import (
	"context"
	"database/sql/driver"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cosmic-go/allocation"
)

// spoilVariable tells a client which of the spoilers it uses.
const spoilVariable = "ALLOCATION_TORTURE_SPOILER"

// spoilers make a store that a run has to find out.
var spoilers = map[string]spoiler{
	"no version check":            func(s allocation.Store) allocation.Store { return &blind{bookkeeper: s.(bookkeeper)} },
	"a commit for each product":   func(s allocation.Store) allocation.Store { return &piecemeal{bookkeeper: s.(bookkeeper)} },
	"commits that are forgotten":  func(s allocation.Store) allocation.Store { return &forgetful{bookkeeper: s.(bookkeeper)} },
	"commits said to have failed": func(s allocation.Store) allocation.Store { return &denying{bookkeeper: s.(bookkeeper)} },
}

func TestTortureFindsWhatIsBroken(t *testing.T) {
	wanted := map[string][]faultKind{ // any of them: which one it is depends on the moment
		"no version check":            {oversold, drift},
		"a commit for each product":   {torn, doubled, leftover},
		"commits that are forgotten":  {lost},
		"commits said to have failed": {leftover},
	}
	for _, name := range slices.Sorted(maps.Keys(spoilers)) {
		t.Run(name, func(t *testing.T) {
			s := &settings{
				Engine: "sqlite", Seed: 1, Processes: 2, Callers: 4, SKUs: 2, Commands: 10, For: 30 * time.Second,
			}
			where := placed(t, s)
			where.dsn += "&_pragma=ignore_check_constraints(1)" // the database would refuse to oversell
			t.Setenv(spoilVariable, name)
			found := tortured(t, s, where)
			var faults []string
			for _, kind := range wanted[name] {
				faults = append(faults, found.faults[kind]...)
			}
			assert.NotEmpty(t, faults, "faults of the kinds %q", wanted[name])
		})
	}
}

// bookkeeper is a store and a ledger, and no more: what is spoilt can't lock.
type bookkeeper interface {
	allocation.Store
	allocation.Ledger
}

// blind commits on whatever version there is now.
type blind struct{ bookkeeper }

func (b *blind) Commit(ctx context.Context, changes []allocation.Changes) error {
	changes = slices.Clone(changes)
	for i := range changes {
		c := &changes[i]
		states, err := b.Load(ctx, allocation.Query{SKUs: []allocation.SKU{c.SKU}, Now: time.Now(), Limit: 1})
		if err != nil {
			return err
		}
		c.Read = states[0].Version
		c.Version = c.Read + int64(len(c.Events))
	}
	return b.bookkeeper.Commit(ctx, changes)
}

// piecemeal commits an order in as many transactions as it has products.
type piecemeal struct{ bookkeeper }

func (p *piecemeal) Commit(ctx context.Context, changes []allocation.Changes) error {
	for _, c := range changes {
		if err := p.bookkeeper.Commit(ctx, []allocation.Changes{c}); err != nil {
			return err
		}
	}
	return nil
}

// forgetful acknowledges a commit now and then that it has not made.
type forgetful struct {
	bookkeeper
	commits atomic.Int64
}

func (f *forgetful) Commit(ctx context.Context, changes []allocation.Changes) error {
	if f.commits.Add(1)%10 == 0 {
		return nil
	}
	return f.bookkeeper.Commit(ctx, changes)
}

// denying says of a commit now and then that it failed, and has made it.
type denying struct {
	bookkeeper
	commits atomic.Int64
}

func (d *denying) Commit(ctx context.Context, changes []allocation.Changes) error {
	err := d.bookkeeper.Commit(ctx, changes)
	if err == nil && d.commits.Add(1)%10 == 0 {
		return driver.ErrBadConn
	}
	return err
}
