package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

const keptFor = 24 * time.Hour // how long the answer to a key is stored

// keyOf reads the Idempotency-Key of draft-ietf-httpapi-idempotency-key-header: a string in quotes, 1 to 100 printable
// characters of ASCII. Many clients leave out the quotes.
func keyOf(header http.Header) (string, error) {
	switch given := header.Values("Idempotency-Key"); len(given) {
	case 0:
		return "", nil
	case 1:
		key := given[0]
		if len(key) > 1 && strings.HasPrefix(key, `"`) && strings.HasSuffix(key, `"`) {
			key = key[1 : len(key)-1]
		}
		odd := func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }
		if key != "" && len(key) <= 100 && !strings.ContainsFunc(key, odd) {
			return key, nil
		}
	}
	return "", &requestError{badKey, "send one key of 1 to 100 printable ASCII characters, none a quote or a backslash"}
}

// digest tells one request from another.
func digest(r *http.Request, body []byte) []byte {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s\n", r.Method, r.URL.RequestURI())
	sum.Write(body)
	return sum.Sum(nil)
}

// once runs a command once for a key: later requests with the key get the first answer.
//
// The answer is stored in the command's own transaction, so a crash leaves both or neither, and the next request with
// the key starts anew. If the answer to COMMIT was lost, the client hears so, and the next request with the key finds
// out. Within a server, a second request is turned away while the first is under way; a second server on the same file
// waits for the transaction and then finds the answer.
//
// A decision against the request is an answer like any other. The answer is committed, together with the event of a
// refusal (R10), and a repeat gets the same answer even if there is stock by then; a client who wants another
// decision sends another key. A malformed request, or a failure, leaves the key unused.
func (s *server) once(ctx context.Context, key string, request []byte, run change) (reply, error) {
	if _, taken := s.inFlight.LoadOrStore(key, true); taken {
		return reply{}, &requestError{keyInFlight, "repeat the request in a moment"}
	}
	defer s.inFlight.Delete(key)
	var answer reply
	err := s.store.Within(ctx, s.service, func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
		now := s.now()
		_, err := tx.ExecContext(ctx, `DELETE FROM web_replies WHERE expires_at <= ?`, now.UnixMicro())
		if err != nil {
			return err
		}
		var found bool
		if answer, found, err = findReply(ctx, tx, key, request); found || err != nil {
			return err
		}
		if answer, err = run(ctx, inside); err != nil {
			p := problemFor(err, idOf(ctx))
			if !p.kind.decided {
				return err
			}
			answer = p.reply()
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO web_replies
			(idempotency_key, request, status, media_type, body, expires_at) VALUES (?, ?, ?, ?, ?, ?)`,
			key, request, answer.status, answer.mediaType, answer.body, now.Add(keptFor).UnixMicro())
		return err
	})
	if err != nil {
		return reply{}, err
	}
	return answer, nil
}

// findReply finds the answer to an earlier request with the key.
func findReply(ctx context.Context, tx *sql.Tx, key string, request []byte) (answer reply, found bool, err error) {
	var first []byte
	row := tx.QueryRowContext(ctx,
		`SELECT request, status, media_type, body FROM web_replies WHERE idempotency_key = ?`, key)
	err = row.Scan(&first, &answer.status, &answer.mediaType, &answer.body)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return reply{}, false, nil
	case err != nil:
		return reply{}, false, err
	case !bytes.Equal(first, request):
		return reply{}, false, &requestError{keyReused, "its first request had another method, path or body"}
	}
	answer.replayed = true
	return answer, true, nil
}
