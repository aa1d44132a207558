package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

func (a *app) failuresCommand() *cobra.Command {
	var limit int
	var dead bool
	cmd := a.command("failures", "List the products whose first unsent event failed, and why",
		"The later events of such a product wait. A dead event waits for retry or skip; the relay tries\n"+
			"others again. The exit code is 3 if there is a failure.",
		cobra.NoArgs, false, func(ctx context.Context, s *shop, _ []string) error {
			found, more, err := s.failures(ctx, limit, dead)
			if err != nil {
				return err
			}
			r := &report{more: more}
			t := r.table("failures", "sku", "sequence", "tries", "dead", "retry_at", "error")
			for _, f := range found {
				t.add(f.SKU, f.Sequence, f.Tries, f.Dead, f.RetryAt, f.Error)
			}
			if err := s.print(r); err != nil || len(found) == 0 {
				return err
			}
			return errFound
		})
	cmd.Flags().BoolVar(&dead, "dead", false, "only dead events")
	limitFlag(cmd, &limit)
	return cmd
}

// failures reads failed events, or dead events only.
func (s *shop) failures(ctx context.Context, limit int, dead bool) (list []outbox.Failure, more bool, err error) {
	var after allocation.SKU
	for {
		page, err := s.store.Failures(ctx, after, pageRows)
		if err != nil {
			return nil, false, err
		}
		for _, f := range page {
			if dead && !f.Dead {
				continue
			}
			if limit > 0 && len(list) == limit {
				return list, true, nil
			}
			list = append(list, f)
		}
		if len(page) < pageRows {
			return list, false, nil
		}
		after = page[len(page)-1].SKU
	}
}

func (a *app) retryCommand() *cobra.Command {
	var all bool
	cmd := a.command("retry [SKU...]", "Make failed events due at once, with all their tries",
		"Retry once the cause is gone, for example after an outage of the broker: retry --all --write.\n"+
			"A running relay of the shop sends the events within a second or so; failures and status show whether.",
		cobra.ArbitraryArgs, true, func(ctx context.Context, s *shop, args []string) error {
			if all == (len(args) > 0) {
				return usage("name the products, or say --all for every dead event")
			}
			if all {
				return s.retryAll(ctx)
			}
			r := &report{}
			t := r.table("retried", "sku")
			for _, sku := range args {
				if err := s.store.Retry(ctx, allocation.SKU(sku)); err != nil {
					return errors.Join(unknown(err), s.print(r))
				}
				t.add(sku)
			}
			return s.print(r)
		})
	cmd.Flags().BoolVar(&all, "all", false, "retry every dead event")
	return cmd
}

// retryAll retries all dead events, except for events that somebody else has retried or skipped meanwhile.
func (s *shop) retryAll(ctx context.Context) error {
	dead, _, err := s.failures(ctx, 0, true)
	if err != nil {
		return err
	}
	p := s.progress("retried")
	defer p.end()
	r := &report{}
	t := r.table("retried", "sku")
	for _, f := range dead {
		switch err := s.store.Retry(ctx, f.SKU); {
		case errors.Is(err, allocation.ErrNotFound):
			continue
		case err != nil:
			return errors.Join(err, s.print(r))
		}
		t.add(f.SKU)
		p.show(len(t.rows), fmt.Sprintf(" of %d", len(dead)))
	}
	p.end()
	return s.print(r)
}

func (a *app) skipCommand() *cobra.Command {
	return a.command("skip SKU SEQUENCE", "Give up a failed event, so that the later events of the product go on",
		"Receivers never get the event; tell them before. The sequence is that of the list of failures, so\n"+
			"that a repeat doesn't skip the next event. The event stays in the ledger.",
		cobra.ExactArgs(2), true, func(ctx context.Context, s *shop, args []string) error {
			sequence, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil {
				return usage("%q is no sequence", args[1])
			}
			if err := s.store.Skip(ctx, allocation.SKU(args[0]), sequence); err != nil {
				return unknown(err)
			}
			r := &report{}
			r.table("skipped", "sku", "sequence").add(args[0], sequence)
			return s.print(r)
		})
}

// unknown marks an ErrNotFound for the exit code.
func unknown(err error) error {
	if errors.Is(err, allocation.ErrNotFound) {
		return fmt.Errorf("%w: %w", errUnknown, err)
	}
	return err
}

func (a *app) purgeCommand() *cobra.Command {
	var before string
	cmd := a.command("purge", "Delete sent events that happened before a time",
		"The sums of the deleted events stay, so that reconcile still agrees. Unsent events, and what comes\n"+
			"after them, stay. Example: purge --before -2160h --write keeps 90 days.",
		cobra.NoArgs, true, func(ctx context.Context, s *shop, _ []string) error {
			if before == "" {
				return usage("purge needs --before")
			}
			until, err := s.parseTime(before)
			if err != nil {
				return err
			}
			deleted, err := s.store.Purge(ctx, until)
			r := &report{}
			r.table("purged", "events", "before").add(deleted, until)
			return errors.Join(err, s.print(r))
		})
	cmd.Flags().StringVar(&before, "before", "", "delete what is older: 2030-01-31, 2030-01-31T15:00:00Z, -720h")
	return cmd
}
