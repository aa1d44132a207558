// Package recipes has the code of docs/transactions.md, as tests: how a host reaches the library from its own
// transaction with database/sql, sqlx, bun, GORM, ent, sqlc and pgx. shop_test.go has the test that every recipe
// passes, page_test.go compares the code with the page.
package recipes
