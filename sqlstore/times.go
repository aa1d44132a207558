package sqlstore

import (
	"database/sql"
	"time"
)

// micros is how a time is kept: microseconds since 1970, nil for the zero time.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// moment is the way back from micros.
func moment(kept sql.NullInt64) time.Time {
	if !kept.Valid {
		return time.Time{}
	}
	return time.UnixMicro(kept.Int64).UTC()
}
