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
	"time"
)

// limit ends a run that hangs. A full one on three engines takes about a third of it.
const limit = 20 * time.Minute

func main() {
	name := flag.String("engine", "all", "sqlite, postgresql, mariadb or all")
	short := flag.Bool("short", false, "a small history and short slices: shows that it works, the figures mean little")
	flag.Parse()
	size := full
	if *short {
		size = small
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, limit)
	err := play(ctx, *name, size, os.Stdout)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// play measures one engine or all of them. One that fails doesn't keep the others from being measured.
func play(ctx context.Context, name string, s size, w io.Writer) error {
	var failed []error
	known := false
	for _, e := range engines {
		if name != "all" && name != e.name {
			continue
		}
		known = true
		if err := e.measure(ctx, s, w); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", e.name, err))
		}
	}
	if !known {
		return fmt.Errorf("there is no engine %q", name)
	}
	return errors.Join(failed...)
}

// measure does everything on one engine, in a database that is gone afterwards.
func (e *engine) measure(ctx context.Context, s size, w io.Writer) (err error) {
	at, err := e.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.stop()) }()
	fmt.Fprintf(w, "## %s\n\n", e.name)
	if err := at.flat(ctx, s, w); err != nil {
		return fmt.Errorf("flat cost: %w", err)
	}
	if err := at.contention(ctx, s, w); err != nil {
		return fmt.Errorf("contention: %w", err)
	}
	return nil
}
