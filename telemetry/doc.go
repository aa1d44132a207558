// Package telemetry measures and traces package allocation with OpenTelemetry. One call returns the options for a unit
// of work, a Service and a relay:
//
//	tel, err := telemetry.New(&telemetry.Options{Store: store})
//	…
//	defer tel.Close()
//	service, err := allocation.New(allocation.NewUnitOfWork(store, &tel.UnitOfWork), &tel.Service)
//	…
//	relay := outbox.NewRelay(store, tel.Publisher(publisher), &tel.Relay)
//
// A host's own settings and hooks go into [Options], and stay in force.
//
// # Metrics
//
// Names and units follow the semantic conventions of OpenTelemetry. No metric has a SKU, an order or any other
// identifier as an attribute, so that the number of time series doesn't grow with the shop.
//
//	allocation.command.duration          s          histogram: a command as its caller sees it, waiting included
//	allocation.refusals                  {refusal}  commands that ended out of stock
//	allocation.attempts                  {attempt}  attempts of units of work
//	allocation.conflicts                 {conflict} attempts that lost a race
//	allocation.commit.duration           s          histogram: a call of the store's Commit
//	allocation.group.size                {command}  histogram: commands that share a commit
//	allocation.cache.lookups             {lookup}   products looked for in the cache, by allocation.cache.hit
//	allocation.events                    {event}    committed events, by allocation.event.kind
//	allocation.outbox.send.duration      s          histogram: a call of the publisher
//	allocation.outbox.sent               {event}    events that the publisher accepted
//	allocation.outbox.failures           {failure}  tries that failed, by allocation.outbox.dead
//	allocation.outbox.backlog            {event}    gauge: unsent events
//	allocation.outbox.age                s          gauge: how long the oldest unsent event has waited
//	allocation.outbox.dead_letter.count  {event}    gauge: dead letters, each of which holds up a product
//	allocation.hold.lapsed.count         {hold}     gauge: lapsed holds that no sweep or sale has cleared
//	allocation.hold.lapsed.age           s          gauge: how long ago the oldest of them ended
//	allocation.shipment.overdue.count    {batch}    gauge: shipments that have not arrived by their ETA
//	allocation.line.waiting.count        {line}     gauge: lines that wait for units
//
// Commands and attempts have the attribute allocation.operation, a method of the Service, "Do" or "Group". Whatever
// ended with an error has error.type: an error of the library by name, such as out_of_stock, or _OTHER. The histogram
// of a duration also counts: its count is the number of commands.
//
// The duration of a commit is no db.client.operation.duration, and events sent are no messaging.client.sent.messages,
// because the instrumentation of a driver or a broker reports metrics of these names already.
//
// The folder has a dashboard for Grafana (dashboard.json) and alert rules for Prometheus (alerts.yaml). The page
// docs/runbook.md says for each alert what to do.
//
// # Spans
//
// Each command is a span below the caller's span, and each attempt is a span below the command. The attempts of a group
// belong to the caller that leads the group. The orders of AllocateEach have no spans of their own, because an import
// has thousands. An answer that the caller has to expect, such as a refusal, leaves the status of a span unset.
//
// Events are stored with the span of their command. [Telemetry.Publisher] begins a span for each event in the trace of
// the command, minutes later and in another process, and a consumer joins the trace by [Continue].
package telemetry
