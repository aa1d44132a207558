package memory

import "github.com/cosmic-go/allocation"

// faults are the failures that a test has ordered. All access is under the store's lock.
type faults struct {
	loads      []error
	commits    []error
	loseAnswer bool
}

// FailLoad makes the next loads fail with the given errors, one error per load, in the given order; a nil error lets
// a load succeed. A further call of FailLoad appends to the queue.
//
// A Service reads a cached product without a load. A test whose allocation must load the product switches the cache
// off by a negative CacheSize in [allocation.ServiceOptions].
func (s *Store) FailLoad(errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.loads = append(s.faults.loads, errs...)
}

// FailCommit makes the next commits fail with the given errors, one error per commit, in the given order; a nil error
// lets a commit succeed. A further call of FailCommit appends to the queue.
//
// A command inside a transaction is a commit, and so is the end of the transaction, see [Tx.Commit].
//
// A failed commit writes nothing. [allocation.ErrConflict] stands for a lost race, after which the unit of work tries
// again; [allocation.ErrDuplicate] is tried again once; other errors end the unit of work.
func (s *Store) FailCommit(errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.commits = append(s.faults.commits, errs...)
}

// LoseAnswer makes the next successful commit write its changes and still return [allocation.ErrUnknownOutcome], like
// a connection that breaks after the commit and before the answer. Of a transaction the answer to [Tx.Commit] is lost,
// and not the answer to a command inside.
func (s *Store) LoseAnswer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.loseAnswer = true
}

func (f *faults) nextLoad() error   { return dequeue(&f.loads) }
func (f *faults) nextCommit() error { return dequeue(&f.commits) }

// answer returns the answer to a commit that has written its changes.
func (f *faults) answer() error {
	if f.loseAnswer {
		f.loseAnswer = false
		return allocation.ErrUnknownOutcome
	}
	return nil
}

// dequeue takes the first error from the queue, nil if the queue is empty.
func dequeue(errs *[]error) error {
	if len(*errs) == 0 {
		return nil
	}
	err := (*errs)[0]
	*errs = (*errs)[1:]
	return err
}
