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
)

func main() {
	if text := os.Getenv(jobVariable); text != "" {
		os.Exit(relay(text, spoiler{}))
	}
	var s settings
	s.define(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, s.Limit)
	err := play(ctx, &s, os.Stdout)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "relaying:", err)
		os.Exit(1)
	}
}

// errFound says that a report tells of faults.
var errFound = errors.New("something is wrong, see above")

// play measures first, if it is to, and then kills.
func play(ctx context.Context, s *settings, w io.Writer) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\nagain: %s", err, s)
		}
	}()
	if err := s.check(); err != nil {
		return err
	}
	at, err := start(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.stop()) }()
	plans := []plan{{relays: s.Relays, kill: true}}
	if s.Measure {
		plans = []plan{{relays: 1}, {relays: 2}, plans[0]}
	}
	var failed []error
	for _, p := range plans {
		dsn, err := at.empty(ctx)
		if err != nil {
			return err
		}
		found, err := relaying(ctx, s, dsn, p)
		if err != nil {
			return err
		}
		found.write(w, s, p)
		if len(found.faults) > 0 {
			failed = append(failed, errFound)
		}
	}
	return errors.Join(failed...)
}
