package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
)

// relayVariable makes the test binary a relay process that dies. The value is a database's path and the broker's URL.
const relayVariable = "BROKER_TEST_RELAY"

// relayThatDies returns only if the relay fails to die.
func relayThatDies(path, url string) (code int) {
	ctx := context.Background()
	_, store, err := openStore(ctx, path)
	if err == nil {
		var to message.Publisher
		if to, err = publisherTo(url, silent); err == nil {
			err = outbox.NewRelay(store, dying{publisher{to, eventsTopic}}, nil).Run(ctx)
		}
	}
	fmt.Println("the relay didn't die:", err)
	return 1
}

// dying ends the process as a power failure would, after the broker has accepted events and before the relay knows.
type dying struct{ publisher }

func (d dying) Publish(ctx context.Context, envelopes []outbox.Envelope) (accepted int, err error) {
	if accepted, err = d.publisher.Publish(ctx, envelopes); err != nil {
		return accepted, err
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		return accepted, err
	}
	select {} // until the signal arrives
}

// audience is a board that remembers the events.
type audience struct {
	*board
	mu      sync.Mutex
	counted map[allocation.SKU][]int64 // the sequences of the counted events
	repeats int
}

func newAudience(t *testing.T, url string) *audience {
	t.Helper()
	a := &audience{counted: map[allocation.SKU][]int64{}}
	opened, err := openBoard(t.Context(), filepath.Join(t.TempDir(), "board.db"), a.see)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.db.Close()) })
	a.board = opened
	reading(t, url, eventsTopic, a.take)
	return a
}

func (a *audience) see(e outbox.Envelope, repeat bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if repeat {
		a.repeats++
		return
	}
	a.counted[e.Subject] = append(a.counted[e.Subject], e.Sequence)
}

func (a *audience) repeated() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.repeats
}

// requireLevel waits until the board has all events of a product, and checks the board's sum.
func (a *audience) requireLevel(t *testing.T, store *sqlstore.Store, sku allocation.SKU) {
	t.Helper()
	audit, err := store.Audit(t.Context(), sku)
	require.NoError(t, err)
	eventually(t, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return int64(len(a.counted[sku])) >= audit.Version
	}, "not all events reached the board")
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, sequence := range a.counted[sku] {
		require.Equal(t, int64(i)+1, sequence, "events of %q in their order, each once: %v", sku, a.counted[sku])
	}
	var allocated allocation.Quantity
	for _, tally := range audit.Tallies {
		allocated += tally.Allocated
	}
	promised, err := a.promised(t.Context(), sku)
	require.NoError(t, err)
	require.Equal(t, allocated, promised, "units of %q that the board takes for promised", sku)
}

// events is the number of events in a shop opened by sold.
const events = 12

// sold opens a shop that has sold chairs and lamps, without running the relay.
func sold(t *testing.T, path, url string) *shop {
	t.Helper()
	s, err := openShop(t.Context(), path, url, silent)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for _, sku := range []allocation.SKU{"chair", "lamp"} {
		batch := allocation.Batch{Ref: allocation.BatchRef(sku) + "s", SKU: sku, Purchased: 100}
		require.NoError(t, s.AddBatch(t.Context(), batch))
		for number := range 5 {
			order := allocation.OrderID(fmt.Sprint("order-", number))
			line := allocation.OrderLine{OrderID: order, SKU: sku, Quantity: 2}
			_, err := s.Allocate(t.Context(), allocation.Request{OrderLine: line})
			require.NoError(t, err)
		}
	}
	return s
}

// relaying runs a relay until the test ends.
func relaying(t *testing.T, relay *outbox.Relay) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
}

// backlog counts the unsent events of the shop.
func backlog(t *testing.T, s *shop) (events int64) {
	t.Helper()
	unsent, err := s.store.Backlog(t.Context())
	require.NoError(t, err)
	return unsent.Events
}

// stored counts the messages with events at the broker.
func stored(t *testing.T, js jetstream.JetStream) (messages uint64) {
	t.Helper()
	stream, err := js.Stream(t.Context(), streamOf(eventsTopic))
	require.NoError(t, err)
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(eventsTopic))
	require.NoError(t, err)
	return info.State.Subjects[eventsTopic]
}

// killRelay lets a relay of another process send events and die.
func killRelay(t *testing.T, path, url string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	relay := exec.CommandContext(t.Context(), self)
	relay.Env = append(os.Environ(), relayVariable+"="+path+"\n"+url)
	out, err := relay.CombinedOutput()
	var died *exec.ExitError
	require.ErrorAs(t, err, &died, "%s", out)
	require.False(t, died.Exited(), "the relay ended by itself: %s", out)
}

// forget waits until NATS takes repeats for new messages, by repeating a message sent after all others.
func forget(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	stream, err := js.Stream(t.Context(), streamOf(eventsTopic))
	require.NoError(t, err)
	settings := stream.CachedInfo().Config
	settings.Subjects = append(settings.Subjects, "probe")
	_, err = js.UpdateStream(t.Context(), settings)
	require.NoError(t, err)
	isNew := func() bool {
		ack, err := js.Publish(t.Context(), "probe", nil, jetstream.WithMsgID("probe"))
		return err == nil && !ack.Duplicate
	}
	require.True(t, isNew())
	eventually(t, isNew, "NATS doesn't forget")
}

func TestEventsOfARelayThatDiedAreSentAgainAndCountedOnce(t *testing.T) {
	t.Parallel()
	for name, remember := range map[string]time.Duration{
		"while NATS remembers them": time.Hour, "after NATS has forgotten them": 100 * time.Millisecond,
	} {
		t.Run(name, func(t *testing.T) {
			url, path := newBroker(t, remember), filepath.Join(t.TempDir(), "shop.db")
			shop, js := sold(t, path, url), dial(t, url)
			board := newAudience(t, url)

			killRelay(t, path, url)
			sent := stored(t, js)
			require.NotZero(t, sent, "events that the broker has of the relay that died")
			require.Equal(t, int64(events), backlog(t, shop), "events that the shop takes for unsent")
			wantRepeats := 0
			if remember < time.Hour {
				wantRepeats = int(sent)
				forget(t, js)
			}

			// By the clock of this relay, the dead relay's lease has ended.
			relaying(t, outbox.NewRelay(shop.store, publisher{shop.to, eventsTopic}, &outbox.Options{
				Now: func() time.Time { return time.Now().Add(time.Hour) },
			}))
			eventually(t, func() bool { return backlog(t, shop) == 0 }, "not all events were sent")
			board.requireLevel(t, shop.store, "chair")
			board.requireLevel(t, shop.store, "lamp")
			eventually(t, func() bool { return board.repeated() >= wantRepeats }, "not all repeats reached the board")
			require.Equal(t, wantRepeats, board.repeated())
			require.Equal(t, uint64(events+wantRepeats), stored(t, js), "messages that NATS keeps")
		})
	}
}

func TestACountFromTheWarehouseIsHeardByTheBoard(t *testing.T) {
	t.Parallel()
	url := newBroker(t, time.Minute)
	shop := sold(t, filepath.Join(t.TempDir(), "shop.db"), url)
	relaying(t, shop.relay)
	reading(t, url, countsTopic, incoming{shop.Service}.handlers()[countsTopic])
	board := newAudience(t, url)

	js := dial(t, url)
	for _, quantity := range []string{"9", "3"} { // at increasing times
		now := time.Now().Format(time.RFC3339Nano)
		count := `{"ref": "chairs", "quantity": ` + quantity + `, "counted_at": "` + now + `"}`
		_, err := js.Publish(t.Context(), countsTopic, []byte(count))
		require.NoError(t, err)
	}
	eventually(t, func() bool {
		audit, err := shop.store.Audit(t.Context(), "chair")
		return err == nil && audit.Tallies[0].Purchased == 3
	}, "the second count wasn't carried out")
	board.requireLevel(t, shop.store, "chair")
	board.requireLevel(t, shop.store, "lamp")
	promised, err := board.promised(t.Context(), "chair")
	require.NoError(t, err)
	require.Equal(t, allocation.Quantity(2), promised, "what is left of five lines of two chairs each")
	require.Zero(t, board.repeated())
}

func TestEventsWaitWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broker, err := startBroker(dir, server.RANDOM_PORT)
	require.NoError(t, err)
	url, port := broker.ClientURL(), broker.Addr().(*net.TCPAddr).Port
	require.NoError(t, provision(t.Context(), url, time.Minute))
	board := newAudience(t, url)
	shop := sold(t, filepath.Join(t.TempDir(), "shop.db"), url)
	stopBroker(broker)

	failed := make(chan struct{}, 100)
	relaying(t, outbox.NewRelay(shop.store, publisher{shop.to, eventsTopic}, &outbox.Options{
		Poll: 10 * time.Millisecond, Backoff: 10 * time.Millisecond, MaxBackoff: 10 * time.Millisecond, Tries: 1e9,
		Settled: func(_ context.Context, s outbox.Settlement) {
			if s.Failure != nil {
				select {
				case failed <- struct{}{}:
				default:
				}
			}
		},
	}))
	<-failed
	require.Equal(t, int64(events), backlog(t, shop))

	broker, err = startBroker(dir, port)
	require.NoError(t, err)
	t.Cleanup(func() { stopBroker(broker) })
	board.requireLevel(t, shop.store, "chair")
	board.requireLevel(t, shop.store, "lamp")
}
