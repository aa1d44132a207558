package allocation_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/cosmic-go/allocation"
)

func TestErrorNamesOperationAndSubject(t *testing.T) {
	reason := errors.New("no such thing")
	rows := map[string]struct {
		err  allocation.Error
		want string
	}{
		"identifier": {
			allocation.Error{Op: "Get", Field: "sku", Value: lamp, Err: reason},
			`allocation: Get: sku "RED-LAMP": no such thing`,
		},
		"quantity": {
			allocation.Error{
				Op: "Allocate", Field: "quantity", Value: allocation.Quantity(-3), Err: allocation.ErrInvalid,
			},
			`allocation: Allocate: quantity "-3": invalid`,
		},
		"what would break a log line": {
			allocation.Error{Op: "Line", Field: "order", Value: allocation.OrderID("a\n\x00\xff\""), Err: reason},
			`allocation: Line: order "a\n\x00\xff\"": no such thing`,
		},
		"what is as long as a log line may show": {
			allocation.Error{Op: "Line", Field: "order", Value: strings.Repeat("x", 64), Err: reason},
			`allocation: Line: order "` + strings.Repeat("x", 64) + `": no such thing`,
		},
		"what is longer": {
			allocation.Error{Op: "Line", Field: "order", Value: strings.Repeat("x", 300), Err: reason},
			`allocation: Line: order "` + strings.Repeat("x", 64) + `"… (300 bytes): no such thing`,
		},
		"no value": {
			allocation.Error{Op: "Do", Field: "context", Err: allocation.ErrInvalid},
			`allocation: Do: context: invalid`,
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, row.want, row.err.Error(), "Error()")
			assert.ErrorIs(t, &row.err, row.err.Err)
		})
	}
}

func TestR5_OutOfStockErrorNamesEveryShortage(t *testing.T) {
	err := &allocation.OutOfStockError{Shortages: []allocation.Shortage{
		{OrderLine: lineOf("7", 10), Available: 4}, {OrderLine: lineOf("8", 1), Available: 0},
	}}
	assert.Equal(t, `allocation: out of stock: order "7": sku "RED-LAMP": wanted 10, available 4; `+
		`order "8": sku "RED-LAMP": wanted 1, available 0`, err.Error(), "Error()")
}
