package main

import (
	"encoding/json"
	"net/http"
)

// reply is an answer as it goes out, and as it is kept for a repeated request.
type reply struct {
	status    int
	mediaType string
	body      []byte

	tryAgain bool // the same request may succeed in a moment
	replayed bool // it is the answer to an earlier request
}

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
)

func asJSON(status int, value any) (reply, error) {
	body, err := json.Marshal(value)
	return reply{status: status, mediaType: jsonType, body: append(body, '\n')}, err
}

func (a reply) send(w http.ResponseWriter, id string) {
	header := w.Header()
	header.Set("Content-Type", a.mediaType)
	header.Set("Cache-Control", "no-store") // what is in stock changes
	header.Set("X-Request-Id", id)
	if a.tryAgain {
		header.Set("Retry-After", "1")
	}
	if a.replayed {
		header.Set("Idempotency-Replayed", "true")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that has left can't be told
}
