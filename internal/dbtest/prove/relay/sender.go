package relay

import (
	"context"
	"encoding/gob"
	"fmt"
	"net"
	"time"

	"github.com/cosmic-go/allocation/outbox"
)

// sender is the publisher of a relay. It sends events to the counter and waits for the receipt, on a connection for
// each worker.
type sender struct {
	job   *job
	owner func() string
	idle  chan *route
}

// route is a connection to the counter.
type route struct {
	conn net.Conn
	out  *gob.Encoder
	in   *gob.Decoder
}

// Publish accepts all or nothing: the counter takes a whole parcel.
func (p *sender) Publish(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
	r, err := p.route(ctx)
	if err != nil {
		return 0, err
	}
	interrupt := context.AfterFunc(ctx, func() { _ = r.conn.SetDeadline(time.Unix(1, 0)) })
	err = r.bring(newParcel(envelopes))
	if !interrupt() || err != nil {
		_ = r.conn.Close() // who knows what is on it
	} else {
		p.idle <- r // there are no more than workers
	}
	if err != nil {
		return 0, err
	}
	return len(envelopes), nil
}

// route is one that is idle, or a new one.
func (p *sender) route(ctx context.Context) (*route, error) {
	select {
	case r := <-p.idle:
		return r, nil
	default:
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", p.job.Address)
	if err != nil {
		return nil, err
	}
	r := &route{conn: conn, out: gob.NewEncoder(conn), in: gob.NewDecoder(conn)}
	if err := r.out.Encode(greeting{Relay: p.job.Relay, Life: p.job.Life, Owner: p.owner()}); err != nil {
		_ = conn.Close() // the first error says more
		return nil, err
	}
	return r, nil
}

// bring delivers a parcel and waits for the receipt.
func (r *route) bring(p parcel) error {
	if err := r.out.Encode(p); err != nil {
		return err
	}
	var got receipt
	if err := r.in.Decode(&got); err != nil {
		return err
	}
	if got.Events != len(p.Letters) {
		return fmt.Errorf("the counter has noted %d of %d events", got.Events, len(p.Letters))
	}
	return nil
}

func (p *sender) close() {
	close(p.idle)
	for r := range p.idle {
		_ = r.conn.Close() // nothing is under way
	}
}
