package sqlstore

import (
	"database/sql"
	"encoding/json"
	"time"
)

// jsonOf returns rows as a JSON array of objects, for the records of an engine.
func jsonOf[R any](rows []R) (string, error) {
	text, err := json.Marshal(rows)
	return string(text), err
}

// zeroOrOne is the stored form of a bool.
func zeroOrOne(set bool) int {
	if set {
		return 1
	}
	return 0
}

// idList returns identifiers as a JSON array, for the list of an engine.
func idList[ID ~string](ids []ID) string {
	if len(ids) == 0 {
		return "[]"
	}
	text, err := json.Marshal(ids)
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	return string(text)
}

// moment returns a time from stored microseconds, the zero time from NULL.
func moment(kept sql.NullInt64) time.Time {
	if !kept.Valid {
		return time.Time{}
	}
	return time.UnixMicro(kept.Int64).UTC()
}
