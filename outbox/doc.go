// Package outbox brings events out of the building: each to a broker or another program, at least once, and
// the events of one product in their order.
package outbox
