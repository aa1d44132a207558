package harness

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// Command is a command of a program. The first argument of the program names the command.
type Command struct {
	Name string

	// Define adds the command's flags to a set and returns the function to call after the flags have been parsed.
	Define func(flags *flag.FlagSet) Run

	// Child is the life of a process started by the command; the result is the exit code. Nil if there are none.
	Child func() int
}

// Run runs a command and prints the report on out.
type Run func(ctx context.Context, out io.Writer) error

// ErrFound is returned by a command after a report with faults.
var ErrFound = errors.New("the run has found faults, see above")

// Main is the main function of a program with several commands. Without a name, Main runs the first command. Main
// returns when the command has ended, or exits with code 1 after an error; an interrupt ends the command's context.
// In a process started by a command, Main runs the command's Child instead.
func Main(program string, commands ...Command) {
	if child := ChildOf(); child != "" {
		for _, c := range commands {
			if c.Name == child {
				os.Exit(c.Child())
			}
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, program, commands, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", program, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program string, commands []Command, args []string, out io.Writer) error {
	chosen, names := commands[0], make([]string, len(commands))
	given := len(args) > 0 && !strings.HasPrefix(args[0], "-")
	known := !given
	for i, c := range commands {
		names[i] = c.Name
		if given && c.Name == args[0] {
			chosen, args, known, given = c, args[1:], true, false
		}
	}
	if !known {
		return fmt.Errorf("there is no command %q; the commands are %s", args[0], strings.Join(names, " and "))
	}
	flags := flag.NewFlagSet(program+" "+chosen.Name, flag.ContinueOnError)
	run := chosen.Define(flags)
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s takes no argument %q", chosen.Name, flags.Arg(0))
	}
	return run(ctx, out)
}

// Again adds to an error how the run can be repeated.
func Again(err error, again fmt.Stringer) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w\nagain: %s", err, again)
}

// Rest waits for a while, or until the context ends.
func Rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
