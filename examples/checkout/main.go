// Command checkout is a shop whose table of orders is in the same database as the stock. One transaction writes an
// order's row and allocates the order's goods, so that neither is ever there without the other. Run it from the folder
// examples, with a crash first:
//
//	go run ./checkout -crash order-2   # places order-1, and dies between the two writes of order-2
//	go run ./checkout                  # finds nothing half done, places order-2, and refuses order-3
//
// Everything is kept in the SQLite file checkout.db, to be deleted for another try, or on a server:
//
//	go run ./checkout -engine postgresql -dsn postgres://user:password@host/database
//	go run ./checkout -engine pgx -dsn postgres://user:password@host/database   # pgx in place of database/sql
//	go run ./checkout -engine mariadb -dsn 'user:password@tcp(host)/database'
//
// A reader learns how the shop's rows and the allocations share a transaction, and when an order is placed again. Look
// at tryToPlace in place.go first, then at Place. All that differs between the stores is in till.go and engine.go; the
// tests run the same checkout on the store in memory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/cosmic-go/allocation"
)

// The stock of the shop and the orders of the customers. There are too few chairs for the last order.
var (
	stock = []allocation.Batch{
		{Ref: "chairs-1", SKU: "RED-CHAIR", Purchased: 5},
		{Ref: "lamps-1", SKU: "LAMP", Purchased: 5},
	}
	orders = []Order{
		{ID: "order-1", Customer: "customer-7", Items: []Item{{"RED-CHAIR", 2}, {"LAMP", 1}}},
		{ID: "order-2", Customer: "customer-9", Items: []Item{{"RED-CHAIR", 2}}},
		{ID: "order-3", Customer: "customer-7", Items: []Item{{"RED-CHAIR", 2}, {"LAMP", 2}}},
	}
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// command returns the exit code, 0 even after a shortage, because a shortage is an answer.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("checkout", flag.ContinueOnError)
	flags.SetOutput(stderr)
	engine := flags.String("engine", "sqlite", "`name` of the database: sqlite, postgresql, pgx or mariadb")
	dsn := flags.String("dsn", "", "data source `name`, as the engine's driver takes it; the file checkout.db if empty")
	crash := flags.String("crash", "", "`order` at which the program dies")
	at := flags.String("at", written, "`step` of the order at which the program dies")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "checkout: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	if err := run(ctx, *engine, *dsn, allocation.OrderID(*crash), *at, stdout); err != nil {
		fmt.Fprintf(stderr, "checkout: %v\n", err)
		return 1
	}
	return 0
}

// run opens the shop and lets its customers in.
func run(ctx context.Context, name, dsn string, crash allocation.OrderID, at string, out io.Writer) (err error) {
	shop, err := open(ctx, name, dsn, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.Close()) }()
	shop.step = func(id allocation.OrderID, step string) {
		if id == crash && step == at {
			die(out, id, step)
		}
	}
	if err := shop.announce(ctx, stock); err != nil {
		return err
	}
	if err := look(ctx, shop, out, "At the start"); err != nil {
		return err
	}
	for _, o := range orders {
		given, err := shop.Place(ctx, o)
		var short *allocation.OutOfStockError
		switch {
		case errors.As(err, &short):
			fmt.Fprintf(out, "%s: out of stock%s\n", o.ID, shortages(short))
		case err != nil:
			return fmt.Errorf("place %s: %w", o.ID, err)
		default:
			fmt.Fprintf(out, "%s: placed%s\n", o.ID, goods(given))
		}
	}
	return look(ctx, shop, out, "At the end")
}

// die ends the program as a power failure would: nothing is closed, rolled back or said to the database.
func die(out io.Writer, id allocation.OrderID, step string) {
	fmt.Fprintf(out, "%s: %s, and the program dies\n", id, step)
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		os.Exit(3)
	}
	select {} // until the signal arrives
}

// look prints whether each order in the database is whole.
func look(ctx context.Context, shop *Shop, out io.Writer, when string) error {
	books, err := shop.books(ctx, "RED-CHAIR", "LAMP")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: rows of orders: %d, rows without goods: %d, goods without a row: %d\n",
		when, books.orders, books.rowsWithoutGoods, books.goodsWithoutRow)
	return nil
}

func goods(given []allocation.Allocation) (text string) {
	for _, line := range given {
		text += fmt.Sprintf(", %d %s from %s", line.Quantity, line.SKU, line.Parts[0].Batch)
	}
	return text
}

func shortages(short *allocation.OutOfStockError) (text string) {
	for _, s := range short.Shortages {
		text += fmt.Sprintf(", %d %s wanted and %d left", s.Quantity, s.SKU, s.Available)
	}
	return text
}
