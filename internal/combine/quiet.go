package combine

// unlist remembers that the shared claims of the waiter on quiet keys stand in no lines. As long as nobody claims a
// quiet key exclusively, shared claims conflict with nothing, and a line for each key would be dear.
func (q *Queue[K, V]) unlist(w *Waiter[K, V]) {
	w.unlisted, w.next = true, q.unlisted
	if w.next != nil {
		w.next.prev = w
	}
	q.unlisted = w
}

// forget forgets the unlisted claims of a waiter.
func (q *Queue[K, V]) forget(w *Waiter[K, V]) {
	if !w.unlisted {
		return
	}
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.unlisted = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	}
	w.unlisted, w.prev, w.next = false, nil, nil
}

// contest is called before an exclusive claim on a quiet key gets into the line. The first such claim lists all
// unlisted claims: until the key is idle, all further claims on quiet keys are listed, too.
func (q *Queue[K, V]) contest(l *line[K, V]) {
	if l.contested {
		return
	}
	l.contested = true
	q.contested++
	for w := q.unlisted; w != nil; w = q.unlisted {
		q.forget(w)
		q.list(w)
	}
}

// calm is called when a line is idle.
func (q *Queue[K, V]) calm(l *line[K, V]) {
	if l.contested {
		l.contested = false
		q.contested--
	}
}

// list puts the unlisted claims of a queued waiter into lines, and gives the keys to the group of any other waiter.
func (q *Queue[K, V]) list(w *Waiter[K, V]) {
	for i := range w.Claims {
		c := &w.Claims[i]
		if !c.Quiet || !c.Shared {
			continue
		}
		if w.state == queued {
			q.claim(w, c)
		} else if l := q.line(c.Key); l.hold(w.group, true) {
			w.group.keep(l)
		}
	}
}
