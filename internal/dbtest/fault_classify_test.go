package dbtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// strangeError is an error of a driver that no dialect knows.
type strangeError struct{ kind string }

func (e *strangeError) Error() string { return "strange: " + e.kind }

// classifyStrange is a host's classifier, which knows also better what a full disk is.
func classifyStrange(err error) error {
	var strange *strangeError
	switch {
	case errors.As(err, &strange):
		return map[string]error{
			"busy":  fmt.Errorf("the host: %w", allocation.ErrConflict),
			"taken": allocation.ErrDuplicate,
			"gone":  allocation.ErrUnknownOutcome,
		}[strange.kind]
	case errors.Is(err, coded(13)):
		return allocation.ErrConflict
	}
	return nil
}

func TestWhatAHostsClassifierSaysCounts(t *testing.T) {
	const load, product = "WITH chosen", "UPDATE allocation_products"
	const line, commit = "INSERT INTO allocation_lines", "COMMIT"
	busy, taken := &strangeError{"busy"}, &strangeError{"taken"}
	gone, other := &strangeError{"gone"}, &strangeError{"other"}
	conflict, duplicate, unknown := allocation.ErrConflict, allocation.ErrDuplicate, allocation.ErrUnknownOutcome
	for _, c := range []struct {
		name string
		at   string
		err  error
		want error // nil: none of the sentinels
	}{
		{"busy is a conflict while loading", load, busy, conflict},
		{"busy is a conflict while writing", product, busy, conflict},
		{"busy is a conflict while committing", commit, busy, conflict},
		{"taken is a duplicate of a new line", line, taken, duplicate},
		{"taken is a conflict of a product", product, taken, conflict},
		{"gone is an unknown outcome of a commit", commit, gone, unknown},
		{"gone is definite before the commit", line, gone, nil},
		{"gone is definite while loading", load, gone, nil},
		{"what nobody knows is an unknown outcome of a commit", commit, other, unknown},
		{"what nobody knows is definite before the commit", line, other, nil},
		{"the host overrules the dialect", commit, coded(13), conflict},
		{"the dialect is asked next", commit, coded(6), conflict},
		{"a failure that the dialect knows stays definite", commit, coded(7), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			spied, db := openSpied(t, dsn(newFile(t)))
			migrated(t, db)
			store := storeOn(t, db, &sqlstore.Options{Classify: classifyStrange})
			stocked(t, store)
			spied.set(func(statement string) error {
				if strings.HasPrefix(strings.TrimSpace(statement), c.at) {
					return c.err
				}
				return nil
			}, nil)
			units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Attempts: 1})
			_, err := newService(t, units, nil).Allocate(context.Background(), firm("o", "chair", 1))
			require.ErrorIs(t, err, c.err)
			for _, sentinel := range []error{conflict, duplicate, unknown} {
				same := sentinel == c.want //nolint:errorlint // which of them
				assert.Equal(t, same, errors.Is(err, sentinel), "%v is %v", err, sentinel)
			}
		})
	}
}
