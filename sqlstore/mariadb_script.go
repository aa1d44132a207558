package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cosmic-go/allocation"
)

// scripted is a writer that can send several statements of a commit at once.
type scripted interface {
	// script returns nil if the commit needs answers in between.
	script(rows *relations) *script

	// unexpected reports whether the script stopped because of a missing row. Statements one by one will show which.
	unexpected(err error) bool
}

// script is a transaction with few round trips: a compound statement that begins the transaction and writes the
// first rows, then further statements. COMMIT stands apart, so that a lost answer to anything else leaves no doubt
// about the outcome. Each statement, in the compound statement too, has the guard, so that nothing is written if the
// server ends the transaction in between.
type script struct {
	text    strings.Builder
	further []furtherStatement
	failed  bool // the counters are too large
}

type furtherStatement struct {
	text  string
	about func(error) error
}

// mostInScript is the size in bytes up to which statements join a script. The server takes longer to analyse large
// statements inside a compound statement (measured: a round trip costs less from about 20 lines on).
const mostInScript = 8 << 10

const scriptStart = "BEGIN NOT ATOMIC START TRANSACTION;\n"

func (w *mariaDBCommit) script(rows *relations) *script {
	if slices.ContainsFunc(rows.products, productRow.isChecked) {
		return nil
	}
	s := &script{}
	s.text.Grow(2 << 10)
	s.text.WriteString(scriptStart)
	w.scriptCounters(s, rows)
	scriptLists(w, s, w.removeLines, removedColumns, rows.removed, aboutRemoved)
	parts := rows.allParts()
	text, c := w.insertOf(parts)
	scriptInserts(w, s, text, c, parts, aboutNewPart)
	w.scriptWaiting(s, rows)
	scriptInserts(w, s, w.addEvents, eventColumns, rows.events, aboutEvent)
	s.text.WriteString("END")
	if s.failed {
		return nil
	}
	return s
}

// scriptCounters adds the statements for products and batches, with the same demands as the statements one by one.
func (w *mariaDBCommit) scriptCounters(s *script, rows *relations) {
	known, added := partProducts(rows.products)
	one := len(rows.batches) == 1
	switch {
	case len(known) == 1 && len(added) == 0 && one && len(rows.newBatches) == 0:
		both := w.both(rows)
		s.write(both.query, both.arguments(&rows.arguments, rows)...)
		s.demand(1)
		return
	case len(known) == 1:
		s.write(w.setProduct.query, w.setProduct.arguments(&rows.arguments, &known[0])...)
		s.demand(1)
	default:
		scriptChanges(s, w.setProducts, productColumns, known)
	}
	scriptInserts(w, s, w.addProducts, productColumns.stored(), added, aboutProduct)
	scriptInserts(w, s, w.addBatches, batchColumns, rows.newBatches, aboutNewBatch)
	if one {
		change := w.change(&rows.batches[0])
		s.write(change.query, change.arguments(&rows.arguments, &rows.batches[0])...)
		s.demand(1)
		return
	}
	q, c := w.several(rows)
	scriptChanges(s, q, c, rows.batches)
}

// scriptWaiting adds the statements for lines that wait.
func (w *mariaDBCommit) scriptWaiting(s *script, rows *relations) {
	scriptLists(w, s, w.endWaiting, endedColumns, rows.allEnded(), aboutRemoved)
	scriptInserts(w, s, w.addWaiting, waitingColumns, rows.allWaiting(), aboutWaiting)
	scriptLists(w, s, w.setServings, servingColumns, rows.servings, aboutServing)
}

// unexpected recognises error 1644, a SIGNAL of a script.
func (w *mariaDBCommit) unexpected(err error) bool {
	number, ok := mariaDBNumber(err)
	return ok && number == 1644
}

// write adds a statement to the script. No value has a new line.
func (s *script) write(q *query, args ...any) {
	text, err := q.withValues(args)
	s.failed = s.failed || err != nil || len(s.further) > 0
	s.text.WriteString(text)
	s.text.WriteString(";\n")
}

// demand ends the script if the last statement changed fewer rows.
func (s *script) demand(rows int) { s.text.WriteString(scriptDemand(rows) + ";\n") }

func scriptDemand(rows int) string {
	return "IF ROW_COUNT() < " + strconv.Itoa(rows) + " THEN SIGNAL SQLSTATE '45000'; END IF"
}

// scriptChanges adds a statement that must change all of the rows, if any.
func scriptChanges[R any](s *script, q *query, c columns[R], rows []R) {
	if len(rows) == 0 {
		return
	}
	list, n := c.json(rows, mostInScript)
	s.failed = s.failed || n < len(rows)
	s.write(q, list)
	s.demand(len(rows))
}

// scriptInserts adds inserts of rows, if any.
func scriptInserts[R any](w *mariaDBCommit, s *script, text string, c columns[R], rows []R, about subject[R]) {
	scriptRows(s, rows, about, func(some []R) (string, int) {
		tuples, n := c.tuples(some, w.engine.longest)
		return text + tuples, n
	})
}

// scriptLists adds statements over rows as a JSON array, if any.
func scriptLists[R any](w *mariaDBCommit, s *script, q *query, c columns[R], rows []R, about subject[R]) {
	scriptRows(s, rows, about, func(some []R) (string, int) {
		list, n := c.json(some, w.engine.longest)
		text, err := q.withValues([]any{list})
		s.failed = s.failed || err != nil
		return text, n
	})
}

// scriptRows adds statements over rows: to the script, or behind if the script has become large.
func scriptRows[R any](s *script, rows []R, about subject[R], statement func(some []R) (text string, n int)) {
	for len(rows) > 0 {
		text, n := statement(rows)
		some := rows[:n]
		if len(s.further) == 0 && s.text.Len()+len(text) <= mostInScript {
			s.text.WriteString(text)
			s.text.WriteString(";\n")
		} else {
			explain := func(err error) error { return about.error(err, some) }
			s.further = append(s.further, furtherStatement{text, explain})
		}
		rows = rows[n:]
	}
}

// tryScript commits by a script, if the engine and the rows allow. done is false if nothing was written, and the
// statements one by one have to follow: some changes need answers in between, and after some errors of a script only
// the statements show the rows concerned.
func (s *Store) tryScript(ctx context.Context, rows *relations, guests []guestStatement) (done bool, err error) {
	w, able := s.statements.writer.(scripted)
	if !able || s.isolation != sql.LevelDefault {
		return false, nil
	}
	text := w.script(rows)
	if text == nil {
		return false, nil
	}
	done, err = s.commitScript(ctx, w, rows, text, guests)
	if !done && w.unexpected(err) { // usually a lost race, as one read shows
		err = checkVersions(ctx, s.db, s.engine, s.statements.versions, rows.products)
		done = err != nil
	}
	return done, err
}

// commitScript sends a script, carries out the guests, and then sends COMMIT. done is false if nothing was written, and
// the statements one by one will tell more than the error.
func (s *Store) commitScript(
	ctx context.Context, w scripted, rows *relations, text *script, guests []guestStatement,
) (done bool, err error) {
	conn, err := s.db.connect(ctx)
	if err != nil {
		return true, err
	}
	t := &scriptTransaction{conn: conn}
	defer func() { t.end(ctx, s.leaves(err)) }()
	if _, err = conn.exec(ctx, &query{text: text.text.String(), literal: true}); err != nil {
		class := s.classify(err)
		known := conn.unsent(err) || w.unexpected(err) || class == duplicate || class == refused
		return ctx.Err() != nil || !known, aboutProduct.error(err, rows.products)
	}
	for _, f := range text.further {
		if _, err := conn.exec(ctx, &query{text: f.text, literal: true}); err != nil {
			return true, f.about(err)
		}
	}
	if err := s.runGuests(ctx, conn, guests); err != nil {
		return true, err
	}
	if ctx.Err() != nil {
		return true, ctx.Err()
	}
	if err := t.last(ctx, "COMMIT"); err != nil {
		if s.classify(err).isUnknown() {
			return true, fmt.Errorf("%w: %w", allocation.ErrUnknownOutcome, err)
		}
		return true, err
	}
	return true, nil
}

// scriptTransaction is a transaction that a script began on a connection.
type scriptTransaction struct {
	conn connection
	over bool // COMMIT or ROLLBACK was answered
}

// last sends the last statement, which the end of the caller's context doesn't interrupt, as in any transaction.
func (t *scriptTransaction) last(ctx context.Context, statement string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	_, err := t.conn.exec(ctx, &query{text: statement, literal: true})
	t.over = err == nil
	return err
}

// end rolls back unless the commit was answered, and returns the connection to the pool. A connection that fails to
// roll back is given up, and so is a connection to a server that leaves the work to another server.
func (t *scriptTransaction) end(ctx context.Context, leaves bool) {
	if !t.over && t.last(ctx, "ROLLBACK") != nil || leaves {
		t.conn.discard()
	}
	_ = t.conn.close()
}
