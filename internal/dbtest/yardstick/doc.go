// Yardstick measures package allocation on real databases, against SQL that a host would write by hand, or against the
// library of another commit.
//
//	go run ./yardstick -engine postgresql
//	go run ./yardstick -engine all -short
//	go run ./yardstick -engine sqlite -against 8c8626d
//
// The program starts private servers on the loopback interface with their usual durability, measures the sides in
// turns, slice by slice on one server, prints Markdown, and ends by itself.
//
// By hand there are two sides: the best single statement that finds a batch by ETA, takes the units and inserts the
// line, and the transaction that locks the batch first. Both get every advantage: prepared statements, the same
// indexes, no versions and no events, and the size of connection pool that suits them best. The library runs with its
// defaults and writes its events. For each workload the program prints one line "ratio ENGINE WORKLOAD X.XX": library ÷
// single statement with the same pool, the median of the slices' ratios.
//
// Against a commit the program prints one line "against ENGINE WORKLOAD …" for each workload: new ÷ old, the median of
// the rounds' ratios with its quartiles, and the same for the commit against itself. New is the working tree.
package main
