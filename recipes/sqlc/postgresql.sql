-- name: InsertOrder :exec
INSERT INTO orders (id, customer) VALUES ($1, $2);
