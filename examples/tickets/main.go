// Command tickets is a drop of concert tickets: 500 seats and 5,000 callers. Two box offices sell at the same time,
// each in a process of its own, over one database. A caller is offered seats for ten minutes, and pays, gives the
// seats back, or forgets. Callers who come too late may wait, and are offered the seats that come back. Run it from
// the folder examples:
//
//	go run ./tickets                                             # SQLite, in a file that is deleted at the end
//	go run ./tickets -file tickets.db                            # keeps the file
//	go run ./tickets -dsn postgres://user:password@host/database # PostgreSQL
//
// The program ends with a report in which the sums are right and nobody was served out of turn, or with a list of
// faults and exit code 1. The report comes from the ledger, and is compared with the books of the offices and with the
// lines in the database.
//
// A reader learns how an order waits (Wait), how an offer lapses (HoldFor), how a process hears from the ledger about
// offers that another process made, and how an auditor checks that the line was served in order. Look at telephone.go
// and office.go first, then at turns.go, which has the check. caller.go says who calls. drop.go starts the offices and
// turns their clock: a minute of the drop takes as long as the work of the minute.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var code int
	if settings, set := os.LookupEnv(officeVariable); set {
		code = officeProcess(ctx, settings, os.Stdin, os.Stdout, os.Stderr)
	} else {
		code = command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}
	stop()
	os.Exit(code)
}

// command returns the exit code: 0 after a drop in which everything adds up, 1 after any other, 2 for bad flags.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("tickets", flag.ContinueOnError)
	flags.SetOutput(stderr)
	d := drop{}
	flags.Int64Var(&d.Seats, "seats", 500, "`number` of seats")
	flags.IntVar(&d.Callers, "callers", 5000, "`number` of callers")
	flags.StringVar(&d.Concert, "concert", "CONCERT", "`SKU` of the seats; a database can have several concerts")
	flags.StringVar(&d.DSN, "dsn", "", "data source `name` of a PostgreSQL database; SQLite if empty")
	flags.StringVar(&d.File, "file", "", "SQLite `file` to keep; a temporary file if empty")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	if err := d.check(flags.Args()); err != nil {
		fmt.Fprintf(stderr, "tickets: %v\n", err)
		return 2
	}
	if err := run(ctx, d, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "tickets: %v\n", err)
		return 1
	}
	return 0
}

// run plays the drop, in a temporary file unless the user named a database.
func run(ctx context.Context, d drop, stdout, stderr io.Writer) (err error) {
	if d.DSN == "" && d.File == "" {
		folder, err := os.MkdirTemp("", "tickets")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
		d.File = filepath.Join(folder, "tickets.db")
		return d.play(ctx, stdout, stderr)
	}
	return d.play(ctx, stdout, stderr)
}
