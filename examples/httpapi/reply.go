package main

import (
	"encoding/json"
	"net/http"
)

// reply is an answer, as it is sent and as it is stored for a repeated request.
type reply struct {
	status    int
	mediaType string
	body      []byte

	tryAgain bool // the same request may succeed in a moment
	replayed bool // the answer was given to an earlier request
}

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
)

// asJSON answers with a value, unless there is an error.
func asJSON(status int, value any, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	body, err := json.Marshal(value)
	return reply{status: status, mediaType: jsonType, body: append(body, '\n')}, err
}

func (a reply) send(w http.ResponseWriter, id string) {
	header := w.Header()
	header.Set("Content-Type", a.mediaType)
	header.Set("Cache-Control", "no-store") // stock changes
	header.Set("X-Request-Id", id)
	if a.tryAgain {
		header.Set("Retry-After", "1")
	}
	if a.replayed {
		header.Set("Idempotency-Replayed", "true")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that has left gets nothing
}
