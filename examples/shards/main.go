// Command shards is a shop with products in several databases, for shops with more commits a second than a single
// server makes, or where a dead server has to stop a part of the products only. Run the command from the folder
// examples:
//
//	go run ./shards
//
// The command keeps three SQLite files in a temporary folder; with servers, only the places in main.go change. The
// program closes a shard and shows that the others go on.
//
// A reader learns how a SKU finds its database, and how an order over several databases is placed without a distributed
// transaction: by holds. Look at Of and Place in shop.go first.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

const settings = "?_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)" +
	"&_pragma=synchronous(NORMAL)"

// catalogue is what the shop sells, five units of each.
var catalogue = []allocation.SKU{"RED-CHAIR", "BLUE-CHAIR", "LAMP", "TABLE", "SHELF", "STOOL"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "shards: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	folder, err := os.MkdirTemp("", "shards")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	var shards []Shard
	var pools []*sql.DB
	defer func() {
		for _, db := range pools {
			err = errors.Join(err, db.Close())
		}
	}()
	for _, name := range []string{"north", "middle", "south"} {
		p := place{
			name: name, driver: "sqlite", dialect: sqlstore.SQLite,
			dsn: "file:" + filepath.Join(folder, name+".db") + settings,
		}
		shard, db, err := p.open(ctx)
		if err != nil {
			return err
		}
		shards, pools = append(shards, shard), append(pools, db)
	}
	shop := NewShop(time.Minute, time.Now, shards...)
	if err := open(ctx, shop, out); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nThe database of %s dies.\n", shards[0].Name)
	if err := pools[0].Close(); err != nil {
		return err
	}
	sell(ctx, shop, out)
	return nil
}

// open fills the shelves and sells an order that needs every shard.
func open(ctx context.Context, shop *Shop, out io.Writer) error {
	var all []allocation.OrderLine
	for _, sku := range catalogue {
		fmt.Fprintf(out, "%-10s is on %s\n", sku, shop.Of(sku).Name)
		batch := allocation.Batch{Ref: allocation.BatchRef(sku) + "-1", SKU: sku, Purchased: 5}
		if err := shop.Announce(ctx, batch); err != nil {
			return err
		}
		all = append(all, allocation.OrderLine{SKU: sku, Quantity: 1})
	}
	err := shop.Place(ctx, "order-0", all...)
	fmt.Fprintf(out, "order-0    one of each: %s\n", answer(err))
	return err
}

// sell sells one product after the other.
func sell(ctx context.Context, shop *Shop, out io.Writer) {
	for i, sku := range catalogue {
		order := allocation.OrderID(fmt.Sprintf("order-%d", i+1))
		err := shop.Place(ctx, order, allocation.OrderLine{SKU: sku, Quantity: 2})
		fmt.Fprintf(out, "%-10s 2 %s: %s\n", order, sku, answer(err))
	}
}

func answer(err error) string {
	if err != nil {
		return "not now, " + err.Error()
	}
	return "placed"
}
