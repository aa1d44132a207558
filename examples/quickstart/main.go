// Command quickstart allocates the orders of a CSV file to the batches of another, in an SQLite file:
//
//	go run ./quickstart
//	go run ./quickstart -batches mine/batches.csv -orders mine/orders.csv -db mine.db
//
// It shows a store being opened and migrated, a Service with a policy, orders that are all or nothing, split
// lines, holds, shortages, and what may be repeated: a second run finds everything done.
package main

import (
	"bufio"
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

//go:embed samples/*.csv
var samples embed.FS

// What the program tells its caller.
const (
	exitDone        = 0 // a shortage is an answer, no failure
	exitBadRows     = 1
	exitFailed      = 2
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(stderr)
	batches := flags.String("batches", "", "CSV `file` of ref, sku, quantity and perhaps eta, location, best_before; the samples if empty")
	orders := flags.String("orders", "", "CSV `file` of order, sku, quantity and perhaps split (yes or no), hold_for (such as 72h); the samples if empty")
	db := flags.String("db", "allocation.db", "SQLite `file` to keep the allocations in")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		return exitFailed
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "quickstart: unexpected argument %q\n", flags.Arg(0))
		return exitFailed
	}
	bad := &problems{out: stderr, show: newProgress(stderr)}
	err := allocate(ctx, *batches, *orders, *db, stdout, bad)
	switch {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintln(stderr, "quickstart: interrupted; what was done is kept, and the next run goes on from there")
		return exitInterrupted
	case err != nil:
		fmt.Fprintf(stderr, "quickstart: %v\n", err)
		return exitFailed
	case bad.count > 0:
		return exitBadRows
	}
	return exitDone
}

// allocate is the whole program: read, open, run, report.
func allocate(ctx context.Context, batchFile, orderFile, dbFile string, stdout io.Writer, bad *problems) error {
	in, err := readInput(batchFile, orderFile, bad)
	if err != nil {
		return err
	}
	store, closeStore, err := openStore(ctx, dbFile)
	if err != nil {
		return fmt.Errorf("open %s: %w", dbFile, err)
	}
	result, err := newRun(store, time.Now, bad).all(ctx, in)
	err = errors.Join(err, closeStore())
	if err != nil {
		return err
	}
	out := bufio.NewWriter(stdout)
	result.print(out)
	return out.Flush()
}

// input is what the two files say.
type input struct {
	batches []batchRow
	orders  []*order
}

func readInput(batchFile, orderFile string, bad *problems) (in input, err error) {
	if err = withFile(batchFile, "batches.csv", func(name string, r io.Reader) error {
		in.batches, err = readBatches(name, r, bad)
		return err
	}); err != nil {
		return in, err
	}
	return in, withFile(orderFile, "orders.csv", func(name string, r io.Reader) error {
		in.orders, err = readOrders(name, r, bad)
		return err
	})
}

// withFile opens a user's file or, without one, a sample.
func withFile(file, sample string, read func(name string, r io.Reader) error) error {
	if file == "" {
		f, err := samples.Open("samples/" + sample)
		if err != nil {
			return err
		}
		defer f.Close()
		return read(sample, f)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return read(file, f)
}
