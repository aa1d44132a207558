package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore/seam"
)

// tryPipeline commits with guests in one round trip, if the seam has that ability. done is false if nothing was
// written, and the statements one by one have to follow. The commit's statement comes first and is an error after a
// lost race, so that the guests behind have no effect.
func (s *Store) tryPipeline(ctx context.Context, rows *relations, guests []guestStatement) (done bool, err error) {
	p, able := s.pipeline()
	if !able {
		return false, nil
	}
	statements, own := s.pipelineOf(rows, guests)
	if statements == nil {
		return false, nil
	}
	defer func() {
		if recover() != nil { // an argument's method Value, as the guest by itself will show
			done, err = false, nil
		}
	}()
	succeeded, undone, err := p.Pipeline(ctx, statements)
	switch {
	case err == nil:
		return true, nil
	case undone:
		return past(ctx) != nil, err
	case succeeded < own && isLostRace(err):
		return true, conflictOnAny(rows.products)
	case succeeded < own:
		return true, s.statements.writer.(*postgreSQLCommit).subjectOf(rows, s.unknown(err))
	case succeeded == len(statements): // the error of COMMIT, such as a deferred constraint
		return true, s.unknown(err)
	case needsBlock(err):
		return false, nil
	case s.concernsAll(ctx, err), s.classify(err).isUnknown():
		return true, s.unknown(err)
	}
	return true, &guestFailureError{err: err, answered: true}
}

// pipeline returns the ability of the seam. A level of isolation takes a statement of its own.
func (s *Store) pipeline() (seam.Pipeline, bool) {
	d, able := s.db.(overDatabase)
	if !able || s.isolation != sql.LevelDefault {
		return nil, false
	}
	p, able := d.db.(seam.Pipeline)
	return p, able
}

// pipelineOf returns the statements of a pipeline, and how many of them are the library's; nil if a guest has no
// statement.
func (s *Store) pipelineOf(rows *relations, guests []guestStatement) (statements []seam.Statement, own int) {
	statements = make([]seam.Statement, 0, 1+len(guests))
	if len(rows.products) > 0 {
		q := s.statements.writer.(*postgreSQLCommit).statement(rows, true)
		statements = append(statements, seam.Statement{Text: q.query.text, Args: q.arguments(&rows.arguments, rows)})
		own = 1
	}
	for _, g := range guests {
		if g.err != nil {
			return nil, 0
		}
		statements = append(statements, seam.Statement{Text: g.text, Args: g.args})
	}
	return statements, own
}

// unknown marks an error that is no answer of the server.
func (s *Store) unknown(err error) error {
	if !s.classify(err).isUnknown() {
		return err
	}
	return fmt.Errorf("%w: %w", allocation.ErrUnknownOutcome, err)
}

// isLostRace recognises the error of a strict statement, see strictly.
func isLostRace(err error) bool {
	state, ok := sqlState(err)
	return ok && state == "2201E"
}

// needsBlock recognises a statement that a pipeline, a transaction without BEGIN, can't carry out, such as LOCK TABLE.
func needsBlock(err error) bool {
	state, ok := sqlState(err)
	return ok && state == "25P01"
}
