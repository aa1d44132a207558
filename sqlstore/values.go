package sqlstore

import (
	"database/sql"
	"encoding/json"
	"strings"
	"time"
)

func jsonOf(rows []map[string]any) (string, error) {
	text, err := json.Marshal(rows)
	return string(text), err
}

// flag is how a bool is kept.
func zeroOrOne(set bool) int {
	if set {
		return 1
	}
	return 0
}

// idList writes identifiers as the JSON array that [Dialect.list] reads.
func idList[ID ~string](ids []ID) string {
	if len(ids) == 0 {
		return "[]"
	}
	text, err := json.Marshal(ids)
	if err != nil {
		panic(err) // strings can always be written
	}
	return string(text)
}

// beginning is as much of an error's text as is kept.
func beginning(text string) string {
	const most = 1000
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") // without the character that was cut in two
}

// moment is a time from the microseconds that are kept, the zero time from NULL.
func moment(kept sql.NullInt64) time.Time {
	if !kept.Valid {
		return time.Time{}
	}
	return time.UnixMicro(kept.Int64).UTC()
}
