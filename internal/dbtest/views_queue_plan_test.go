package dbtest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/views"
)

// waitingCrowd is how many lines wait for "chair" in crowded: as many as there are other lines.
const waitingCrowd = 2*crowd + 10

// A view of a queue reads an entry for each line that it counts, at most twice, and nothing else.
func TestViewsOfQueuesReadTheLinesThatWaitAlone(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		spied, db := e.new(t).spied(t)
		db.SetMaxOpenConns(1)
		reader := e.crowded(t, db)
		for name, look := range map[string]func() error{
			"Queues": func() error {
				queues, err := reader.Queues(t.Context(), "chair", "product 1", "unknown")
				if assert.Len(t, queues, 2) {
					assert.InDelta(t, waitingCrowd, queues[0].Lines, 20, "lines that wait")
				}
				return err
			},
			"Places": func() error {
				places, err := reader.Places(t.Context(), "firm")
				assert.Len(t, places, 1)
				return err
			},
			"Products that lines wait for": func() error {
				filter := views.ProductFilter{Waiting: true}
				products, err := reader.Products(t.Context(), start.Add(time.Hour), filter, "", 5)
				assert.Len(t, products, 1)
				return err
			},
			"Queues without lines": func() error {
				_, err := reader.Queues(t.Context(), "product 1")
				return err
			},
		} {
			spied.forget()
			require.NoError(t, look())
			statement := spied.forget()[0]
			if e == onSQLite {
				for _, step := range plan(t, db, statement) {
					waits := strings.Contains(step, " w ") || strings.Contains(step, " o ")
					assert.False(t, waits && !strings.Contains(step, "SEARCH"), "a step of %s: %s", name, step)
				}
				continue
			}
			exec(t, db, `BEGIN`)
			before := rowsRead(t, e, db)
			require.NoError(t, look())
			rows := rowsRead(t, e, db) - before
			exec(t, db, `ROLLBACK`)
			most := 2*waitingCrowd + 100
			switch name {
			case "Queues without lines":
				most = 100
			case "Products that lines wait for": // MariaDB chooses the products three times
				most += waitingCrowd
			}
			assert.Less(t, rows, most, "rows that %s reads", name)
		}
	})
}
