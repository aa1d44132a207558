package allocation

import (
	"context"
	"errors"
	"log/slog"
)

// errUnfinished is what the hook is told of an attempt that neither committed nor returned an error.
var errUnfinished = errors.New("allocation: the function did not return")

func about(op string, attempt int, err error) []slog.Attr {
	return []slog.Attr{slog.String("op", op), slog.Int("attempt", attempt), slog.Any("error", err)}
}

// logEnd tells of errors that a host can't cure by other arguments.
func (u *unit) logEnd(ctx context.Context, op string, attempt int, err error) {
	switch {
	case errors.Is(err, ErrUnknownOutcome):
		u.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "allocation: the outcome of a commit is unknown", about(op, attempt, err)...)
	case errors.Is(err, ErrConflict):
		u.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "allocation: lost every race", about(op, attempt, err)...)
	}
}

// traceParent returns what is stored with the events that a caller causes.
func (u *unit) traceParent(ctx context.Context) string {
	if u.opts.TraceParent == nil {
		return ""
	}
	if parent := u.opts.TraceParent(ctx); isTraceParent(parent) {
		return parent
	}
	return ""
}

// isTraceParent tells the form of version 00: 2, 32, 16 and 2 hexadecimal digits in lower case, with hyphens.
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
