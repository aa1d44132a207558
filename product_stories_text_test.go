package allocation_test

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

// tell writes the answer of a command, the reads and commits, the events, and which facts have changed.
func (s *tale) tell(answer any, err error) {
	say := func(format string, args ...any) { fmt.Fprintf(s.out, "\n\t"+format, args...) }
	if err != nil {
		for text := range strings.SplitSeq(err.Error(), "\n") {
			say("error: %s", strings.TrimPrefix(text, "allocation: "))
		}
	} else if answer != nil {
		for _, text := range answers(reflect.ValueOf(answer)) {
			say("%s", text)
		}
	}
	if s.store.loads+s.store.commits > 0 {
		say("(%d reads, %d commits)", s.store.loads, s.store.commits)
	}
	for _, e := range s.newEvents() {
		say("%s%s", e.Kind(), s.valueText(reflect.ValueOf(e)))
	}
	facts := s.factsNow()
	for _, fact := range s.facts {
		about := subject(fact)
		if !slices.ContainsFunc(facts, func(now string) bool { return subject(now) == about }) {
			say("- %s", about)
		}
	}
	for _, fact := range facts {
		if !slices.Contains(s.facts, fact) {
			say("+ %s", fact)
		}
	}
	s.facts = facts
}

// subject is the part of a fact before the colon.
func subject(fact string) string {
	about, _, _ := strings.Cut(fact, ":")
	return about
}

// answers are the answer of a command, one text for each line.
func answers(v reflect.Value) (texts []string) {
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			texts = append(texts, answers(v.Index(i))...)
		}
		return texts
	}
	return []string{"= " + strings.TrimSpace(new(tale).valueText(v))}
}

// newEvents returns the events since the last command.
func (s *tale) newEvents() (events []allocation.Event) {
	if s.product != nil {
		all := s.product.p.Changes().Events
		events = all[min(s.told[lamp], int64(len(all))):]
		s.told[lamp] = int64(len(all))
		return events
	}
	for _, sku := range storySKUs {
		more, _ := s.store.Events(s.t.Context(), sku, s.told[sku], 1000)
		events = append(events, more...)
		s.told[sku] += int64(len(more))
	}
	return events
}

// storySKUs are the products of the stories.
var storySKUs = []allocation.SKU{lamp, "SOFA"}

// factsNow are the products, batches and lines as they are now.
func (s *tale) factsNow() (facts []string) {
	fact := func(about string, v any) {
		facts = append(facts, about+":"+s.valueText(reflect.ValueOf(v)))
	}
	if s.product != nil {
		for b := range s.product.p.Batches() {
			fact("batch "+string(b.Ref), b)
		}
		c := s.product.p.Changes()
		for _, key := range slices.Concat(c.Removed, c.EndedWaiting) {
			fact("gone "+lineText(key.OrderID, key.Line), key)
		}
		for about, lines := range map[string][]allocation.Allocation{
			"new line ": c.NewLines, "line ": c.Lines, "new in queue ": c.NewWaiting, "in queue ": c.Waiting,
		} {
			for _, a := range lines {
				fact(about+lineText(a.OrderID, a.Line), a)
			}
		}
		for _, b := range c.Batches {
			fact("change of "+string(b.Ref), b)
		}
		c.Events, c.NewBatches, c.Batches, c.NewLines, c.Lines, c.Removed = nil, nil, nil, nil, nil, nil
		c.NewWaiting, c.Waiting, c.EndedWaiting, c.Version, c.Read, c.SKU = nil, nil, nil, 0, 0, ""
		fact("product", c)
		slices.Sort(facts)
		return facts
	}
	for _, sku := range storySKUs {
		state, known := s.store.Product(sku)
		if !known {
			continue
		}
		for _, b := range state.Batches {
			fact("batch "+string(b.Ref), b)
		}
		for _, a := range state.Lines {
			fact("line "+lineText(a.OrderID, a.Line)+" of "+string(sku), a)
		}
		for _, a := range state.Waiting {
			fact("in queue "+lineText(a.OrderID, a.Line)+" of "+string(sku), a)
		}
		state.SKU, state.Version, state.Batches, state.Lines, state.Waiting = "", 0, nil, nil, nil
		fact("product "+string(sku), state)
	}
	return facts
}

// valueText is a value in one line: the fields that are not zero, with times as durations since the story's beginning.
func (s *tale) valueText(v reflect.Value) string {
	if v.Kind() != reflect.Struct {
		return fmt.Sprint(v)
	}
	var text strings.Builder
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Name, v.Field(i)
		now := name == "At" && s.clock != nil && f.Interface() == s.clock.Now()
		if f.IsZero() || now || f.Interface() == any(lamp) {
			continue
		}
		switch value := f.Interface().(type) {
		case time.Time:
			fmt.Fprintf(&text, " %s=%s", name, sinceMonday(value))
		case []allocation.Part:
			fmt.Fprintf(&text, " %s", strings.ReplaceAll(from(allocation.Allocation{Parts: value}), " ", ","))
		case []allocation.Tally:
			for _, tally := range value {
				fmt.Fprintf(&text, " {%s}", s.valueText(reflect.ValueOf(tally)))
			}
		case allocation.OrderLine:
			fmt.Fprintf(&text, " %s:%d", lineText(value.OrderID, value.Line), value.Quantity)
			if value.SKU != lamp {
				fmt.Fprintf(&text, " of %s", value.SKU)
			}
		case allocation.Rank:
			fmt.Fprintf(&text, " %s=%v", name, value)
		default:
			fmt.Fprintf(&text, " %s=%v", name, value)
		}
	}
	return text.String()
}

// sinceMonday is a time as a duration since the beginning of the story.
func sinceMonday(t time.Time) string { return "+" + t.Sub(monday).String() }

// storyArgs are the words behind a verb.
type storyArgs []string

func (a storyArgs) text(i int) string {
	if i < len(a) && !strings.Contains(a[i], "=") {
		return a[i]
	}
	return ""
}

func (a storyArgs) order(i int) allocation.OrderID { return allocation.OrderID(a.text(i)) }
func (a storyArgs) sku(i int) allocation.SKU       { return allocation.SKU(a.text(i)) }

func (a storyArgs) skus(i int) (skus []allocation.SKU) {
	for ; i < len(a); i++ {
		skus = append(skus, a.sku(i))
	}
	return skus
}

// has reports whether a word is there, alone.
func (a storyArgs) has(word string) bool { return slices.Contains(a, word) }

// setting returns what stands behind the name and "=".
func (a storyArgs) setting(name string) string {
	for _, word := range a {
		if value, found := strings.CutPrefix(word, name+"="); found {
			return value
		}
	}
	return ""
}

func (a storyArgs) number(name string) int {
	n, _ := strconv.Atoi(a.setting(name))
	return n
}

func (a storyArgs) quantity(i int) allocation.Quantity {
	n, _ := strconv.ParseInt(a.text(i), 10, 64)
	return allocation.Quantity(n)
}

func (a storyArgs) duration(name string) time.Duration {
	d, _ := time.ParseDuration(a.setting(name))
	return d
}

// time is a moment so long after the beginning of the story, or before.
func (a storyArgs) time(i int) time.Time { return momentOf(a.text(i)) }

func momentOf(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return time.Time{}
	}
	return monday.Add(d)
}

// line is "order:5", or "order/line@SKU:5".
func (a storyArgs) line(i int) (l allocation.OrderLine) {
	about, units, _ := strings.Cut(a.text(i), ":")
	about, sku, _ := strings.Cut(about, "@")
	order, line, _ := strings.Cut(about, "/")
	n, _ := strconv.ParseInt(units, 10, 64)
	l = allocation.OrderLine{OrderID: allocation.OrderID(order), SKU: lamp, Quantity: allocation.Quantity(n)}
	if l.Line = allocation.LineID(line); sku != "" {
		l.SKU = allocation.SKU(sku)
	}
	return l
}

// requests are lines with terms behind commas, such as "o:5,split,hold=1h".
func (a storyArgs) requests() (requests []allocation.Request) {
	for _, word := range a {
		parts := strings.Split(word, ",")
		terms := storyArgs(parts[1:])
		requests = append(requests, allocation.Request{
			OrderLine: storyArgs(parts[:1]).line(0), Split: terms.has("split"), Wait: terms.has("wait"),
			Partial: terms.has("partial"), HoldUntil: momentOf(terms.setting("hold")), HoldFor: terms.duration("for"),
			NeededBy: momentOf(terms.setting("by")), FreshUntil: momentOf(terms.setting("fresh")),
			Location: allocation.Location(terms.setting("place")), Priority: terms.number("priority"),
		})
	}
	return requests
}

// batch is "ref units", with terms behind.
func (a storyArgs) batch(i int) allocation.Batch {
	b := allocation.Batch{
		Ref: allocation.BatchRef(a.text(i)), SKU: lamp, Purchased: a.quantity(i + 1), ETA: momentOf(a.setting("eta")),
		BestBefore: momentOf(a.setting("best")), Location: allocation.Location(a.setting("place")),
		Lot: allocation.BatchRef(a.setting("lot")), Blocked: a.setting("blocked"),
	}
	if sku := a.setting("sku"); sku != "" {
		b.SKU = allocation.SKU(sku)
	}
	return b
}

// count is "ref units", counted at the given moment, or now.
func (a storyArgs) count(now time.Time) allocation.Count {
	c := allocation.Count{Batch: allocation.BatchRef(a.text(0)), Quantity: a.quantity(1), At: now}
	if at := a.setting("at"); at != "" {
		c.At = momentOf(at)
	}
	return c
}

func (a storyArgs) policy() allocation.Policy {
	switch place := a.setting("prefer"); {
	case place != "":
		return allocation.PreferLocations(allocation.Location(place))
	case a.has("fefo"):
		return allocation.FirstExpiredFirst
	}
	return nil
}
