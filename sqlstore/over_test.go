package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore/seam"
)

// pretended is a seam.Database whose statements fail in turn, and the log of calls.
type pretended struct {
	fails    []error // of the next statements; nil for an empty answer
	unsent   error   // the error for which Unsent is true
	commits  error
	closes   error
	matching int // products with the versions that were read, as the answer to a commit
	log      []string
	limited  bool // Commit and Rollback had a deadline and a context that was not ended
}

func (p *pretended) next(call string) error {
	p.log = append(p.log, call)
	if len(p.fails) == 0 {
		return nil
	}
	err := p.fails[0]
	p.fails = p.fails[1:]
	return err
}

func (p *pretended) Exec(_ context.Context, text string, _ ...any) (int64, error) {
	return 0, p.next("exec " + text)
}

func (p *pretended) Each(_ context.Context, text string, _ []any, row func(seam.Row) error) error {
	first, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	if err := p.next(first); err != nil || first != "WITH" {
		return err
	}
	return row(matching(p.matching))
}

// matching is the answer to a commit.
type matching int

func (m matching) Scan(targets ...any) error {
	*targets[0].(*int), *targets[1].(*int) = int(m), 1
	return nil
}

func (p *pretended) Begin(_ context.Context, level sql.IsolationLevel) (seam.Transaction, error) {
	return p, p.next("begin " + level.String())
}

func (p *pretended) Connect(context.Context) (seam.Connection, error) {
	return p, p.next("connect")
}

func (p *pretended) Commit(ctx context.Context) error {
	p.closing(ctx, "commit")
	return p.commits
}

func (p *pretended) Rollback(ctx context.Context) { p.closing(ctx, "rollback") }

func (p *pretended) closing(ctx context.Context, call string) {
	_, p.limited = ctx.Deadline()
	p.limited = p.limited && ctx.Err() == nil
	p.log = append(p.log, call)
}

func (p *pretended) Unsent(err error) bool { return errors.Is(err, p.unsent) }

func (p *pretended) Close() error {
	p.log = append(p.log, "close")
	return p.closes
}

func (p *pretended) Discard() { p.log = append(p.log, "discard") }

func overSeam(t *testing.T, p *pretended) *Store {
	t.Helper()
	store, err := OverPostgreSQL(p, nil)
	require.NoError(t, err)
	return store
}

var (
	errCut  = errors.New("the connection is cut")
	aChange = []allocation.Changes{{SKU: "chair", Read: 1, Version: 2}}
)

func TestOverPostgreSQLRefusesBadArguments(t *testing.T) {
	_, err := OverPostgreSQL(nil, nil)
	require.ErrorIs(t, err, allocation.ErrInvalid)
	_, err = OverPostgreSQL(&pretended{}, &Options{TablePrefix: "pg_"})
	require.ErrorIs(t, err, allocation.ErrInvalid)
	var typed *allocation.Error
	require.ErrorAs(t, err, &typed)
	assert.Equal(t, "OverPostgreSQL", typed.Op)
}

// TestACommitOverTheSeam shows which calls a commit makes, and how the commit takes a lost connection.
func TestACommitOverTheSeam(t *testing.T) {
	for name, c := range map[string]struct {
		fails    []error
		matching int
		want     error
		log      string
	}{
		"same version":       {nil, 1, nil, "connect WITH close"},
		"another version":    {nil, 0, allocation.ErrConflict, "connect WITH close"},
		"no connection":      {[]error{errCut}, 1, errCut, "connect"},
		"cut before sending": {[]error{nil, errUnsent}, 1, nil, "connect WITH close connect WITH close"},
		"cut after sending":  {[]error{nil, errCut}, 1, allocation.ErrUnknownOutcome, "connect WITH close"},
		"cut again": {
			[]error{nil, errUnsent, nil, errCut}, 1, allocation.ErrUnknownOutcome,
			"connect WITH close connect WITH close",
		},
		"cut before sending, then no connection": {
			[]error{nil, errUnsent, errCut}, 1, errCut, "connect WITH close connect",
		},
		"cut before sending, thrice": {
			[]error{nil, errUnsent, nil, errUnsent, nil, errUnsent}, 1, errUnsent,
			"connect WITH close connect WITH close connect WITH close",
		},
		"cut before sending, then a lost race": {
			[]error{nil, errUnsent}, 0, allocation.ErrConflict, "connect WITH close connect WITH close",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pretended{fails: c.fails, unsent: errUnsent, matching: c.matching}
			err := overSeam(t, p).Commit(t.Context(), aChange)
			require.ErrorIs(t, err, c.want)
			assert.Equal(t, c.log, strings.Join(p.log, " "))
		})
	}
}

// A connection that can't go back to the pool says nothing about a commit that the server has answered.
func TestAnErrorOfCloseDoesNotUndoACommit(t *testing.T) {
	require.NoError(t, overSeam(t, &pretended{matching: 1, closes: errCut}).Commit(t.Context(), aChange))
}

var errUnsent = errors.New("not sent")

// TestATransactionOverTheSeamEndsWithoutTheCallersContext ends the caller's context before the end of a transaction.
func TestATransactionOverTheSeamEndsWithoutTheCallersContext(t *testing.T) {
	for name, c := range map[string]struct {
		decided error
		commit  error
		want    error
		log     string
	}{
		"commit":      {nil, nil, nil, "begin Read Committed commit rollback"},
		"rollback":    {errCut, nil, errCut, "begin Read Committed rollback"},
		"lost answer": {nil, errCut, allocation.ErrUnknownOutcome, "begin Read Committed commit rollback"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				p := &pretended{commits: c.commit}
				err := overSeam(t, p).Locked(ctx, func(allocation.Store) error {
					if c.decided != nil {
						cancel()
					}
					return c.decided
				})
				require.ErrorIs(t, err, c.want)
				assert.Equal(t, c.log, strings.Join(p.log, " "))
				assert.True(t, p.limited, "the last call has a deadline of its own")
			})
		})
	}
}

func TestAMigrationThatFailsOverTheSeamIsUndoneOrItsConnectionDiscarded(t *testing.T) {
	p := &pretended{fails: []error{nil, errCut}}
	require.ErrorIs(t, overSeam(t, p).Migrate(t.Context()), errCut)
	assert.Equal(t, []string{"connect", "exec BEGIN", "exec ROLLBACK", "close"}, p.log[:4])

	p = &pretended{fails: []error{nil, errCut, errCut}}
	require.ErrorIs(t, overSeam(t, p).Migrate(t.Context()), errCut)
	assert.Equal(t, []string{"connect", "exec BEGIN", "exec ROLLBACK", "discard", "close"}, p.log[:5])
}

func TestAJoinedStoreOverTheSeamIsSpoiltAfterAnError(t *testing.T) {
	p := &pretended{fails: []error{errCut}}
	joined := JoinOver(overSeam(t, p), p)
	_, err := joined.Load(t.Context(), allocation.Query{SKUs: []allocation.SKU{"chair"}})
	require.ErrorIs(t, err, errCut)
	require.ErrorIs(t, joined.Commit(t.Context(), aChange), errCut)
	assert.Len(t, p.log, 1, "nothing is sent after an error")
	require.ErrorIs(t, JoinOver(overSeam(t, p), nil).Commit(t.Context(), aChange), allocation.ErrInvalid)
}
