package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/cosmic-go/allocation"
)

func chairs(id string, units allocation.Quantity) Order {
	return Order{ID: allocation.OrderID(id), Customer: "customer-2", Items: []Item{{"chair", units}}}
}

// The policy runs after the store has read the stock and before the store writes. SQLite lets no rival write then.
func TestALostRaceIsRepeatedInsideTheTransaction(t *testing.T) {
	for _, name := range everyEngine[1:] {
		t.Run(name, func(t *testing.T) {
			dsn := database(t, name)
			shop, rival, transactions, raced := openedOn(t, name, dsn, nil), openedOn(t, name, dsn, nil), 0, false
			shop.step = func(_ allocation.OrderID, step string) {
				if step == begun {
					transactions++
				}
			}
			shop.service = shop.service.WithPolicy(func(allocation.Batch, allocation.Batch) int {
				if !raced {
					raced = true
					_, err := rival.Place(t.Context(), chairs("rival", 1))
					require.NoError(t, err)
				}
				return 0
			})
			_, err := shop.Place(t.Context(), basket("o1", 2, 1))
			require.NoError(t, err)
			assert.Equal(t, 1, transactions)
			shop.want(t, 2, 3)
		})
	}
}

// locked returns a shop on SQLite whose file is locked until an attempt, and the number of transactions tried.
func locked(t *testing.T, until int) (shop *Shop, tried *int) {
	t.Helper()
	dsn, tried := database(t, "sqlite"), new(int)
	var unlock func()
	shop = openedOn(t, "sqlite", dsn, &allocation.UnitOfWorkOptions{
		Attempts: 4,
		Attempt: func(ctx context.Context, op string, number int) (context.Context, func(error)) {
			if op != "Transact" {
				return ctx, nil
			}
			if *tried = number; number == until {
				unlock()
			}
			return ctx, nil
		},
	})
	db, err := sql.Open("sqlite", dsn)
	require.NoError(t, err)
	rival, err := db.Conn(t.Context())
	require.NoError(t, err)
	_, err = rival.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
	require.NoError(t, err)
	unlock = sync.OnceFunc(func() {
		_, err := rival.ExecContext(context.Background(), `ROLLBACK`)
		assert.NoError(t, errors.Join(err, rival.Close(), db.Close()))
	})
	t.Cleanup(unlock)
	return shop, tried
}

func TestAnOrderOnALockedFileIsTriedAgain(t *testing.T) {
	shop, tried := locked(t, 3)
	_, err := shop.Place(t.Context(), basket("o1", 2, 1))
	require.NoError(t, err)
	assert.Equal(t, 3, *tried)
	shop.want(t, 1, 2)
}

func TestAnOrderThatLosesEveryRaceLeavesNothing(t *testing.T) {
	shop, tried := locked(t, 5)
	_, err := shop.Place(t.Context(), basket("o1", 2, 1))
	require.ErrorIs(t, err, allocation.ErrConflict)
	assert.Equal(t, 4, *tried)
	shop.want(t, 0, 0)
}

// Two shops on one database share nothing in memory, as two processes do. Both want the last units at the same time, 64
// customers in all.
func TestManyCustomersAtOnceGetExactlyTheStock(t *testing.T) {
	for _, name := range everyStore {
		t.Run(name, func(t *testing.T) {
			dsn := strings.Replace(database(t, name), "busy_timeout%280%29", "busy_timeout%2810000%29", 1)
			patient := &allocation.UnitOfWorkOptions{Attempts: 100}
			shops := []*Shop{openedOn(t, name, dsn, patient)}
			if name != "memory" {
				shops = append(shops, openedOn(t, name, dsn, patient))
			}
			var placed sync.WaitGroup
			results := make([]error, 64)
			for i := range results {
				placed.Go(func() {
					_, results[i] = shops[i%len(shops)].Place(t.Context(), chairs(fmt.Sprint("o", i), 1))
				})
			}
			placed.Wait()
			sold := 0
			for _, err := range results {
				if err == nil {
					sold++
					continue
				}
				require.ErrorAs(t, err, new(*allocation.OutOfStockError))
			}
			assert.Equal(t, 12, sold)
			shops[0].want(t, 12, 12)
		})
	}
}

// forgetful connects to SQLite, and loses the answers to some COMMITs.
type forgetful struct {
	driver.Connector
	loses int
}

var errLost = errors.New("connection lost")

func (f *forgetful) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := f.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &forgetfulConn{connection: conn.(connection), connector: f}, nil
}

// connection has the methods of a driver's connection that the tests need.
type connection interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
}

type forgetfulConn struct {
	connection
	connector *forgetful
}

func (c *forgetfulConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.connection.BeginTx(ctx, opts)
	return &forgetfulTx{Tx: tx, connector: c.connector}, err
}

type forgetfulTx struct {
	driver.Tx
	connector *forgetful
}

func (t *forgetfulTx) Commit() error {
	err := t.Tx.Commit()
	if t.connector.loses > 0 && err == nil {
		t.connector.loses--
		return errLost
	}
	return err
}

func TestALostAnswerToCommitIsFoundByPlacingAgain(t *testing.T) {
	connector, err := sqlite.NewConnector(database(t, "sqlite"))
	require.NoError(t, err)
	losing := &forgetful{Connector: connector}
	shop, err := onDatabase(t.Context(), sql.OpenDB(losing), engines["sqlite"], nil)
	require.NoError(t, err)
	stocked(t, shop)
	transactions := 0
	shop.step = func(_ allocation.OrderID, step string) {
		if step == begun {
			transactions++
		}
	}
	losing.loses = 2
	_, err = shop.Place(t.Context(), basket("o1", 2, 1))
	require.NoError(t, err)
	assert.Equal(t, 3, transactions)
	shop.want(t, 1, 2)

	losing.loses = tries
	_, err = shop.Place(t.Context(), basket("o2", 2, 1))
	require.ErrorIs(t, err, allocation.ErrUnknownOutcome)
	require.ErrorIs(t, err, errLost)
	shop.want(t, 2, 4)
}
