package combine

import "fmt"

// Leftovers says what the queue still keeps of earlier work; "" if nothing.
func (q *Queue[K, V]) Leftovers() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines)+len(q.running)+q.waiting+q.parked == 0 && q.ready.first == nil && len(q.spare) <= maxSpare {
		return ""
	}
	return fmt.Sprintf("%d lines, %d groups, %d waiting, %d parked, ready: %v, %d spare lines",
		len(q.lines), len(q.running), q.waiting, q.parked, q.ready.first != nil, len(q.spare))
}
