// Package console shows the stock to the people who run the shop: plain web pages over a store, for a host to mount as
// one [net/http.Handler].
//
//	pages, err := console.New(store, nil)
//	...
//	mux.Handle("/console/", onlyStaff(http.StripPrefix("/console", pages)))
//
// An overview shows the backlog of the outbox, dead letters, low products and everything that is due. Further pages
// show a product with its batches, its availability over the coming weeks, its lines, its queue and its ledger; an
// order; a batch; a lot; and the failed events of the outbox. Each section needs an ability of the store: a read model
// of package views, [allocation.Ledger] or [outbox.Maintainer]. A section whose ability the store lacks says so.
//
// # Who may look
//
// The console knows no users. Whoever reaches the handler can read every page, so the host mounts the handler behind
// its own login. Nothing can be changed, unless [Options].Authorize allows an action: to try a failed event again, to
// give up a failed event, and to sweep. There are no other actions.
//
// An action is a POST with a token that is bound to a cookie; a POST from another site is refused. The pages need no
// script, and their content security policy forbids scripts, frames and everything from another address. Identifiers
// and reasons may come from strangers, and are shown as text, whatever they contain.
//
// # What a page costs
//
// Every page reads a bounded number of rows with a bounded number of statements, whatever was shipped before. Only the
// batches for sale of one product are read as a whole, as by every command. A page is a report and no decision: its
// sections are read one after the other, so a sale in between may show in the later section alone. The context of the
// request ends all reading; [Options].Timeout ends it earlier.
package console
