// Package outbox sends committed events to other programs, for example through a message broker: every event at least
// once, and the events of each product in order.
//
// A commit stores a product's events together with the product's new state. An event therefore exists if and only if
// the recorded change was committed. A [Relay] takes unsent events from the [Store] and passes the events to a
// [Publisher]:
//
//	relay := outbox.NewRelay(store, publisher, &outbox.Options{Source: "https://shop.example/stock"})
//	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
//		Committed: func(context.Context, []allocation.Event) { relay.Wake() },
//	})
//	...
//	err := relay.Run(ctx) // until ctx ends
//
// Without Wake the relay looks for unsent events once per [Options].Poll. A Publisher has a single method, and may send
// to any broker, write to another table or call a web hook.
//
// # Guarantees
//
//   - Every event of every commit is sent at least once. A process that dies may cause a repeat, see below.
//   - The events of a product are sent in order, by a single Publish at a time. Events of different products are sent
//     concurrently, in no particular order.
//   - A failed event stops its own product only. The product's later events wait behind the failed event, so that the
//     order is kept, and the events of other products are sent as usual.
//   - A Publish that hangs occupies one of [Options].Workers. The context of a Publish ends after a third of
//     [Options].Lease.
//
// If a process dies, the state of an event decides what happens next:
//
//   - Not committed: neither the event nor the recorded change exists.
//   - Committed and not claimed: the next claim of any relay takes the event.
//   - Claimed: no relay gets the product until the lease of the dead relay ends.
//   - Published and not settled: the event is published again with the same ID, once the lease has ended.
//   - Settled: the event is not published again.
//
// When Run ends normally and the store answers, the relay leaves no lease behind: Run waits for the calls under way,
// and gives the unpublished events back.
//
// # Consumers
//
// Events travel in an [Envelope], whose JSON is a CloudEvent. [Envelope.Event] decodes the event. Delivery is at least
// once, so a consumer must recognise repeats, in one of two ways:
//
//   - By ID. The ID of an event is the same at every try. A consumer that handles each event by itself, for example by
//     sending a mail, stores the IDs of handled events. A broker that removes duplicates does the same.
//   - By Sequence. Sequence numbers the events of a subject. A consumer with data for each product, for example the
//     stock, stores the last sequence with the data, and ignores an event whose sequence is not greater. Data and
//     sequence change in one transaction.
//
// Prefer the sequence. A relay may be suspended, with its machine, for longer than its lease; after the suspension its
// Publish continues, and old events arrive after newer events. These old events are repeats, or events that a person
// has skipped, and a consumer with sequences ignores all of them.
//
// The order of a product's events reaches the consumer only if the broker keeps the order of each subject. Use the
// subject as the partition key, or as the broker's equivalent. Sequences are counted for each source and subject; the
// first event has sequence 1, and only skipped events, and events that the store lost, leave gaps.
//
// # Several relays
//
// Any number of relays may run on the same store; one relay in each process of the host is a good choice. Relays share
// the products by leases. No two relays have the same product at a time, provided that the clocks of the relays differ
// by little compared to [Options].Lease. A slow relay delays the products of its own leases only.
//
// # Dead letters
//
// After a failed try the product waits, longer after each try. After [Options].Tries the event is dead: the relay logs
// an error and doesn't try the event again until a person decides. A store that is a [Maintainer] lists failed events
// (Failures), tries an event again after the cause is gone (Retry), or gives up an event (Skip).
//
// If a broker is away for longer than all tries take, every product with unsent events has a dead event. Call Retry for
// each of the products, or allow more tries. Export Backlog as a gauge: Oldest falls behind when events are not sent,
// for any reason.
//
// # Watermill
//
// The following publisher sends through any publisher of Watermill, and so to any broker with a Watermill package.
// Watermill doesn't report how many of several messages were accepted, so the publisher sends one message at a time.
// Configure Watermill's publisher to wait for the broker's acknowledgement, and to take the message key from the
// metadata:
//
//	type toWatermill struct {
//		publisher message.Publisher
//		topic     string
//	}
//
//	func (w toWatermill) Publish(ctx context.Context, envelopes []outbox.Envelope) (int, error) {
//		for i, e := range envelopes {
//			payload, err := json.Marshal(e)
//			if err != nil {
//				return i, err
//			}
//			m := message.NewMessageWithContext(ctx, e.ID, payload)
//			m.Metadata.Set("content-type", outbox.MediaType)
//			m.Metadata.Set("subject", string(e.Subject))
//			if err := w.publisher.Publish(w.topic, m); err != nil {
//				return i, err
//			}
//		}
//		return len(envelopes), nil
//	}
//
// # Debezium
//
// Change data capture can replace the publisher. The events table of package sqlstore gets a row for each event, in
// the order of each product. Debezium's outbox event router reads the rows of PostgreSQL and MariaDB with these
// settings; the topic's name is up to the host:
//
//	table.field.event.id=id
//	table.field.event.key=sku
//	table.field.event.payload=data
//	table.fields.additional.placement=sequence:header,kind:header:type,trace_parent:header:traceparent
//	route.by.field=aggregatetype
//	route.topic.replacement=stock.events
//
// Consumers receive the event's JSON without an envelope. The id identifies the event, as do SKU and sequence. The
// headers are the sequence, the kind as type, and the trace parent as traceparent. All rows have the aggregatetype
// "product", so the events of a product share a topic and the key, and stay in order.
//
// Two settings belong to the connector: skipped.operations=u,d,t, because the relay changes rows and Purge deletes
// rows, and snapshot.mode=no_data, because events that are older than version 2 of the tables have no id. MariaDB's
// connector reads the key as bytes, see binary.handling.mode.
//
// Also run a relay with a publisher that accepts all events and sends nothing, to mark the events as sent. Without the
// relay Backlog grows and Purge deletes nothing.
//
// # Writing a store
//
// An adapter adds two methods to its [allocation.Store]: Claim leases products and returns their first unsent events,
// Settle records what was sent and ends the lease. The relay does the rest: envelopes, tries, pauses and dead events.
// A store should also implement [Maintainer]. Package storetest checks every requirement of both interfaces, and says
// why each is needed.
package outbox
