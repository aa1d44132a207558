// Package allocation allocates customers' order lines to batches of stock, and never promises the same
// unit twice.
package allocation
