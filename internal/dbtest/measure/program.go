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

// Each measures one engine by its name, or "all" of them. One that fails doesn't keep the others from being measured.
func Each(name string, measure func(e *Engine) error) error {
	var failed []error
	known := false
	for _, e := range Engines {
		if name != "all" && name != e.Name {
			continue
		}
		known = true
		if err := measure(e); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", e.Name, err))
		}
	}
	if !known {
		return fmt.Errorf("there is no engine %q", name)
	}
	return errors.Join(failed...)
}
