package allocation_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/cosmic-go/allocation"
)

// A store's own *Error already names the operation, so the caller gets the error as the store made it. Any other error
// is named.
func TestAnErrorOfTheStoreIsNamedOnce(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5))
	s.mustAllocate(want("o", "LAMP", 1))
	own := &allocation.Error{Op: "Load", Field: "limit", Value: 7, Err: allocation.ErrInvalid}
	s.store.FailLoad(own)
	_, err := s.Cancel(t.Context(), "o")
	assert.EqualError(t, err, own.Error())
	s.store.FailLoad(errors.New("the disk is full"))
	_, err = s.Cancel(t.Context(), "o")
	assert.EqualError(t, err, "allocation: Load: the disk is full")
}
