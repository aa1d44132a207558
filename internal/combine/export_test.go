package combine

import "fmt"

// Leftovers says what the queue still keeps of earlier work; "" if nothing.
func (q *Queue[K, V]) Leftovers() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines)+len(q.running)+q.waiting+q.parked+q.contested == 0 && q.ready.first == nil && q.unlisted == nil &&
		len(q.spare) <= maxSpare {
		return ""
	}
	return fmt.Sprintf("%d lines, %d contested, %d groups, %d waiting, %d parked, %d spare, ready: %v, unlisted: %v",
		len(q.lines), q.contested, len(q.running), q.waiting, q.parked, len(q.spare),
		q.ready.first != nil, q.unlisted != nil)
}

// Lines is how many keys have a line.
func (q *Queue[K, V]) Lines() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.lines)
}
