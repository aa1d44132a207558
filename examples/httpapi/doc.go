// Command httpapi is the web front door of a shop, JSON over HTTP, on net/http and the library alone. Run it from the
// folder examples:
//
//	go run ./httpapi                           # on 127.0.0.1:8080, with everything in the file httpapi.db
//	go run ./httpapi -addr :9000 -db shop.db   # open to others: put something in front that knows who they are
//
// A reader learns how a web service offers the commands and the read models, which HTTP status fits which error of the
// library, and how a key makes a request safe to repeat. Look at server.go first, which lists the routes, then at
// orders.go for the commands, problem.go for the errors and idempotency.go for the keys.
//
// A shop announces batches, one in the warehouse and one on its way, and shows how much can be promised. Long answers
// are wrapped here:
//
//	curl localhost:8080/batches --json '{"ref":"batch-1","sku":"RED-CHAIR","quantity":5}'
//	{"ref":"batch-1","sku":"RED-CHAIR","quantity":5}
//	curl localhost:8080/batches --json '{"ref":"batch-2","sku":"RED-CHAIR","quantity":9,"eta":"2030-02-01T00:00:00Z"}'
//	{"ref":"batch-2","sku":"RED-CHAIR","quantity":9,"eta":"2030-02-01T00:00:00Z"}
//	curl localhost:8080/products/RED-CHAIR/availability
//	{"sku":"RED-CHAIR","in_warehouse":5,"arriving":[{"eta":"2030-02-01T00:00:00Z","quantity":9}]}
//	curl 'localhost:8080/availability?sku=RED-CHAIR&by=2030-03-01T00:00:00Z'
//	{"products":[{"sku":"RED-CHAIR","in_warehouse":5,
//	  "arriving":[{"eta":"2030-02-01T00:00:00Z","quantity":9}],"available_by":14}]}
//
// An order is allocated as a whole or not at all. The same request again gets the same answer. A line may be held for
// a while, and is confirmed after the payment:
//
//	curl localhost:8080/orders/17/allocation --json '{"lines":[{"sku":"RED-CHAIR","quantity":2}]}'
//	{"order_id":"17","lines":[{"sku":"RED-CHAIR","quantity":2,
//	  "parts":[{"batch":"batch-1","quantity":2,"shipped":0}]}]}
//	curl localhost:8080/orders/18/allocation \
//	  --json '{"lines":[{"sku":"RED-CHAIR","quantity":9,"hold_until":"2030-01-01T00:00:00Z"}]}'
//	{"order_id":"18","lines":[{"sku":"RED-CHAIR","quantity":9,"held_until":"2030-01-01T00:00:00Z",
//	  "parts":[{"batch":"batch-2","quantity":9,"shipped":0}]}]}
//	curl localhost:8080/orders/18/allocation/confirm --json '{"skus":["RED-CHAIR"]}'
//	{"order_id":"18","lines":[{"sku":"RED-CHAIR","quantity":9,
//	  "parts":[{"batch":"batch-2","quantity":9,"shipped":0}]}]}
//	curl localhost:8080/orders/18/allocation
//	{"order_id":"18","lines":[{"sku":"RED-CHAIR","quantity":9,
//	  "parts":[{"batch":"batch-2","quantity":9,"shipped":0,"eta":"2030-02-01T00:00:00Z"}]}]}
//	curl -X DELETE localhost:8080/orders/18/allocation
//	{"order_id":"18","lines":[]}
//
// Every failure is answered with problem details (RFC 9457); problem.go lists the types with their status. A shortage
// has the true numbers:
//
//	curl localhost:8080/orders/19/allocation --json '{"lines":[{"sku":"RED-CHAIR","quantity":10}]}'
//	{"type":"/problems/out-of-stock",…,"status":409,…,"shortages":[{"sku":"RED-CHAIR","wanted":10,"available":9}]}
//
// If a recount finds fewer units than were promised, lines move to other batches, here the line of order 17. The
// answer lists as released the lines that fit nowhere:
//
//	curl -X PUT localhost:8080/batches/batch-1/quantity --json '{"quantity":1,"counted_at":"2025-01-02T15:04:05Z"}'
//	{"ref":"batch-1","released":[]}
//
// Terms bind a line to the batches that fit: a time by which the units are needed, a time until which they must keep, a
// location. Lines for the same SKU have different names in the field line. A line with wait is never refused for want
// of stock, and hold_for makes an offer of what the line is given later. A cart becomes an order:
//
//	curl localhost:8080/orders/cart-20/allocation \
//	  --json '{"lines":[{"sku":"RED-CHAIR","quantity":1,"needed_by":"2029-12-24T00:00:00Z"}]}'
//	{"order_id":"cart-20","lines":[{"sku":"RED-CHAIR","quantity":1,"needed_by":"2029-12-24T00:00:00Z",
//	  "parts":[{"batch":"batch-1","quantity":1,"shipped":0}]}]}
//	curl localhost:8080/orders/cart-20/allocation/handover --json '{"to":"20","skus":["RED-CHAIR"]}'
//	{"order_id":"20","lines":[{"sku":"RED-CHAIR","quantity":1,"needed_by":"2029-12-24T00:00:00Z",
//	  "parts":[{"batch":"batch-1","quantity":1,"shipped":0}]}]}
//
// Units move as batches of their own, here a part that arrives before the rest of the batch. A blocked batch is not
// sold:
//
//	curl localhost:8080/batches/batch-2/split --json '{"ref":"batch-3","quantity":4,"location":"north"}'
//	{"ref":"batch-3","released":[]}
//	curl -X PUT localhost:8080/batches/batch-3/blocked --json '{"reason":"scratched"}'
//	{"ref":"batch-3","released":[]}
//	curl -X DELETE localhost:8080/batches/batch-3/blocked
//	{"ref":"batch-3"}
//
// # Repeating requests
//
// Every request may be repeated after an answer was lost. The answer to a repeat depends on the changes since, unless
// the request has a key, as draft-ietf-httpapi-idempotency-key-header describes:
//
//	curl -X DELETE localhost:8080/orders/17/allocation -H 'Idempotency-Key: "4a7c9b52-6f0e-4d3a-9c41-0e8d8f7b2a15"'
//	{"order_id":"17","lines":[]}
//	curl -X DELETE localhost:8080/orders/17/allocation -H 'Idempotency-Key: "4a7c9b52-6f0e-4d3a-9c41-0e8d8f7b2a15"'
//	{"order_id":"17","lines":[]}
//
// For 24 hours every repeat gets the first answer, with the header Idempotency-Replayed. The key with another method,
// path or body is 422, and while the first request is under way a repeat is 409. An answer is stored if the shop has
// decided: the command is done, there is too little stock, or something is unknown or not allowed. A request that
// breaks a rule of the API, or meets a failure, leaves its key unused. All clients of a server share one set of keys;
// a service with several clients would keep a set for each user who is logged in.
//
// The pages below /console/ show the stock to people, and change nothing.
//
// GET /healthz answers 200 while the shop can do business, else 503; GET /livez answers 200 while the program runs.
package main
