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

// limit ends a run that hangs.
const limit = 40 * time.Minute

func main() {
	name := flag.String("engine", "all", "sqlite, postgresql, mariadb or all")
	only := flag.String("workload", "", "the only workload to measure; all by default")
	short := flag.Bool("short", false, "short slices: shows that it works, the figures mean little")
	share := flag.String("share", "", "work as one of several processes (used by the program itself)")
	flag.Parse()
	size := full
	if *short {
		size = small
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, limit)
	var err error
	if *share != "" {
		err = partake(ctx, *share, os.Stdin, os.Stdout)
	} else {
		err = play(ctx, *name, *only, size, os.Stdout)
	}
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "yardstick:", err)
		os.Exit(1)
	}
}

// play measures one engine or all of them. One that fails doesn't keep the others from being measured.
func play(ctx context.Context, name, only string, s size, out io.Writer) error {
	var failed []error
	known := false
	for _, e := range engines {
		if name != "all" && name != e.name {
			continue
		}
		known = true
		if err := e.measure(ctx, only, s, out); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", e.name, err))
		}
	}
	if !known {
		return fmt.Errorf("there is no engine %q", name)
	}
	return errors.Join(failed...)
}

// measure does everything on one engine, in a database that is gone afterwards.
func (e *engine) measure(ctx context.Context, only string, s size, out io.Writer) (err error) {
	at, err := e.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.stop()) }()
	dsn, err := at.create(ctx, "yardstick")
	if err != nil {
		return err
	}
	if err := at.introduce(ctx, dsn, out); err != nil {
		return err
	}
	for _, w := range workloads {
		if only != "" && only != w.name || !s.wanted(w) {
			continue
		}
		if err := at.compare(ctx, s, dsn, w, out); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	for _, special := range specials {
		if only != "" && only != special.name {
			continue
		}
		if err := special.run(at, ctx, s, dsn, out); err != nil {
			return fmt.Errorf("%s: %w", special.name, err)
		}
	}
	return nil
}

// specials are the workloads that don't fit the mould.
var specials = []struct {
	name string
	run  func(p *place, ctx context.Context, s size, dsn string, out io.Writer) error
}{
	{"history", (*place).history},
	{"processes", (*place).processes},
	{"bulk", (*place).bulk},
}

func (p *place) introduce(ctx context.Context, dsn string, out io.Writer) error {
	db, err := p.pool(dsn, 1)
	if err != nil {
		return err
	}
	defer db.Close()
	about, err := p.describe(ctx, db)
	fmt.Fprintf(out, "## %s\n\n%s\n\n", p.name, about)
	return err
}
