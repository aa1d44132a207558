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
	p := b.post()
	p.tell(2, "apple", "cherry", "pear")
	p.tell(2, "apple", "cherry")
	p.wantClaim(by("relay", 0), p.all("apple", "cherry", "pear")...)
	p.settle(failed("relay", "apple", 2, 1, 5)) // before the lease would have ended
	p.settle(failed("relay", "cherry", 1, 1, 90))
	p.settle(sent("relay", "pear", 0))
	p.wantClaim(by("another", 0), p.rest("pear", 0))
	p.tell(1, "apple", "cherry", "pear")
	c := by("relay", 4)
	p.wantClaim(c)
	c.Now = minute(5).Add(-time.Microsecond)
	p.wantClaim(c)
	c.Now = minute(5)
	p.wantClaim(c, tried(1, p.rest("apple", 1)))
	p.settle(sent("relay", "apple", 5))
	p.wantClaim(by("relay", 89), p.rest("pear", 0))
	p.wantClaim(by("relay", 90), tried(1, p.rest("cherry", 0)))
}

func failureTries(b *bench) {
	p := b.post()
	p.tell(6, "apple", "pear")
	p.wantClaim(by("relay", 0), p.all("apple", "pear")...)
	p.settle(failed("relay", "apple", 2, 1, 20))
	p.wantClaim(by("another", 20), tried(1, p.rest("apple", 1)), p.rest("pear", 0))
	s := failed("another", "apple", 2, 2, 40)
	s.Sent = 0 // none of this delivery
	p.settle(s)
	p.wantClaim(by("dies", 40), tried(2, p.rest("apple", 1)), p.rest("pear", 0))
	p.wantClaim(by("relay", 60), tried(2, p.rest("apple", 1)), p.rest("pear", 0))
	p.settle(failed("relay", "apple", 4, 1, 80)) // it got further
	p.settle(failed("relay", "pear", 1, 12, 80))
	p.wantClaim(by("relay", 80), tried(1, p.rest("apple", 3)), tried(12, p.rest("pear", 0)))
	p.settle(sent("relay", "apple", 5))
	p.settle(sent("relay", "pear", 6))
	p.tell(1, "pear")
	p.wantClaim(by("relay", 100), p.rest("apple", 5), p.rest("pear", 6))
}

func failureUntried(b *bench) {
	p := b.post()
	p.tell(3, "apple")
	p.wantClaim(by("relay", 0), p.all("apple")...)
	p.settle(failed("relay", "apple", 2, 4, 5))
	for _, minutes := range []int{5, 6, 7} {
		p.wantClaim(by("stops", minutes), tried(4, p.rest("apple", 1)))
		p.settle(sent("stops", "apple", 0))
	}
	p.wantClaim(by("relay", 8), tried(4, p.rest("apple", 1)))
	p.settle(sent("relay", "apple", 2))
	p.wantClaim(by("relay", 8), p.rest("apple", 2))
}

func failureDead(b *bench) {
	p := b.post()
	p.tell(3, "apple", "pear")
	p.wantClaim(by("relay", 0), p.all("apple", "pear")...)
	p.settle(died("relay", "apple", 2, 9))
	p.settle(sent("relay", "pear", 1))
	p.tell(2, "apple", "pear")
	for _, minutes := range []int{0, 20, 10_000_000} { // which is 19 years
		p.wantClaim(by("another", minutes), p.rest("pear", 1))
	}
}

func failureOver(b *bench) {
	p := b.post()
	skus := []allocation.SKU{"apple", "pear", "plum", "quince"}
	p.tell(4, skus...)
	p.wantClaim(by("slow", 0), p.all(skus...)...)
	p.wantClaim(by("quick", 20), p.all(skus...)...)
	p.settle(died("quick", "apple", 1, 9))
	p.settle(died("quick", "pear", 2, 9))
	p.settle(died("quick", "plum", 3, 9))
	for _, sku := range skus {
		p.settle(sent("slow", sku, 2))
	}
	p.settle(died("quick", "quince", 1, 9))
	p.wantClaim(by("quick", 40), p.rest("apple", 2), p.rest("pear", 2), p.rest("quince", 2))
	p.settle(sent("slow", "plum", 4))
	p.tell(1, "pear", "plum")
	p.wantClaim(by("quick", 60), p.rest("apple", 2), p.rest("pear", 2), p.rest("plum", 4), p.rest("quince", 2))
}
