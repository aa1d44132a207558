package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Main runs a program until it is done, is interrupted, or hangs for longer than the limit.
func Main(program string, limit time.Duration, run func(ctx context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, limit)
	err := run(ctx)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", program, err)
		os.Exit(1)
	}
}

// Known refuses a name that is neither an engine's nor "all".
func Known(name string) error {
	if name == "all" {
		return nil
	}
	_, err := ByName(name)
	return err
}

// Each measures one engine by its name, or "all" of them. One that fails doesn't keep the others from being measured.
func Each(name string, measure func(e *Engine) error) error {
	if err := Known(name); err != nil {
		return err
	}
	var failed []error
	for _, e := range Engines {
		if name != "all" && name != e.Name {
			continue
		}
		if err := measure(e); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", e.Name, err))
		}
	}
	return errors.Join(failed...)
}
