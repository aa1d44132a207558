// Package outbox brings events out of the building: each to a broker or another program, at least once, and
// the events of one product in their order.
//
// Every commit stores the product's events with its state, so an event exists if and only if what it tells has
// happened. A [Relay] takes those that are unsent out of the [Store] and gives them to a [Publisher]:
//
//	relay := outbox.NewRelay(store, publisher, &outbox.Options{Source: "https://shop.example/stock"})
//	units := allocation.NewUnitOfWork(store, &allocation.Options{
//		Committed: func(context.Context, []allocation.Event) { relay.Wake() },
//	})
//	...
//	err := relay.Run(ctx) // until ctx ends
//
// Without Wake the relay looks once per [Options].Poll. It needs no broker of any particular kind: a publisher is
// one method, and may as well write to another table or call a web hook.
//
// # What is promised
//
//   - Every event of every commit is sent, at least once: see below what happens if a process dies.
//   - Events of one product are sent in their order, one Publish after the other. Those of different
//     products go side by side, and in no order between them.
//   - A product whose event can't be published stops only itself. Its later events wait, so that they don't
//     overtake, and those of all other products go on.
//   - A publisher that hangs holds up one of [Options].Workers, until its context ends.
//
// This is where an event can be when its process dies, and what becomes of it:
//
//   - not committed: neither the event nor what it tells exists;
//   - committed, and claimed by nobody: the next claim of any relay takes it;
//   - claimed: the product belongs to the relay that died until its lease ends, then another one takes it;
//   - published, and the store doesn't know it yet: it is published again, with the same ID, once the
//     lease has ended;
//   - settled: it is not published again.
//
// A relay whose Run ends properly leaves no lease behind, provided that the store answers: it waits for what is
// under way, and gives back the rest.
//
// # Consumers
//
// An event travels in an [Envelope], whose JSON is a CloudEvent; [Envelope.Event] is the way back to the event.
// "At least once" means that a consumer has to know a repeat when it sees one. There are two ways:
//
//   - ID is the same at every try. Who handles each event by itself, such as sending a mail, remembers the
//     IDs of those that are handled. So do brokers that drop repeats.
//   - Sequence numbers the events of a subject. Who keeps something for each product, such as its stock,
//     keeps the last sequence beside it and drops whatever isn't greater, in the same transaction.
//
// The second is the stronger one. A relay that was stopped for longer than its lease, as a machine may be, goes on
// with its Publish when it wakes up, and older events come again after newer ones. All of them are repeats, or were
// skipped. That, and the order, is true of what brokers hand on only if they keep the messages of one subject in
// order: make the subject the partition key, or whatever the broker calls it. Sequences are counted for each source
// and subject; they begin with 1, and miss a number only where somebody skipped an event.
//
// # Several relays
//
// Any number of relays may run on one store, and one in every process of the host is a good number. They share the
// products by leases: no two have the same one at a time, provided that their clocks differ by little against
// [Options].Lease. One that is slow delays its own products only.
//
// # Dead letters
//
// A product whose event was not accepted waits, longer after each try. After [Options].Tries the event is dead: it is
// logged as an error, and waits for people. A store that is a [Maintainer] lists such products (Failures), tries
// an event again once its cause is gone (Retry), or gives it up (Skip). A broker that is away for longer than all
// tries take leaves an event of every product dead that had some to send; Retry all of them, or allow more tries.
// Backlog belongs on a gauge: its Oldest grows when events don't leave, whatever the reason.
//
// # Watermill
//
// A publisher over one of Watermill's, and with it over the brokers that it has. It hands over one message at a time,
// since their Publish doesn't tell how many of several were accepted. Configure it to wait for the broker's
// acknowledgement, and to make the key from the metadata:
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
// Change data capture can take the place of the publisher. The events table of package sqlstore gets a row for
// each event, in the order of each product, and Debezium's outbox event router can read it with these settings:
//
//	table.field.event.key=sku
//	table.field.event.payload=data
//	table.field.event.id=sequence
//	table.fields.additional.placement=sequence:header,kind:header
//	route.by.field=kind
//	route.topic.replacement=stock.events
//
// Consumers then get the event's JSON without envelope; SKU and sequence together name an event. Let the connector
// have skipped.operations=u,d,t, and run a relay whose publisher accepts everything and sends nothing: it marks
// events as sent. Without that Backlog grows, and Purge deletes nothing.
//
// # Writing a store
//
// An adapter adds the two methods of [Store] to its [allocation.Store]: Claim leases products and reads their first
// unsent events, Settle says what was sent and ends the lease. What is left to the relay: envelopes, tries and
// pauses, what is dead. A store should be a [Maintainer], too. Package storetest has a row for everything that
// both have to do, and says why.
package outbox
