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
		os.Exit(client(text, nil))
	}
	var s settings
	s.define(flag.CommandLine)
	folder := flag.String("folder", "", "keeps the journals, and SQLite's file, in this folder; temporary by default")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := play(ctx, &s, *folder, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

// errFound says that the report tells of faults.
var errFound = errors.New("something is wrong, see above")

// play runs once and prints the report.
func play(ctx context.Context, s *settings, folder string, w io.Writer) (err error) {
	if folder == "" {
		if folder, err = os.MkdirTemp("", "allocation-torture-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	}
	found, err := torture(ctx, s, folder)
	if err != nil {
		return fmt.Errorf("%w\nagain: %s", err, s)
	}
	found.write(w, s)
	if len(found.faults) > 0 {
		return errFound
	}
	return nil
}
