// Package patterns has tested examples of what a host builds on top of the library in a few lines: quotas, safety
// stock, kits, substitution, seats, weights, preorders, tenants and the stock of a past date. The page docs/patterns.md
// says when to use which pattern. All code is in the tests; go test -v ./patterns runs the tests.
package patterns
