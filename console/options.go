package console

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

// Action is a change that the console can make; there are three.
type Action string

// The actions.
const (
	Retry Action = "retry" // the failed event of a product is tried again, see outbox.Maintainer.Retry
	Skip  Action = "skip"  // the failed event of a product is given up, see outbox.Maintainer.Skip
	Sweep Action = "sweep" // the passing of time is recorded, see Options.Sweep
)

// Options are the settings of [New]. A zero value means the default. No setting is ignored: New returns an error for a
// setting that has no effect.
type Options struct {
	// Title is the name on every page, "Allocation" by default: the shop's name, or the name of the store if a shop
	// has several.
	Title string

	// Now is the clock; time.Now by default.
	Now func() time.Time

	// Authorize says whether the sender of a request may carry out an action. Without Authorize the console is read
	// only. The host knows the users, for example by the context of the request. The console calls Authorize for
	// each possible action of a page, and again before each action. Authorize must be safe for concurrent use,
	// and must not read the body of the request.
	Authorize func(r *http.Request, action Action) bool

	// Sweep carries out the action Sweep; usually [allocation.Service.Sweep] of the host's Service, so that
	// the host hears of the events. Without Sweep the action isn't offered. Sweep needs Authorize.
	Sweep func(ctx context.Context) (swept int, err error)

	// Key signs the tokens of forms; a random key by default. Processes behind a load balancer need a common key, or
	// a form from a page of another process is refused. A key has at least 32 bytes and stays secret. Key needs
	// Authorize.
	Key []byte

	// PageSize is the largest number of rows in a list; 50 by default, 500 at most.
	PageSize int

	// Timeout is the longest time for a request's reading, and for an action; 10 s by default. After a
	// longer sweep everything swept so far is kept, and the next sweep goes on.
	Timeout time.Duration

	// Logger logs failed pages (Error) and actions (Info, or Warn for refused actions). By default
	// nothing is logged. Pages never show an error of the store, so set Logger.
	Logger *slog.Logger
}

// Limits of the settings.
const (
	keyLength    = 32
	largestPage  = 500
	usualPage    = 50
	usualTimeout = 10 * time.Second
)

// checked returns the options with defaults, or an error with the name of the first bad setting.
func (o Options) checked(canMaintain bool) (Options, error) {
	switch {
	case o.Authorize == nil && o.Sweep != nil:
		return o, invalid("Sweep", nil, "needs Authorize, which allows the action")
	case o.Authorize == nil && o.Key != nil:
		return o, invalid("Key", nil, "needs Authorize, since only actions have tokens")
	case o.Authorize != nil && o.Sweep == nil && !canMaintain:
		return o, invalid("Authorize", nil, "has nothing to allow: there is no Sweep, and the store is no Maintainer")
	case o.Key != nil && len(o.Key) < keyLength:
		return o, invalid("Key", nil, fmt.Sprintf("must have at least %d bytes", keyLength))
	case o.PageSize < 0 || o.PageSize > largestPage:
		return o, invalid("PageSize", o.PageSize, fmt.Sprintf("must be 1 to %d, or 0 for the default", largestPage))
	case o.Timeout < 0:
		return o, invalid("Timeout", o.Timeout, "must not be negative")
	case o.Title != "" && strings.TrimSpace(o.Title) == "":
		return o, invalid("Title", o.Title, "must not be white space alone")
	}
	o.Title = cmp.Or(o.Title, "Allocation")
	o.PageSize = cmp.Or(o.PageSize, usualPage)
	o.Timeout = cmp.Or(o.Timeout, usualTimeout)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// invalid is the error of New.
func invalid(field string, value any, rule string) error {
	return &allocation.Error{
		Op: "console.New", Field: field, Value: value, Err: fmt.Errorf("%w: %s", allocation.ErrInvalid, rule),
	}
}
