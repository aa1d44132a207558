package main

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/outbox"
)

// terminal keeps the lines that the program prints, and interrupts the program after enough lines.
type terminal struct {
	lines  [][]byte
	enough int
	stop   func()
}

func (t *terminal) Write(line []byte) (int, error) {
	t.lines = append(t.lines, bytes.Clone(line))
	if len(t.lines) == t.enough {
		t.stop()
	}
	return len(line), nil
}

func TestTheProgramPrintsItsEventsAndEndsWhenInterrupted(t *testing.T) {
	want := []string{"BatchAdded", "LowStockSet", "LineAllocated", "LineAllocated", "LowStockCrossed", "LineRefused"}
	file := filepath.Join(t.TempDir(), "bootstrap.db")
	ctx, stop := context.WithCancel(t.Context())
	stdout, stderr := &terminal{enough: len(want), stop: stop}, &bytes.Buffer{}
	require.NoError(t, run(ctx, file, time.Hour, stdout, stderr))

	require.Len(t, stdout.lines, len(want))
	for i, line := range stdout.lines {
		var envelope outbox.Envelope
		require.NoError(t, json.Unmarshal(line, &envelope))
		event, err := envelope.Event()
		require.NoError(t, err)
		assert.Equal(t, want[i], event.Kind())
		assert.Equal(t, int64(i+1), envelope.Sequence)
	}
	assert.Contains(t, stderr.String(), "LAMP: only 2 left")
	assert.Contains(t, stderr.String(), "LAMP: 4 wanted, 2 left")
}

func TestTheProgramNeedsAPlaceForItsDatabase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "missing", "bootstrap.db")
	assert.Error(t, run(t.Context(), file, time.Hour, &terminal{}, &bytes.Buffer{}))
}
