package relay

import (
	"context"
	"errors"
	"flag"
	"io"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// Command is the command relay.
var Command = harness.Command{Name: commandName, Define: define, Child: func() int { return child(spoiler{}) }}

const commandName = "relay"

func define(flags *flag.FlagSet) harness.Run {
	var s settings
	s.define(flags)
	return func(ctx context.Context, out io.Writer) error {
		ctx, cancel := context.WithTimeout(ctx, s.Limit)
		defer cancel()
		return play(ctx, &s, out)
	}
}

// play measures first, if it is to, and then kills.
func play(ctx context.Context, s *settings, out io.Writer) (err error) {
	defer func() { err = harness.Again(err, s) }()
	if err := s.check(); err != nil {
		return err
	}
	muteDriver()
	e, err := harness.ByName(s.Engine)
	if err != nil {
		return err
	}
	at := e.At(s.DSN)
	if s.DSN == "" {
		if at, err = e.Start(ctx, &harness.Options{Fast: s.Fast}); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, at.Stop()) }()
	plans := []plan{{relays: s.Relays, kill: true}}
	if s.Measure && s.DSN == "" {
		plans = []plan{{relays: 1}, {relays: 2}, plans[0]}
	}
	var failed []error
	for _, p := range plans {
		dsn, err := at.Empty(ctx)
		if err != nil {
			return err
		}
		found, err := relaying(ctx, s, e, dsn, p)
		if err != nil {
			return err
		}
		found.write(out, s, p)
		if len(found.faults) > 0 {
			failed = append(failed, harness.ErrFound)
		}
	}
	return errors.Join(failed...)
}
