package relay

import (
	"hash/crc32"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// The messages on a relay's connection, in package gob's form: a greeting first, then parcels, each answered with a
// receipt.
type (
	greeting struct {
		Relay, Life int
		Owner       string // of the relay's leases
	}

	// parcel is what a Publish sends.
	parcel struct {
		SKU     allocation.SKU
		Letters []letter
	}

	// letter is an event, as far as one has to know it again.
	letter struct {
		Sequence int64
		ID       string
		Sum      uint32 // of everything else
	}

	// receipt says that all of a parcel was noted.
	receipt struct {
		Events int
	}
)

// source is who tells the events.
const source = "https://shop.example/stock"

func newParcel(envelopes []outbox.Envelope) parcel {
	p := parcel{SKU: envelopes[0].Subject, Letters: make([]letter, len(envelopes))}
	for i, e := range envelopes {
		p.Letters[i] = newLetter(e)
	}
	return p
}

func newLetter(e outbox.Envelope) letter {
	sum := crc32.NewIEEE()
	for _, part := range []string{e.Source, e.Type, string(e.Subject), e.Time.String(), e.TraceParent} {
		_, _ = sum.Write(append([]byte(part), 0)) // a hash never fails
	}
	_, _ = sum.Write(e.Data)
	return letter{Sequence: e.Sequence, ID: e.ID, Sum: sum.Sum32()}
}
