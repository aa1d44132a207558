package memory

// faults are the failures that a test asked for. Only used under the store's lock.
type faults struct {
	loads   []error
	commits []error
	lose    bool
}

// FailLoad lets the next loads fail, one with each of the given errors, in their order; with nil a load goes
// through. A Service doesn't load what it keeps: a test that waits for the load of an allocation turns that off
// with a negative [allocation.Options].Keep.
func (s *Store) FailLoad(errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.loads = append(s.faults.loads, errs...)
}

// FailCommit lets the next commits fail, one with each of the given errors, in their order; with nil a commit
// goes through. A commit that fails writes nothing: [allocation.ErrConflict] plays a lost race, which
// is tried again, any other error a store that is out of order.
func (s *Store) FailCommit(errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.commits = append(s.faults.commits, errs...)
}

// LoseAnswer lets the next commit that would succeed write its changes and answer
// [allocation.ErrUnknownOutcome], like a connection that is cut before the answer arrives.
func (s *Store) LoseAnswer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.lose = true
}

func (f *faults) nextLoad() error   { return next(&f.loads) }
func (f *faults) nextCommit() error { return next(&f.commits) }

// next takes the first of the errors that were asked for.
func next(errs *[]error) error {
	if len(*errs) == 0 {
		return nil
	}
	err := (*errs)[0]
	*errs = (*errs)[1:]
	return err
}
