package upgrade

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// probes read and write a row of each table, like a program of the version before.
var probes = []struct{ table, read, write string }{
	{"products", `SELECT version FROM allocation_products WHERE sku = '%s'`,
		`UPDATE allocation_products SET refused = refused WHERE sku = '%s'`},
	{"batches", `SELECT purchased FROM allocation_batches WHERE ref = 'used-1' AND sku = '%s'`,
		`UPDATE allocation_batches SET shipped_at = shipped_at WHERE ref = 'used-1' AND sku = '%s'`},
	{"lines", `SELECT quantity FROM allocation_lines WHERE order_id = 'earlier-1' AND sku = '%s' AND part = 0`,
		`UPDATE allocation_lines SET sequence = sequence WHERE order_id = 'earlier-1' AND sku = '%s' AND part = 0`},
	{"events", `SELECT kind FROM allocation_events WHERE sku = '%s' AND sequence = 1`,
		`UPDATE allocation_events SET trace_parent = NULL WHERE sku = '%s' AND sequence = 1`},
}

// wait is the longest time of a read, and of a write, of a row of a table.
type wait struct {
	table       string
	read, write time.Duration
}

// watch are others at work while a migration runs.
type watch struct {
	db      *sql.DB
	end     context.CancelFunc
	running sync.WaitGroup
	waits   []wait
	errs    []error
}

// watch begins to read and write each table, over and over.
func (p *place) watch(ctx context.Context, dsn string) (*watch, error) {
	patient := strings.Replace(dsn, "busy_timeout%2810000%29", "busy_timeout%28600000%29", 1) // of SQLite
	db, err := p.Pool(patient, 2*len(probes))
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(ctx)
	w := &watch{db: db, end: end, waits: make([]wait, len(probes)), errs: make([]error, 2*len(probes))}
	for i, probe := range probes {
		w.waits[i].table = probe.table
		w.repeat(ctx, probe.read, &w.waits[i].read, &w.errs[2*i])
		w.repeat(ctx, probe.write, &w.waits[i].write, &w.errs[2*i+1])
	}
	return w, nil
}

// repeat runs a statement until the context ends, and keeps the longest time. A statement under way is finished, so
// that the time of the last wait counts.
func (w *watch) repeat(ctx context.Context, statement string, longest *time.Duration, failed *error) {
	statement = fmt.Sprintf(statement, seller)
	w.running.Go(func() {
		for ctx.Err() == nil && *failed == nil {
			began := time.Now()
			_, *failed = w.db.ExecContext(context.WithoutCancel(ctx), statement)
			*longest = max(*longest, time.Since(began))
			harness.Rest(ctx, 2*time.Millisecond)
		}
	})
}

// stop waits for the statements under way.
func (w *watch) stop() ([]wait, error) {
	w.end()
	w.running.Wait()
	return w.waits, errors.Join(append(w.errs, w.db.Close())...)
}
