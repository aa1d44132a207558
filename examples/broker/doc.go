// Command broker is a shop behind a message broker: orders of customers, and announcements and counts of the warehouse,
// come in as messages, and events about the stock go out. Nothing needs to be installed. The program starts a NATS
// server on loopback, plays a story, prints every step, and ends. Run it from the folder examples:
//
//	go run ./broker
//
// A reader learns how events reach a broker at least once and in order, how a consumer counts each event once, and how
// an incoming message becomes a command. Look at publisher.go first, then at incoming.go and board.go. The story is in
// story.go.
//
// The relay of package outbox sends events through Watermill to NATS JetStream. publisher.go connects the two and has
// nothing of NATS in it: the same lines send to Kafka, RabbitMQ, Redis or any other broker that Watermill has a
// publisher for. The parts for NATS are in broker.go and subscriber.go.
//
// incoming.go carries out orders, announcements and counts. An order says on which terms: needed by a time, fresh until
// a time, at a location, as a hold, willing to wait. A message is acknowledged after the commit, and a message that
// comes twice or late changes nothing for the worse. A message that can't be understood in full becomes a dead letter
// whose reason names the field, and a message that came while the database was down comes again.
//
// board.go is another program, which receives the events. If a relay dies after sending events and before marking them
// as sent, the events are sent again. NATS drops such a repeat within two minutes, and the board drops it at any time.
// relay_test.go kills relays at this point.
package main
