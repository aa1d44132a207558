// Yardstick measures package allocation against what a host would write by hand, on real databases: the best single
// statement that finds a batch by ETA, takes the units and inserts the line, and the transaction that locks the batch
// first. The hand-written sides get every advantage: prepared statements, the same indexes, no versions and no
// events, and the size of connection pool that suits them best. The library runs with its defaults and writes its events.
//
//	go run ./yardstick -engine postgresql
//	go run ./yardstick -engine all -short
//
// It starts private servers on the loopback interface with their usual durability, measures the sides in turns, slice by slice on
// one database, prints Markdown and one line "ratio ENGINE WORKLOAD X.XX" for each workload (library ÷ single
// statement with the same pool, the median of the slices' ratios), and ends by itself.
package main
