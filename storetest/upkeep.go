package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

var upkeepRows = []row{
	{"Backlog counts unsent events and has the time of the oldest",
		"the alarm would stay silent, or never end", upkeepBacklog},
	{"Failures lists exactly the failed events, dead or not",
		"a person who looks for the reason of a backlog would find none, or a wrong reason", upkeepFailures},
	{"Failures lists at most limit products after the given SKU, sorted by SKU as bytes",
		"a lost broker fails every product, and a person who reads page by page would miss some", upkeepPages},
	{"an error text of 1,000 bytes is kept unchanged",
		"the text tells a lost broker from an event that can't be sent", upkeepErrors},
	{"Retry makes a failed event due at once, with 0 tries",
		"after a repair the product would wait for hours, or be dead again after one try", upkeepRetry},
	{"Skip gives up the failed event and no other event",
		"the next event would be lost as well, without anybody's knowledge", upkeepSkip},
	{"Retry and Skip don't touch a relay's lease",
		"two relays would hold the product", upkeepLeased},
	{"Retry and Skip without a failed event return ErrNotFound",
		"a mistyped SKU, or a repeated command, would seem to have worked", upkeepNotFound},
	{"a limit below 1 is refused as invalid",
		"an empty list would mean that nothing has failed", upkeepInvalid},
	{"a call with an ended or nil context changes nothing",
		"after the error the caller assumes that nothing was written", upkeepContexts},
}

// wantBacklog checks all fields of the backlog.
func (p *outboxBench) wantBacklog(products, events int64, oldest time.Time) {
	p.Helper()
	got, err := p.maintainer().Backlog(p.Context())
	p.must(err, "Backlog")
	if want := (outbox.Backlog{Products: products, Events: events, Oldest: oldest}); got != want {
		p.errorf("Backlog = %d products, %d events, oldest %s; want %d, %d, %s",
			got.Products, got.Events, moment(got.Oldest), products, events, moment(oldest))
	}
}

func upkeepBacklog(b *bench) {
	p := b.outboxBench()
	none := time.Time{}
	p.wantBacklog(0, 0, none)
	first := minute(1).Add(123_457 * time.Microsecond)
	p.recordAt(first, 2, "apple", "pear")
	p.recordAt(minute(2), 3, "apple")
	p.recordAt(minute(3), 1, "plum")
	p.wantBacklog(3, 8, first)
	p.wantClaim(claimBy("relay", 5), p.all("apple", "pear", "plum")...)
	p.wantBacklog(3, 8, first)
	p.settle(sent("relay", "pear", 2))
	p.settle(sent("relay", "apple", 1))
	p.wantBacklog(2, 5, first)
	p.settle(sent("relay", "apple", 2))
	p.wantBacklog(2, 4, minute(2))
	p.wantClaim(claimBy("relay", 5), p.rest("apple", 2))
	p.settle(failed("relay", "apple", 4, 1, 60))
	p.settle(dead("relay", "plum", 1, 9))
	p.wantBacklog(2, 3, minute(2))
	p.must(p.maintainer().Skip(p.Context(), "apple", 4), "Skip")
	p.settle(sent("late", "apple", 5))
	p.wantBacklog(1, 1, minute(3))
	p.settle(sent("late", "plum", 1))
	p.wantBacklog(0, 0, none)
}

// failures returns a page of failures.
func (p *outboxBench) failures(after allocation.SKU, limit int) []outbox.Failure {
	p.Helper()
	failures, err := p.maintainer().Failures(p.Context(), after, limit)
	p.must(err, "Failures(after %s, limit %d)", brief(string(after)), limit)
	return failures
}

func (p *outboxBench) wantFailures(after allocation.SKU, limit int, want ...outbox.Settlement) {
	p.Helper()
	got := p.failures(after, limit)
	same := func(f outbox.Failure, s outbox.Settlement) bool { return f == *s.Failure }
	if slices.EqualFunc(got, want, same) {
		return
	}
	var text strings.Builder
	for _, f := range got {
		text.WriteString("\n  got:  " + describeFailure(f))
	}
	for _, s := range want {
		text.WriteString("\n  want: " + describeFailure(*s.Failure))
	}
	p.errorf("Failures(after %s, limit %d) differ:%s", brief(string(after)), limit, text.String())
}

func describeFailure(f outbox.Failure) string {
	return fmt.Sprintf("product %s, event %d, tries %d, retry at %s, dead %t: %s",
		brief(string(f.SKU)), f.Sequence, f.Tries, moment(f.RetryAt), f.Dead, brief(f.Error))
}

// settleAll claims all events, and reports the settlements.
func (p *outboxBench) settleAll(minutes int, settlements ...outbox.Settlement) {
	p.Helper()
	c := claimBy("relay", minutes)
	p.claim(c)
	for _, s := range settlements {
		p.settle(s)
	}
}

func upkeepFailures(b *bench) {
	p := b.outboxBench()
	p.wantFailures("", plenty)
	p.recordN(4, "apple", "cherry", "date", "pear", "plum", "quince")
	p.wantFailures("", plenty)
	apple, plum := failed("relay", "apple", 3, 2, 1), failed("relay", "plum", 2, 7, 100)
	pear := dead("relay", "pear", 1, 9)
	apple.Failure.RetryAt = minute(1).Add(123_457 * time.Microsecond)
	pear.Failure.Error = "it's \"too large\""
	plum.Failure.Error = ""
	p.settleAll(0, apple, sent("relay", "cherry", 2), pear, plum, sent("relay", "quince", 4)) // date stays leased
	p.wantFailures("", plenty, apple, pear, plum)
	p.reopenIfAble()
	p.wantFailures("", plenty, apple, pear, plum)
	again := failed("relay", "apple", 4, 1, 500)
	p.settleAll(20, again)
	p.wantFailures("", plenty, again, pear, plum)
	p.settle(sent("late", "pear", 1)) // another owner reports late that the event was sent
	p.wantFailures("", plenty, again, plum)
	p.settleAll(100, sent("relay", "plum", 4))
	p.wantFailures("", plenty, again)
}

func upkeepPages(b *bench) {
	p := b.outboxBench()
	p.recordN(2, lookalikes...)
	var all []outbox.Settlement
	for i, sku := range lookalikes {
		s := failed("relay", sku, 1, i+1, 60+i)
		if i%3 == 0 {
			s = dead("relay", sku, 1, i+1)
		}
		all = append(all, s)
	}
	p.recordN(1, "a sound one", "zz")
	p.settleAll(0, all...)
	for _, limit := range []int{1, 5, len(all), plenty} {
		after := allocation.SKU("")
		for n := 0; n < len(all); n += limit {
			page := all[n:min(n+limit, len(all))]
			p.wantFailures(after, limit, page...)
			after = page[len(page)-1].SKU
		}
		p.wantFailures(after, limit)
	}
	p.wantFailures("apple!", 1, all[slices.Index(lookalikes, `apple"`)])
}

func upkeepErrors(b *bench) {
	p := b.outboxBench()
	p.recordN(1, "ascii", "quoted", "wide")
	ascii, quoted := dead("relay", "ascii", 1, 1), dead("relay", "quoted", 1, 1)
	wide := failed("relay", "wide", 1, 1, 60)
	ascii.Failure.Error = strings.Repeat("0123456789", 100)
	quoted.Failure.Error = "400 Bad Request:\r\n\t{\"error\": 'it''s %s too \\large\\'}\x01 " +
		strings.Repeat(`'"\`, 300)
	wide.Failure.Error = strings.Repeat("日本🪑", 100)
	p.settleAll(0, ascii, quoted, wide)
	p.wantFailures("", plenty, ascii, quoted, wide)
}

func upkeepRetry(b *bench) {
	p := b.outboxBench()
	p.recordN(3, "Apple", "apple", "pear", "plum")
	plum := dead("relay", "plum", 1, 9)
	p.settleAll(0, dead("relay", "Apple", 1, 9), dead("relay", "apple", 2, 9), failed("relay", "pear", 1, 4, 600), plum)
	for _, sku := range []allocation.SKU{"apple", "pear"} {
		p.must(p.maintainer().Retry(p.Context(), sku), "Retry(%q)", sku)
	}
	p.wantClaim(claimBy("relay", 0), p.rest("apple", 1), p.rest("pear", 0))
	p.settle(sent("relay", "apple", 3))
	pear := failed("relay", "pear", 2, 1, 30)
	p.settle(pear)
	p.wantFailures("Apple", plenty, pear, plum)
	p.wantClaim(claimBy("relay", 30), tried(1, p.rest("pear", 1)))
}

func upkeepSkip(b *bench) {
	p := b.outboxBench()
	p.recordN(2, "Apple", "apple", "pear", "plum")
	p.recordN(2, "apple", "plum")
	first, plum := dead("relay", "Apple", 1, 9), failed("relay", "plum", 3, 4, 600)
	p.settleAll(0, first, dead("relay", "apple", 2, 9), dead("relay", "pear", 2, 9), plum)
	skip := func(sku allocation.SKU, sequence int64) error { return p.maintainer().Skip(p.Context(), sku, sequence) }
	for _, wrong := range []int64{1, 3, 4, 5, 0, -2} {
		err := skip("apple", wrong)
		p.wantError(err, allocation.ErrNotFound, "Skip of event %d after a failure of event 2", wrong)
		p.wantTyped(err, "Skip of event %d after a failure of event 2", wrong)
	}
	p.wantClaim(claimBy("another", 0))
	p.must(skip("apple", 2), "Skip of the failed event")
	p.wantError(skip("apple", 2), allocation.ErrNotFound, "Skip of a skipped event")
	p.wantError(skip("apple", 3), allocation.ErrNotFound, "Skip of an untried event")
	p.wantClaim(claimBy("another", 0), p.rest("apple", 2))
	p.must(skip("pear", 2), "Skip of the last event")
	p.wantFailures("", plenty, first, plum)
	p.must(skip("plum", 3), "Skip of an event before the next try")
	p.recordN(1, "pear")
	p.reopenIfAble()
	p.wantClaim(claimBy("another", 1), p.rest("pear", 2), p.rest("plum", 3))
}

func upkeepLeased(b *bench) {
	p := b.outboxBench()
	p.recordN(3, "apple", "pear")
	p.settleAll(0, failed("relay", "apple", 1, 3, 20), failed("relay", "pear", 1, 3, 20))
	p.wantClaim(claimBy("relay", 20), tried(3, p.rest("apple", 0)), tried(3, p.rest("pear", 0)))
	p.must(p.maintainer().Retry(p.Context(), "apple"), "Retry of an event during a try")
	p.must(p.maintainer().Skip(p.Context(), "pear", 1), "Skip of an event during a try")
	p.wantClaim(claimBy("another", 29))
	p.wantClaim(claimBy("another", 30), p.rest("apple", 0), p.rest("pear", 1))
	p.settle(sent("relay", "pear", 3)) // the relay has gone on with the product meanwhile
	p.wantClaim(claimBy("third", 40), p.rest("apple", 0))
}

func upkeepNotFound(b *bench) {
	p := b.outboxBench()
	p.recordN(2, "apple", "cherry", "pear")
	p.settleAll(0, sent("relay", "apple", 1), failed("relay", "cherry", 1, 1, 60)) // pear stays leased
	p.wantClaim(claimBy("relay", 60), p.rest("apple", 1), tried(1, p.rest("cherry", 0)), p.rest("pear", 0))
	p.settle(sent("relay", "cherry", 2))
	for sku, first := range map[allocation.SKU]int64{"apple": 2, "cherry": 1, "pear": 1, "unknown": 1} {
		for call, err := range map[string]error{
			"Retry": p.maintainer().Retry(p.Context(), sku),
			"Skip":  p.maintainer().Skip(p.Context(), sku, first),
		} {
			p.wantError(err, allocation.ErrNotFound, "%s of product %q without a failure", call, sku)
			p.wantTyped(err, "%s of product %q without a failure", call, sku)
		}
	}
	p.wantClaim(claimBy("another", 69))
	p.wantClaim(claimBy("another", 80), p.rest("apple", 1), p.rest("pear", 0))
}

func upkeepInvalid(b *bench) {
	p := b.outboxBench()
	p.recordN(2, "apple")
	p.settleAll(0, dead("relay", "apple", 1, 1))
	for _, limit := range []int{0, -1} {
		failures, err := p.maintainer().Failures(p.Context(), "", limit)
		p.wantInvalid(err, "Failures with limit %d", limit)
		if len(failures) > 0 {
			p.errorf("Failures with limit %d = %+v, want none", limit, failures)
		}
	}
}

func upkeepContexts(b *bench) {
	p, m := b.outboxBench(), b.maintainer()
	p.recordN(3, "apple", "pear")
	p.settleAll(0, dead("relay", "apple", 1, 1), sent("relay", "pear", 2))
	call := func(ctx context.Context) map[string]error {
		_, counting := m.Backlog(ctx)
		_, listing := m.Failures(ctx, "", plenty)
		_, purging := m.Purge(ctx, minute(60))
		return map[string]error{
			"Backlog": counting, "Failures": listing, "Purge": purging,
			"Retry": m.Retry(ctx, "apple"), "Skip": m.Skip(ctx, "apple", 1),
		}
	}
	for want, ctx := range b.endedContexts() {
		for range 10 {
			for name, err := range call(ctx) {
				p.wantError(err, want, "%s with an ended context", name)
			}
		}
	}
	var none context.Context
	for name, err := range call(none) {
		p.wantInvalid(err, "%s with a nil context", name)
	}
	p.wantFailures("", plenty, dead("relay", "apple", 1, 1))
	p.wantBacklog(2, 4, noon)
	p.wantNumbers("pear", 1)
}
