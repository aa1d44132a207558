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

const (
	keptFor  = 24 * time.Hour // how long the answer to a key is stored
	attempts = 3              // how often a transaction is tried if the file stays locked
)

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
// the key starts anew. Within a server, a second request is turned away while the first is under way; a second
// server on the same file waits for the transaction and then finds the answer.
func (s *server) once(ctx context.Context, key string, request []byte, run change) (reply, error) {
	if _, taken := s.inFlight.LoadOrStore(key, true); taken {
		return reply{}, &requestError{keyInFlight, "repeat the request in a moment"}
	}
	defer s.inFlight.Delete(key)
	var doubt error // a commit with an unknown outcome; only a successful attempt resolves the doubt
	for attempt := 1; ; attempt++ {
		answer, err := s.tryOnce(ctx, key, request, run)
		again := errors.Is(err, allocation.ErrConflict)
		switch {
		case err == nil:
			return answer, nil
		case errors.Is(err, allocation.ErrUnknownOutcome):
			doubt, again = err, true
		case doubt != nil:
			err = errors.Join(doubt, err)
		}
		if !again || attempt == attempts {
			return reply{}, err
		}
	}
}

// tryOnce is one transaction. The first statement writes, even if no key has expired, so that the transaction waits for
// its turn; a transaction of SQLite that reads first fails if another connection has written since.
//
// A decision against the request is an answer like any other. The answer is committed, together with the event of a
// refusal (R10), and a repeat gets the same answer even if there is stock by then; a client who wants another
// decision sends another key. A malformed request, or a failure, leaves the key unused.
func (s *server) tryOnce(ctx context.Context, key string, request []byte, run change) (reply, error) {
	now := s.now()
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return reply{}, storeError(err)
	}
	defer tx.Rollback() // does nothing after Commit
	if _, err := tx.ExecContext(ctx, `DELETE FROM web_replies WHERE expires_at <= ?`, now.UnixMicro()); err != nil {
		return reply{}, storeError(err)
	}
	if answer, found, err := findReply(ctx, tx, key, request); found || err != nil {
		return answer, err
	}
	service, err := s.serviceOn(s.store.Join(tx))
	if err != nil {
		return reply{}, err
	}
	answer, err := run(ctx, service)
	if err != nil {
		p := problemFor(err, idOf(ctx))
		if !p.kind.decided {
			return reply{}, err
		}
		answer = p.reply()
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO web_replies
		(idempotency_key, request, status, media_type, body, expires_at) VALUES (?, ?, ?, ?, ?, ?)`,
		key, request, answer.status, answer.mediaType, answer.body, now.Add(keptFor).UnixMicro())
	if err != nil {
		return reply{}, storeError(err)
	}
	return answer, committed(tx.Commit())
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
		return reply{}, false, storeError(err)
	case !bytes.Equal(first, request):
		return reply{}, false, &requestError{keyReused, "its first request had another method, path or body"}
	}
	answer.replayed = true
	return answer, true, nil
}

// committed translates the error of a COMMIT. If SQLite refused, or the request ended before COMMIT was sent, nothing
// was committed; after any other error the outcome is unknown, and the next attempt finds out.
func committed(err error) error {
	err = storeError(err)
	for _, no := range []error{allocation.ErrConflict, sql.ErrTxDone, context.Canceled, context.DeadlineExceeded} {
		if err == nil || errors.Is(err, no) {
			return err
		}
	}
	return fmt.Errorf("%w: commit: %w", allocation.ErrUnknownOutcome, err)
}
