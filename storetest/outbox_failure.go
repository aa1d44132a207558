package storetest

import (
	"time"

	"github.com/cosmic-go/allocation"
)

var failureRows = []row{
	{"after a failure the product waits until RetryAt, and other products go on",
		"a later event would overtake the failed event, or one bad event would stop the shop", failureWaits},
	{"Tries counts the failures of the first unsent event, for any owner",
		"an event would be tried for ever, or be dead because of another event's failures", failureTries},
	{"a settlement without a failure or progress keeps the tries",
		"a relay that is restarted often would never give up an event", failureUntried},
	{"a dead event is not claimed again",
		"an event that crashes relays would crash them again and again", failureDead},
	{"a failure ends when its event is sent, by any owner",
		"a product would be dead because of an event that was sent after all", failureOver},
}

func failureWaits(b *bench) {
	p := b.outboxBench()
	p.recordN(2, "apple", "cherry", "pear")
	p.recordN(2, "apple", "cherry")
	p.wantClaim(claimBy("relay", 0), p.all("apple", "cherry", "pear")...)
	p.settle(failed("relay", "apple", 2, 1, 5)) // before the end of the lease
	p.settle(failed("relay", "cherry", 1, 1, 90))
	p.settle(sent("relay", "pear", 0))
	p.wantClaim(claimBy("another", 0), p.rest("pear", 0))
	p.recordN(1, "apple", "cherry", "pear")
	c := claimBy("relay", 4)
	p.wantClaim(c)
	c.Now = minute(5).Add(-time.Microsecond)
	p.wantClaim(c)
	c.Now = minute(5)
	p.wantClaim(c, tried(1, p.rest("apple", 1)))
	p.settle(sent("relay", "apple", 5))
	p.wantClaim(claimBy("relay", 89), p.rest("pear", 0))
	p.wantClaim(claimBy("relay", 90), tried(1, p.rest("cherry", 0)))
}

func failureTries(b *bench) {
	p := b.outboxBench()
	p.recordN(6, "apple", "pear")
	p.wantClaim(claimBy("relay", 0), p.all("apple", "pear")...)
	p.settle(failed("relay", "apple", 2, 1, 20))
	p.wantClaim(claimBy("another", 20), tried(1, p.rest("apple", 1)), p.rest("pear", 0))
	s := failed("another", "apple", 2, 2, 40)
	s.Sent = 0 // no event of this delivery
	p.settle(s)
	p.wantClaim(claimBy("dies", 40), tried(2, p.rest("apple", 1)), p.rest("pear", 0))
	p.wantClaim(claimBy("relay", 60), tried(2, p.rest("apple", 1)), p.rest("pear", 0))
	p.settle(failed("relay", "apple", 4, 1, 80)) // two more events were sent
	p.settle(failed("relay", "pear", 1, 40_000, 80))
	p.wantClaim(claimBy("relay", 80), tried(1, p.rest("apple", 3)), tried(40_000, p.rest("pear", 0)))
	p.settle(sent("relay", "apple", 5))
	p.settle(sent("relay", "pear", 6))
	p.recordN(1, "pear")
	p.wantClaim(claimBy("relay", 100), p.rest("apple", 5), p.rest("pear", 6))
}

func failureUntried(b *bench) {
	p := b.outboxBench()
	p.recordN(3, "apple")
	p.wantClaim(claimBy("relay", 0), p.all("apple")...)
	p.settle(failed("relay", "apple", 2, 4, 5))
	for _, minutes := range []int{5, 6, 7} {
		p.wantClaim(claimBy("stops", minutes), tried(4, p.rest("apple", 1)))
		p.settle(sent("stops", "apple", 0))
	}
	p.wantClaim(claimBy("relay", 8), tried(4, p.rest("apple", 1)))
	p.settle(sent("relay", "apple", 2))
	p.wantClaim(claimBy("relay", 8), p.rest("apple", 2))
}

func failureDead(b *bench) {
	p := b.outboxBench()
	p.recordN(3, "apple", "pear")
	p.wantClaim(claimBy("relay", 0), p.all("apple", "pear")...)
	p.settle(dead("relay", "apple", 2, 9))
	p.settle(sent("relay", "pear", 1))
	p.recordN(2, "apple", "pear")
	for _, minutes := range []int{0, 20, 10_000_000} { // 10,000,000 minutes are 19 years
		p.wantClaim(claimBy("another", minutes), p.rest("pear", 1))
	}
}

func failureOver(b *bench) {
	p := b.outboxBench()
	skus := []allocation.SKU{"apple", "pear", "plum", "quince"}
	p.recordN(4, skus...)
	p.wantClaim(claimBy("slow", 0), p.all(skus...)...)
	p.wantClaim(claimBy("quick", 20), p.all(skus...)...)
	p.settle(dead("quick", "apple", 1, 9))
	p.settle(dead("quick", "pear", 2, 9))
	p.settle(dead("quick", "plum", 3, 9))
	for _, sku := range skus {
		p.settle(sent("slow", sku, 2))
	}
	p.settle(dead("quick", "quince", 1, 9))
	p.wantClaim(claimBy("quick", 40), p.rest("apple", 2), p.rest("pear", 2), p.rest("quince", 2))
	p.settle(sent("slow", "plum", 4))
	p.recordN(1, "pear", "plum")
	p.wantClaim(claimBy("quick", 60), p.rest("apple", 2), p.rest("pear", 2), p.rest("plum", 4), p.rest("quince", 2))
}
