package storetest

import (
	"context"
	"fmt"
	"strings"

	"github.com/cosmic-go/allocation"
)

var settleRows = []row{
	{"a settled event is never claimed again, and other events are",
		"receivers would get every event twice, or lose an event", settleSent},
	{"a settlement may cover any part of the claimed events, even a part of a commit",
		"the broker may fail after any event", settlePartly},
	{"a settlement ends the lease at once",
		"the product would wait for the end of a lease that nobody uses", settleEnds},
	{"a settlement may be repeated, and an earlier settlement undoes nothing",
		"the answer to a settlement may be lost, and a settlement may arrive late", settleRepeated},
	{"an owner without the lease marks events as sent, and doesn't touch the new lease",
		"events would be sent twice, or two relays would hold the product", settleLate},
	{"owners are compared byte by byte",
		"a relay would end the leases of another relay", settleOwners},
	{"a settlement concerns its own product only",
		"another product's events would be lost, or sent by two relays", settleProducts},
	{"a settlement without a lease is no error",
		"a slow relay would report an error although nothing is wrong", settleNobody},
	{"a claim or settlement with an ended context changes nothing",
		"after the error the caller assumes that nothing was written", settleContexts},
	{"sent marks, leases and failures stay after the data are opened again",
		"after every start receivers would get all events again, and dead events would be tried again", settleReopened},
}

func settleSent(b *bench) {
	p := b.outboxBench()
	p.recordN(3, "apple", "pear")
	p.recordN(2, "apple")
	p.wantClaim(claimBy("relay", 0), p.all("apple", "pear")...)
	p.wantClaim(claimBy("relay", 20), p.all("apple", "pear")...)
	p.settle(sent("relay", "apple", 5))
	p.wantClaim(claimBy("relay", 40), p.all("pear")...)
	p.recordN(1, "apple")
	p.settle(sent("relay", "pear", 3))
	p.wantClaim(claimBy("relay", 60), p.rest("apple", 5))
	p.settle(sent("relay", "apple", 6))
	for _, minutes := range []int{60, 80, 1_000_000} {
		p.wantClaim(claimBy("relay", minutes))
	}
	p.reopenIfAble()
	p.wantClaim(claimBy("relay", 2_000_000))
	p.recordN(2, "apple")
	p.wantClaim(claimBy("relay", 3_000_000), p.rest("apple", 6))
}

func settlePartly(b *bench) {
	for _, step := range []int{1, 2, 5} {
		p := b.outboxBench()
		sku := allocation.SKU(fmt.Sprint("apple ", step))
		p.recordN(3, sku)
		p.recordN(4, sku)
		p.recordN(1, sku)
		p.recordN(3, sku)
		for n := 0; n < 11; n += step {
			p.wantClaim(claimBy("relay", 20*n), p.rest(sku, n))
			p.settle(sent("relay", sku, int64(min(n+step, 11))))
		}
		p.wantClaim(claimBy("relay", 400))
	}
}

func settleEnds(b *bench) {
	p := b.outboxBench()
	p.recordN(3, "apple", "pear")
	p.wantClaim(claimBy("relay", 0), p.all("apple", "pear")...)
	p.settle(sent("relay", "apple", 1))
	p.settle(sent("relay", "pear", 0))
	p.wantClaim(claimBy("another", 0), p.rest("apple", 1), p.rest("pear", 0))
}

func settleRepeated(b *bench) {
	p := b.outboxBench()
	p.recordN(6, "apple", "pear")
	p.wantClaim(claimBy("relay", 0), p.all("apple", "pear")...)
	for _, sequence := range []int64{4, 4, 2, 0} {
		p.settle(sent("relay", "apple", sequence))
	}
	for range 3 {
		p.settle(failed("relay", "pear", 3, 2, 30))
	}
	p.wantClaim(claimBy("relay", 20), p.rest("apple", 4))
	p.settle(sent("relay", "apple", 6))
	p.settle(sent("relay", "apple", 4))
	p.wantClaim(claimBy("relay", 30), tried(2, p.rest("pear", 2)))
}

func settleLate(b *bench) {
	p := b.outboxBench()
	p.recordN(6, "apple", "pear", "plum")
	p.wantClaim(claimBy("slow", 0), p.all("apple", "pear", "plum")...)
	p.wantClaim(claimBy("quick", 12), p.all("apple", "pear", "plum")...)
	p.settle(sent("slow", "apple", 2))
	p.settle(failed("slow", "pear", 3, 1, 500))
	p.settle(dead("slow", "plum", 1, 9))
	p.wantClaim(claimBy("third", 13))
	p.settle(sent("quick", "apple", 1))
	p.wantClaim(claimBy("third", 13), p.rest("apple", 2))
	p.wantClaim(claimBy("third", 22), p.rest("pear", 2), p.rest("plum", 0))
	p.settle(sent("slow", "plum", 6))
	p.wantClaim(claimBy("slow", 24), p.rest("apple", 2))
	p.wantClaim(claimBy("slow", 33), p.rest("pear", 2))
}

func settleOwners(b *bench) {
	p := b.outboxBench()
	owners := []string{
		"relay", "Relay", "relay ", " relay", "rel\u00e4y", "relay'", "relay%",
		strings.Repeat("r", 100) + "1", strings.Repeat("r", 100) + "2",
	}
	for i, owner := range owners {
		p.recordN(2, "apple")
		p.wantClaim(claimBy(owner, 20*i), p.all("apple")...)
		for _, other := range owners {
			if other != owner {
				p.settle(failed(other, "apple", 1, 1, 5000))
				p.settle(sent(other, "apple", 0))
			}
		}
		p.wantClaim(claimBy("third", 20*i+9))
		p.settle(sent(owner, "apple", 0))
		p.wantClaim(claimBy("third", 20*i+9), p.all("apple")...)
	}
}

func settleProducts(b *bench) {
	p := b.outboxBench()
	p.recordN(3, lookalikes...)
	p.wantClaim(claimBy("relay", 0), p.all(lookalikes...)...)
	for i, sku := range lookalikes {
		minutes := 20 * (i + 1)
		p.settle(sent("relay", sku, 2))
		p.wantClaim(claimBy("another", minutes-11), p.rest(sku, 2))
		p.settle(sent("another", sku, 3))
		p.wantClaim(claimBy("relay", minutes), p.all(lookalikes[i+1:]...)...)
	}
}

func settleNobody(b *bench) {
	p := b.outboxBench()
	p.settle(sent("relay", "unknown", 3))
	p.settle(failed("relay", "unknown", 1, 1, 60))
	p.recordN(3, "apple", "pear")
	p.settle(sent("relay", "apple", 0))
	p.settle(sent("relay", "apple", 1))
	p.settle(failed("relay", "pear", 1, 1, 60))
	p.wantClaim(claimBy("another", 0), p.rest("apple", 1), p.rest("pear", 0))
	p.recordN(1, "unknown")
	p.wantClaim(claimBy("another", 1), p.all("unknown")...)
}

func settleContexts(b *bench) {
	p, store := b.outboxBench(), b.outbox()
	p.recordN(3, "apple", "pear")
	c := claimBy("relay", 0)
	c.Products = 1
	for want, ctx := range b.endedContexts() {
		for range 20 {
			_, err := store.Claim(ctx, claimBy("gone", 0))
			p.wantError(err, want, "Claim with an ended context")
		}
	}
	p.wantClaim(c, p.rest("apple", 0))
	for want, ctx := range b.endedContexts() {
		for range 20 {
			p.wantError(store.Settle(ctx, sent("relay", "apple", 3)), want, "Settle with an ended context")
			p.wantError(store.Settle(ctx, dead("relay", "apple", 1, 1)), want, "Settle with an ended context")
		}
	}
	var none context.Context
	_, err := store.Claim(none, claimBy("gone", 0))
	p.wantInvalid(err, "Claim with a nil context")
	p.wantInvalid(store.Settle(none, sent("relay", "apple", 3)), "Settle with a nil context")
	p.wantClaim(claimBy("another", 9), p.rest("pear", 0))
	p.wantClaim(claimBy("another", 20), p.all("apple", "pear")...)
}

func settleReopened(b *bench) {
	p := b.outboxBench()
	p.recordN(3, "apple", "cherry", "pear", "plum")
	p.wantClaim(claimBy("relay", 0), p.all("apple", "cherry", "pear", "plum")...)
	p.settle(sent("relay", "apple", 1))
	p.settle(failed("relay", "pear", 3, 7, 100))
	p.settle(dead("relay", "plum", 2, 9))
	p.reopenIfAble()
	p.wantClaim(claimBy("another", 9), p.rest("apple", 1))
	p.wantClaim(claimBy("another", 20), p.rest("apple", 1), p.rest("cherry", 0))
	p.recordN(1, "pear", "plum")
	p.reopenIfAble()
	p.wantClaim(claimBy("another", 100), p.rest("apple", 1), p.rest("cherry", 0), tried(7, p.rest("pear", 2)))
}
