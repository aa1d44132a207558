// Command allocation is a tool for people on call for a shop. The tool looks into the database of a store of package
// sqlstore, and corrects errors, without any code of the shop.
//
//	export ALLOCATION_DSN=postgres://stock@db.internal/shop?sslmode=verify-full
//	allocation status                   # is anything wrong?
//	allocation failures                 # which products wait behind a failed event, and why
//	allocation retry RED-CHAIR --write
//
// The flag --dsn or the variable ALLOCATION_DSN names the database:
//
//	postgres://user:password@host:5432/database?sslmode=verify-full
//	mariadb://user:password@host:3306/database?tls=true
//	sqlite:path/to/file.db
//
// The environment is the better place for a password, because other users of a machine see the arguments of a program.
// No output of the tool has the password, errors of drivers included.
//
// The tool changes nothing without --write. Without the flag, connections are read-only for the database, too, except
// behind PgBouncer, which refuses the setting. With --json the output is a single JSON document: times are in UTC,
// durations in seconds, and null means none. A long command shows the progress on standard error if standard error is a
// terminal.
//
// # Exit codes
//
//	0    done, and nothing is wrong
//	1    an error: of the database, of the network, or of the command
//	2    the arguments are wrong, or the command needs --write
//	3    done, and something needs a person: a dead letter, a drifted counter, something overdue
//	4    there is no product, batch, lot or order of the name
//	130  interrupted
//
// # Beside a running shop
//
// Reading disturbs nobody: each page of a list is a query by an index. Writing commands are commands of the library,
// and race fairly with the processes of the shop. The tool doesn't know the shop's policy: mend and sweep give units of
// the earliest batch first, by [allocation.EarliestFirst]. The hooks of the shop don't hear of the tool's commits; the
// outbox does. The clock of the tool's machine decides whether a hold has lapsed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := &app{stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now}
	a.terminal = term.IsTerminal(int(os.Stderr.Fd()))
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// Exit codes.
const (
	exitDone        = 0
	exitError       = 1
	exitUsage       = 2
	exitFound       = 3
	exitUnknown     = 4
	exitInterrupted = 130
)

// Outcomes with an exit code of their own; none is an error of the database.
var (
	errFound   = errors.New("something needs a person")
	errUnknown = errors.New("unknown")
	errUsage   = errors.New("usage")
)

// usage returns an error about the arguments.
func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

// app is a run of the tool.
type app struct {
	stdout, stderr io.Writer
	terminal       bool // stderr is a terminal
	getenv         func(string) string
	now            func() time.Time

	// Flags of all commands.
	dsn, schema, prefix string
	json, write         bool
	create              bool // makes a missing SQLite file
	timeout             time.Duration

	secrets []string // never printed
	ran     bool     // the arguments were right
}

// run carries out a command line, and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root() //nolint:contextcheck // cobra brings the context of ExecuteContext to the commands
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	code := a.code(ctx, err)
	if err != nil && code != exitFound {
		fmt.Fprintf(a.stderr, "allocation: %s\n", a.redact(err.Error()))
		if code == exitUsage {
			fmt.Fprintln(a.stderr, "Try: allocation help")
		}
	}
	return code
}

// code returns the exit code for the error of a command.
func (a *app) code(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errUsage), !a.ran:
		return exitUsage
	case errors.Is(err, errFound):
		return exitFound
	case errors.Is(err, errUnknown):
		return exitUnknown
	case errors.Is(ctx.Err(), context.Canceled):
		return exitInterrupted
	}
	return exitError
}

// root returns the command line's grammar.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "allocation",
		Short: "Look into the stock of a shop, and put right what can be put right",
		Long: "Look into the stock of a shop, and put right what can be put right. Begin with: allocation status\n\n" +
			"The database is --dsn or $ALLOCATION_DSN: postgres://user:password@host/database,\n" +
			"mariadb://user:password@host/database or sqlite:path/to/file.db\n\n" +
			"The page docs/runbook.md of the library says for each trouble how to see it, and what to do.\n\n" +
			"Exit codes: 0 nothing is wrong, 1 an error, 2 wrong arguments or --write is missing,\n" +
			"3 something needs a person, 4 no such product, batch, lot or order, 130 interrupted.",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.dsn, "dsn", "", "database (default $ALLOCATION_DSN)")
	flags.StringVar(&a.schema, "schema", "", "schema of the tables (PostgreSQL), or database (MariaDB)")
	flags.StringVar(&a.prefix, "table-prefix", "", `prefix of the tables (default "allocation_")`)
	flags.BoolVar(&a.json, "json", false, "print JSON")
	flags.BoolVar(&a.write, "write", false, "allow the command to change the database")
	flags.DurationVar(&a.timeout, "timeout", 0, "give up after this time, such as 30s; 0 for never")
	root.AddCommand(
		a.statusCommand(), a.stockCommand(), a.orderCommand(), a.batchCommand(), a.lotCommand(),
		a.ledgerCommand(), a.dueCommand(), a.holdsCommand(), a.failuresCommand(), a.retryCommand(), a.skipCommand(),
		a.reconcileCommand(), a.mendCommand(), a.sweepCommand(), a.purgeCommand(), a.migrateCommand(),
		a.checkCommand(),
	)
	return root
}

// command returns a command for an opened shop. With writes, the command refuses to run without --write.
func (a *app) command(
	use, short, long string, args cobra.PositionalArgs, writes bool,
	do func(ctx context.Context, s *shop, args []string) error,
) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.ran = true
			if writes && !a.write {
				return usage("%s changes the database; say so with --write", cmd.Name())
			}
			ctx := cmd.Context()
			if a.timeout > 0 {
				var end context.CancelFunc
				ctx, end = context.WithTimeout(ctx, a.timeout)
				defer end()
			}
			s, err := a.open(ctx)
			if err != nil {
				return err
			}
			return errors.Join(do(ctx, s, args), s.close())
		},
	}
}
