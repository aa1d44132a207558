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
	keptFor  = 24 * time.Hour // how long the answer to a key is kept
	attempts = 3              // how often a transaction is tried that waits for its turn in vain
)

// keyOf reads the Idempotency-Key of draft-ietf-httpapi-idempotency-key-header: a string in quotes, which many clients
// leave out. It is 1 to 100 printable characters of ASCII.
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
	return "", &requestError{badKey, "send one, of 1 to 100 printable ASCII characters without quotes and backslashes in it"}
}

// digest tells one request from another.
func digest(r *http.Request, body []byte) []byte {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s\n", r.Method, r.URL.RequestURI())
	sum.Write(body)
	return sum.Sum(nil)
}

// once runs a command once for a key, however often it is sent: whoever comes later gets the first answer.
//
// The answer is kept in the transaction that carries the command out, so a crash leaves both or neither, and the next
// attempt does what is missing. Only the server that works on a key knows that; another one on the same
// file waits for the transaction and then finds the answer.
func (s *server) once(ctx context.Context, key string, request []byte, run change) (reply, error) {
	if _, taken := s.inFlight.LoadOrStore(key, true); taken {
		return reply{}, &requestError{keyInFlight, "ask again in a moment"}
	}
	defer s.inFlight.Delete(key)
	var doubt error // stays until an attempt goes through
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

// tryOnce is one transaction. Its first statement writes, even if no key has expired, so that it waits for its turn; a
// transaction of SQLite that has read first fails if anybody else wrote since.
//
// A decision against the request is an answer like any other. It is committed, and with it the event that tells of
// a refusal (R10), and a repeat gets it although there may be stock by then: who wants another decision sends another
// key. A request that was refused before anything was decided, or failed, leaves the key unused.
func (s *server) tryOnce(ctx context.Context, key string, request []byte, run change) (reply, error) {
	now := s.now()
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return reply{}, told(err)
	}
	defer tx.Rollback() // does nothing after Commit
	if _, err := tx.ExecContext(ctx, `DELETE FROM web_replies WHERE expires_at <= ?`, now.UnixMicro()); err != nil {
		return reply{}, told(err)
	}
	if answer, found, err := kept(ctx, tx, key, request); found || err != nil {
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
	if err := keep(ctx, tx, key, request, answer, now.Add(keptFor)); err != nil {
		return reply{}, err
	}
	if err := committed(tx.Commit()); err != nil {
		return reply{}, err
	}
	return answer, nil
}

// kept finds the answer to an earlier request.
func kept(ctx context.Context, tx *sql.Tx, key string, request []byte) (answer reply, found bool, err error) {
	var first []byte
	err = tx.QueryRowContext(ctx, `SELECT request, status, media_type, body FROM web_replies WHERE idempotency_key = ?`, key).
		Scan(&first, &answer.status, &answer.mediaType, &answer.body)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return reply{}, false, nil
	case err != nil:
		return reply{}, false, told(err)
	case !bytes.Equal(first, request):
		return reply{}, false, &requestError{keyReused, "its first request had another method, path or body"}
	}
	answer.replayed = true
	return answer, true, nil
}

func keep(ctx context.Context, tx *sql.Tx, key string, request []byte, answer reply, until time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO web_replies (idempotency_key, request, status, media_type, body, expires_at)
		VALUES (?, ?, ?, ?, ?, ?)`, key, request, answer.status, answer.mediaType, answer.body, until.UnixMicro())
	return told(err)
}

// committed says what the answer to COMMIT means. Unless SQLite said no, or the request had ended before so that it was
// never sent, the transaction may have gone through; the next attempt finds the answer then.
func committed(err error) error {
	err = told(err)
	for _, no := range []error{allocation.ErrConflict, sql.ErrTxDone, context.Canceled, context.DeadlineExceeded} {
		if err == nil || errors.Is(err, no) {
			return err
		}
	}
	return fmt.Errorf("%w: commit: %w", allocation.ErrUnknownOutcome, err)
}
