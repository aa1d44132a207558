package torture

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// sampleEvery is the pause between two samples. A sample that takes long makes the next one wait longer.
const sampleEvery = 50 * time.Millisecond

// sampled is one statement, so that all of its rows are of one moment. The last column counts the parts of firm lines
// that are outside their terms.
const sampled = `
	SELECT b.ref, b.purchased, b.allocated, COALESCE(SUM(l.quantity - l.shipped), 0),
		COALESCE(SUM(CASE WHEN l.shipped < l.quantity AND l.held_until IS NULL AND (b.blocked <> ''
			OR l.location <> '' AND l.location <> b.location OR l.fresh_until >= b.best_before
			OR (l.needed_by < b.eta OR b.best_before <= b.eta) AND l.late = 0)
			THEN 1 ELSE 0 END), 0)
	FROM allocation_batches b
	LEFT JOIN allocation_lines l ON l.sku = b.sku AND l.batch_ref = b.ref
	GROUP BY b.ref, b.purchased, b.allocated`

// sample looks at the counters until the context ends, past the library: what it finds anyone would find. It also ends
// a session on the server now and then.
func (r *run) sample(ctx context.Context, db *sql.DB, random *rand.Rand) {
	for ctx.Err() == nil {
		began := time.Now()
		if err := r.look(ctx, db); err != nil {
			if told, _ := r.settings.judge(err, command{}, began); told != failed {
				r.report.fault(surprise, "sampling: %v", err)
			}
		} else {
			r.report.Samples++
		}
		if random.IntN(4) == 0 && r.engine.sessions != "" {
			r.endSession(ctx, db, random)
		}
		harness.Rest(ctx, max(sampleEvery, 4*time.Since(began)))
	}
}

func (r *run) look(ctx context.Context, db *sql.DB) error {
	return harness.Rows(ctx, db, sampled, func(rows *sql.Rows) error {
		var ref string
		var purchased, allocated, promised, outside int64
		if err := rows.Scan(&ref, &purchased, &allocated, &promised, &outside); err != nil {
			return err
		}
		if outside > 0 {
			r.report.fault(unfit, "sampled: %d lines of batch %q are outside their terms", outside, ref)
		}
		if allocated < 0 || allocated > purchased {
			r.report.fault(oversold, "sampled: batch %q has promised %d of %d", ref, allocated, purchased)
		}
		if allocated != promised {
			r.report.fault(drift, "sampled: batch %q has promised %d, its lines add up to %d", ref, allocated, promised)
		}
		return nil
	})
}

// endSession lets the server end the connection of a client. That it can't, because it is down or the session has just
// ended, is no matter.
func (r *run) endSession(ctx context.Context, db *sql.DB, random *rand.Rand) {
	conn, err := db.Conn(ctx) // the ids are those of one server of a cluster
	if err != nil {
		return
	}
	defer conn.Close()
	var ids []int64
	err = harness.Rows(ctx, conn, r.engine.sessions, func(rows *sql.Rows) error {
		ids = append(ids, 0)
		return rows.Scan(&ids[len(ids)-1])
	})
	if err != nil || len(ids) == 0 {
		return
	}
	if _, err := conn.ExecContext(ctx, fmt.Sprintf(r.engine.end, ids[random.IntN(len(ids))])); err == nil {
		r.report.Ended++
	}
}
