package sqlstore

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestAStoreThatNewDidNotMakeIsErrInvalid(t *testing.T) {
	for name, store := range map[string]*Store{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			methods := 0
			for _, s := range []any{store, store.Join(nil), JoinOver(store, nil), allocation.Store(store)} {
				v := reflect.ValueOf(s)
				for i := range v.NumMethod() {
					method := v.Type().Method(i).Name
					if !slices.Contains([]string{"Join", "Joined", "IsWithin"}, method) {
						assertNotMadeByNew(t, method, v.Method(i))
						methods++
					}
				}
			}
			assert.Greater(t, methods, 20)
		})
	}
}

func assertNotMadeByNew(t *testing.T, name string, method reflect.Value) {
	t.Helper()
	var args []reflect.Value
	for i := range method.Type().NumIn() {
		if method.Type().In(i) == reflect.TypeFor[context.Context]() {
			args = append(args, reflect.ValueOf(context.Background()))
		} else if i < method.Type().NumIn()-1 || !method.Type().IsVariadic() {
			args = append(args, reflect.Zero(method.Type().In(i)))
		}
	}
	results := method.Call(args)
	err, _ := reflect.TypeAssert[error](results[len(results)-1])
	require.ErrorIs(t, err, allocation.ErrInvalid, name)
	var typed *allocation.Error
	require.ErrorAs(t, err, &typed, name)
	assert.Equal(t, name, typed.Op)
	assert.Equal(t, "store", typed.Field, name)
}
