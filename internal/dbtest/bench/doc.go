// Bench measures package allocation on real databases: what an allocation costs beside a long history, and what each
// way of locking gives under contention. It starts private servers on the loopback interface with their usual
// durability, prints Markdown, and ends by itself.
//
//	go run ./bench -engine postgresql
//	go run ./bench -engine all -short
//
// What is compared is measured in turns, slice by slice, so that whatever else the machine does hits all sides, and
// the figures are medians over the slices. docs/measurements.md has the figures of one run and what they mean.
package main
