// Command quickstart allocates the orders of one CSV file to the batches of another, in an SQLite file. Run it from the
// folder examples:
//
//	go run ./quickstart
//	go run ./quickstart -batches mine/batches.csv -orders mine/orders.csv -db mine.db
//
// A reader learns how to open and migrate a store, make a Service with a policy, place orders that are all or nothing,
// split lines over batches, hold units for a while, bind lines to a date or a place, keep blocked stock back, answer
// shortages, and count a program's own events. Every command may be repeated: a second run on the same database takes
// nothing more. Holds count from each run, so a second run holds the same units for longer.
//
// Look at run.go first: newRun puts the library together, and all is the whole program. The reading of CSV files is in
// csv.go and table.go, the printing in report.go.
package main

import (
	"bufio"
	"bytes"
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

// The exit codes of the program.
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
	batches := flags.String("batches", "", "CSV `file` of ref, sku, quantity and perhaps eta, location, best_before, "+
		"lot, blocked (why the batch must not be sold); the samples if empty")
	orders := flags.String("orders", "", "CSV `file` of order, sku, quantity and perhaps line (tells apart lines "+
		"for one sku), split (yes or no), hold_for (such as 72h, from each run), needed_by, fresh_until, location, "+
		"priority; the samples if empty")
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
		fmt.Fprintln(stderr, "quickstart: interrupted; finished orders are kept, and the next run goes on from there")
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
	run, err := newRun(store, time.Now, bad)
	if err != nil {
		return errors.Join(err, closeStore())
	}
	result, err := run.all(ctx, in)
	err = errors.Join(err, closeStore())
	if err != nil {
		return err
	}
	out := bufio.NewWriter(stdout)
	result.print(out)
	return out.Flush()
}

// input has the rows of the two files.
type input struct {
	batches []batchRow
	orders  []*order
}

func readInput(batchFile, orderFile string, bad *problems) (in input, err error) {
	name, text, err := readFile(batchFile, "batches.csv")
	if err != nil {
		return in, err
	}
	if in.batches, err = readBatches(name, bytes.NewReader(text), bad); err != nil {
		return in, err
	}
	if name, text, err = readFile(orderFile, "orders.csv"); err != nil {
		return in, err
	}
	in.orders, err = readOrders(name, bytes.NewReader(text), bad)
	return in, err
}

// readFile reads a file of the user's or, without a name, a sample.
func readFile(file, sample string) (name string, text []byte, err error) {
	if file == "" {
		text, err = samples.ReadFile("samples/" + sample)
		return sample, text, err
	}
	text, err = os.ReadFile(file)
	return file, text, err
}
