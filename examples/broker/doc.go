// Command broker is a shop behind a message broker: what happens to its stock goes out as events, and what the
// warehouse counts comes in as messages. It needs nothing installed. It starts a NATS server of its own on
// loopback, plays a story over it, prints what happens, and ends:
//
//	go run ./broker
//
// The relay of package outbox sends events through Watermill to NATS JetStream. What connects the two is in
// publisher.go and has nothing of NATS in it: the same lines send to Kafka, RabbitMQ, Redis or whatever else
// Watermill has a publisher for. What is particular to NATS is in broker.go and subscriber.go.
//
// incoming.go carries out what the warehouse counted. A message is acknowledged after the commit. One that makes no
// sense becomes a dead letter, and one that came while the database was down comes again.
//
// board.go is another program, which hears the events. A relay that dies between sending events and noting that
// they are sent leaves them to be sent again; NATS drops such a repeat if it comes within two minutes, and the
// board whenever it comes. relay_test.go kills relays at that point.
package main
