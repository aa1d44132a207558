package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
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
func TestALostRaceIsTriedAgainUnseenByTheCustomer(t *testing.T) {
	for _, name := range everyEngine[1:] {
		t.Run(name, func(t *testing.T) {
			shop := opened(t, name)
			rival, begun, lost := *shop, 0, 0
			shop.between = func(allocation.OrderID) { begun++ }
			shop.policy = func(allocation.Batch, allocation.Batch) int {
				if lost < begun && lost < 2 {
					lost++
					_, err := rival.Place(t.Context(), chairs(fmt.Sprint("rival-", lost), 1))
					require.NoError(t, err)
				}
				return 0
			}
			_, err := shop.Place(t.Context(), basket("o1", 2, 1))
			require.NoError(t, err)
			assert.Equal(t, 3, begun, "transactions")
			shop.want(t, 3, 4)
		})
	}
}

func TestAnOrderOnALockedFileIsTriedAgain(t *testing.T) {
	shop := opened(t, "sqlite")
	rival, err := shop.db.Conn(t.Context())
	require.NoError(t, err)
	defer rival.Close()
	_, err = rival.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
	require.NoError(t, err)
	pauses := 0
	shop.pause = func(context.Context, int) error {
		if pauses++; pauses < 3 {
			return nil
		}
		_, err := rival.ExecContext(t.Context(), `ROLLBACK`)
		return err
	}
	_, err = shop.Place(t.Context(), basket("o1", 2, 1))
	require.NoError(t, err)
	assert.Equal(t, 3, pauses)
	shop.want(t, 1, 2)
}

func TestAnOrderThatLosesEveryRaceLeavesNothing(t *testing.T) {
	shop := opened(t, "sqlite")
	rival, err := shop.db.Conn(t.Context())
	require.NoError(t, err)
	defer rival.Close()
	_, err = rival.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
	require.NoError(t, err)
	_, err = shop.Place(t.Context(), basket("o1", 2, 1))
	require.True(t, shop.worthRepeating(err), "Place() = %v, want that of the last lost race", err)
	_, err = rival.ExecContext(t.Context(), `ROLLBACK`)
	require.NoError(t, err)
	shop.want(t, 0, 0)
}

func TestManyCustomersAtOnceGetExactlyTheStock(t *testing.T) {
	for _, name := range everyEngine {
		t.Run(name, func(t *testing.T) {
			shop := opened(t, name)
			shop.pause = backOff
			var placed sync.WaitGroup
			results := make([]error, 16)
			for i := range results {
				placed.Go(func() {
					for {
						_, results[i] = shop.Place(t.Context(), chairs(fmt.Sprint("o", i), 1))
						if !shop.worthRepeating(results[i]) {
							return
						}
					}
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
			shop.want(t, 12, 12)
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
	shop, err := newShop(t.Context(), sql.OpenDB(losing), engines["sqlite"])
	require.NoError(t, err)
	stocked(t, shop)
	begun := 0
	shop.between = func(allocation.OrderID) { begun++ }

	losing.loses = 2
	_, err = shop.Place(t.Context(), basket("o1", 2, 1))
	require.NoError(t, err)
	assert.Equal(t, 3, begun, "transactions")
	shop.want(t, 1, 2)

	losing.loses = attempts
	_, err = shop.Place(t.Context(), basket("o2", 2, 1))
	require.ErrorIs(t, err, allocation.ErrUnknownOutcome)
	require.ErrorIs(t, err, errLost)
	shop.want(t, 2, 4)
}
