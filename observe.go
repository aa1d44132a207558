package allocation

import (
	"context"
	"errors"
	"log/slog"
)

// errUnfinished is the error that hooks get for a function that panicked or ended the goroutine.
var errUnfinished = errors.New("allocation: the function did not return")

// about returns the attributes of every log record.
func about(op string, attempt int, err error) []slog.Attr {
	return []slog.Attr{slog.String("op", op), slog.Int("attempt", attempt), slog.Any("error", err)}
}

// logLostRace logs a lost race, after which another attempt follows.
func (o *UnitOfWorkOptions) logLostRace(ctx context.Context, op string, attempt int, err error) {
	o.Logger.LogAttrs(ctx, slog.LevelDebug, "allocation: lost a race", about(op, attempt, err)...)
}

// logEnd logs an error that other arguments can't cure.
func (o *UnitOfWorkOptions) logEnd(ctx context.Context, op string, attempt int, err error) {
	var message string
	switch {
	case errors.Is(err, ErrUnknownOutcome):
		message = "allocation: the outcome of a commit is unknown"
	case errors.Is(err, ErrConflict):
		message = "allocation: lost every race"
	default:
		return
	}
	o.Logger.LogAttrs(ctx, slog.LevelWarn, message, about(op, attempt, err)...)
}

// traceParent returns the trace parent of a caller's context, "" for none.
func (o *UnitOfWorkOptions) traceParent(ctx context.Context) string {
	if o.TraceParent == nil {
		return ""
	}
	if parent := o.TraceParent(ctx); isTraceParent(parent) {
		return parent
	}
	return ""
}

// isTraceParent checks the form of version 00: 2, 32, 16 and 2 hexadecimal digits in lower case, with
// hyphens.
func isTraceParent(text string) bool {
	if len(text) != len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-00") || text[:2] != "00" {
		return false
	}
	for i, c := range []byte(text) {
		switch hyphen := i == 2 || i == 35 || i == 52; {
		case hyphen && c != '-':
			return false
		case !hyphen && (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}
