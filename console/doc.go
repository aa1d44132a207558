// Package console shows the stock to the people who run the shop: plain web pages over a store, for a host to mount as
// a [net/http.Handler].
//
//	pages, err := console.New(store, nil)
//	...
//	mux.Handle("/console/", onlyStaff(http.StripPrefix("/console", pages)))
//
// An overview shows the backlog of the outbox, dead letters, low products and everything due. Further pages show a
// product with batches, availability over the coming weeks, lines, queue and ledger; an order; a batch; a lot; and the
// failed events of the outbox. A section needs an ability of the store: a read model of package views, or
// [outbox.Maintainer]. If the store lacks the ability, the section says so.
//
// # Who may look
//
// The console knows no users. Everybody who reaches the handler can read every page, so the host mounts the handler
// behind a login. Nothing can be changed, unless [Options].Authorize allows an action: to try a failed event again, to
// give up a failed event, and to sweep. There are no other actions.
//
// An action is a POST with a token that is bound to a cookie; a POST from another site is refused. The pages need no
// script, and the content security policy forbids scripts, frames and everything from another address. Identifiers and
// reasons may come from strangers, and are shown as text, whatever the characters.
//
// # Cost
//
// Every page reads a bounded number of rows with a bounded number of statements, whatever was shipped before. Only the
// batches for sale of a product are read as a whole, as by every command, and the place of a line in a queue costs an
// index entry for each line before. A page is a report and no decision: the
// sections are read one after the other, so a sale in between may show in the later section alone. The end of the
// request's context ends all reading, and so does [Options].Timeout.
//
// The console doesn't look for drift, because [allocation.Service.Reconcile] reads the whole ledger of a product.
package console
