package torture

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// Command is the command torture.
var Command = harness.Command{Name: commandName, Define: define, Child: func() int { return client(nil) }}

const commandName = "torture"

func define(flags *flag.FlagSet) harness.Run {
	var s settings
	s.define(flags)
	folder := flags.String("folder", "", "keeps the journals, and SQLite's file, in this folder; temporary by default")
	return func(ctx context.Context, out io.Writer) error {
		return harness.Again(play(ctx, &s, *folder, out), &s)
	}
}

// play runs once and prints the report.
func play(ctx context.Context, s *settings, folder string, out io.Writer) (err error) {
	if folder == "" {
		if folder, err = os.MkdirTemp("", "allocation-torture-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	}
	found, err := torture(ctx, s, folder)
	if err != nil {
		return err
	}
	found.write(out, s)
	if len(found.faults) > 0 {
		return harness.ErrFound
	}
	return nil
}
