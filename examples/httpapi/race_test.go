package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// decided sends a request until the shop is not too busy to decide.
func (c *client) decided(path, body string, headers ...header) (g got) {
	for {
		if g = c.send(http.MethodPost, path, body, headers...); g.status != http.StatusServiceUnavailable {
			return g
		}
	}
}

// adds checks that no unit was promised twice.
func adds(t *testing.T, file, sku string, want int) {
	t.Helper()
	db, err := openDatabase(file)
	require.NoError(t, err)
	defer db.Close()
	store, err := sqlstore.New(db, sqlstore.SQLite, nil)
	require.NoError(t, err)
	audit, err := store.Audit(t.Context(), allocation.SKU(sku))
	require.NoError(t, err)
	promised := 0
	for _, tally := range audit.Tallies {
		assert.False(t, tally.Drifted(), "%+v", tally)
		promised += int(tally.Allocated)
	}
	assert.Equal(t, want, promised, "units of %s promised", sku)
}

func TestManyClientsGetExactlyTheStock(t *testing.T) {
	const customers, units = 32, 12
	file := newFile(t)
	shops := []*running{start(t, file), start(t, file)}
	shops[0].stocked("b1", "LAMP", units-4)
	shops[0].stocked("b2", "LAMP", 4)
	var sold atomic.Int32
	var buying sync.WaitGroup
	for i := range customers {
		buying.Go(func() {
			shop, path := shops[i%2], fmt.Sprintf("/orders/o%d/allocation", i)
			var headers []header
			if i%4 < 2 {
				headers = []header{withKey(fmt.Sprint("k", i))}
			}
			first := shop.decided(path, lamps(1), headers...)
			again := shop.decided(path, lamps(1), headers...)
			assert.Equal(t, first.status, again.status)
			if first.status == http.StatusOK {
				sold.Add(1)
				assert.Equal(t, first.text(), again.text())
				return
			}
			assert.Equal(t, []shortage{{"LAMP", 1, 0}}, first.problem(t, 409, "out-of-stock").Shortages, first.text())
		})
	}
	buying.Wait()
	assert.EqualValues(t, units, sold.Load())
	assert.Zero(t, shops[0].left("LAMP"))
	adds(t, file, "LAMP", units)
}

// process runs the program in a process of its own.
func process(t *testing.T, file string) (c *client, kill func()) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	log := newJournal()
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env, cmd.Stderr = append(os.Environ(), fileVariable+"="+file), log
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the error says that the process was killed
	}()
	kill = sync.OnceFunc(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("kill: %v", err)
		}
		<-ended
	})
	t.Cleanup(kill)
	return log.client(t, ended), kill
}

func TestAServerThatIsKilledLeavesNothingHalfDone(t *testing.T) {
	const clients, units, enough = 4, 10_000, 100
	file := newFile(t)
	shop, kill := process(t, file)
	shop.stocked("b1", "LAMP", units)
	order := func(shop *client, client, i int) got {
		id := fmt.Sprintf("o%d-%d", client, i)
		return shop.send(http.MethodPost, "/orders/"+id+"/allocation", lamps(1), withKey(id))
	}
	var answered atomic.Int32
	var ordering sync.WaitGroup
	var sent [clients]int
	for client := range clients {
		ordering.Go(func() {
			for order(shop, client, sent[client]).status != 0 {
				sent[client]++
				if answered.Add(1) == enough {
					go kill()
				}
			}
			sent[client]++
		})
	}
	ordering.Wait()
	kill()

	db, err := openDatabase(file)
	require.NoError(t, err)
	defer db.Close()
	var half int
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT
		(SELECT COUNT(*) FROM web_replies WHERE idempotency_key NOT IN (SELECT order_id FROM allocation_lines)) +
		(SELECT COUNT(*) FROM allocation_lines WHERE order_id NOT IN (SELECT idempotency_key FROM web_replies))`,
	).Scan(&half))
	assert.Zero(t, half, "orders without an answer, or answers without an order")

	again, orders := start(t, file), 0
	for client, n := range sent {
		for i := range n {
			assert.Equal(t, http.StatusOK, order(again.client, client, i).status)
			orders++
		}
	}
	assert.Equal(t, units-orders, again.left("LAMP"))
	adds(t, file, "LAMP", orders)
}
