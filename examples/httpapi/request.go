package main

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/examples/internal/wire"
)

const maxBody = 64 << 10

// change carries out a writing request. A change may run more than once, each time in another transaction.
type change func(ctx context.Context, service *allocation.Service) (reply, error)

// parser reads a writing request, and touches no storage.
type parser func(r *http.Request, body []byte) (change, error)

// writes is the handler of a writing request, with or without an Idempotency-Key.
func (s *server) writes(parse parser) handler {
	return func(ctx context.Context, r *http.Request) (reply, error) {
		key, err := keyOf(r.Header)
		if err != nil {
			return reply{}, err
		}
		body, err := readBody(r)
		if err != nil {
			return reply{}, err
		}
		run, err := parse(r, body)
		if err != nil {
			return reply{}, err
		}
		if key == "" {
			return run(ctx, s.service)
		}
		return s.once(ctx, key, digest(r, body), run)
	}
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			return nil, err
		}
		return nil, &requestError{malformed, "the body did not arrive"}
	}
	if len(body) == 0 {
		return nil, nil
	}
	if is, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || is != jsonType {
		return nil, &requestError{unsupported, "send " + jsonType}
	}
	return body, nil
}

// decode reads the body of a request, one JSON object.
func decode[T any](body []byte) (T, error) {
	value, err := wire.Decode[T](body)
	var syntax *wire.SyntaxError
	if errors.As(err, &syntax) {
		err = &requestError{malformed, syntax.Detail}
	}
	return value, err
}
