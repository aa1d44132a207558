package sqlstore

import (
	"context"
	"errors"
	"fmt"
)

// ErrTooLarge is wrapped if a statement exceeds max_allowed_packet of MariaDB. Nothing has been written.
var ErrTooLarge = errors.New("larger than the server accepts (max_allowed_packet)")

// cut parts a list into runs of about most bytes, at least one value each. There is one run if most is 0.
func cut[V any](list []V, most int, size func(V) int) (runs [][]V) {
	start, sum := 0, 0
	for i, v := range list {
		if sum > 0 && most > 0 && sum+size(v) > most {
			runs = append(runs, list[start:i])
			start, sum = i, 0
		}
		sum += size(v)
	}
	return append(runs, list[start:])
}

// cutIDs parts identifiers into lists for one statement each.
func cutIDs[ID ~string](e *engine, ids []ID) [][]ID {
	if e.longest == 0 || len(ids)*longestID <= e.longest {
		return [][]ID{ids}
	}
	return cut(ids, e.longest, jsonSize[ID])
}

// longestID is the largest size of an identifier in a JSON array: 255 bytes that JSON escapes.
const longestID = 6*255 + 3

// jsonSize is the size of an identifier in a JSON array.
func jsonSize[ID ~string](id ID) int {
	size := len(id) + len(`"",`)
	for i := range len(id) {
		switch b := id[i]; {
		case b < ' ' || b == '<' || b == '>' || b == '&':
			size += len(`\u0000`) - 1
		case b == '"' || b == '\\':
			size++
		}
	}
	return size
}

// fits compares a large statement with the limit of the server, because a server that gets too large a statement ends
// the connection. The comparison costs a round trip, and only for statements larger than all that the package cuts.
func (e *engine) fits(ctx context.Context, r runner, text string, args []any) error {
	size := len(text)
	for _, arg := range args {
		if s, ok := arg.(string); ok {
			size += len(s)
		}
	}
	if e.longest == 0 || size <= 4*e.longest {
		return nil
	}
	var limit int
	err := r.each(ctx, askForPacket, nil, func(row scanner) error { return row.Scan(&limit) })
	if err == nil && size >= limit {
		err = fmt.Errorf("%w: %d of %d bytes", ErrTooLarge, size, limit)
	}
	return err
}

var askForPacket = &query{text: `SELECT @@max_allowed_packet`, literal: true}
