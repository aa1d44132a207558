package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

// TestMain is also the main of the offices, which are processes of the test binary.
func TestMain(m *testing.M) {
	if settings, set := os.LookupEnv(officeVariable); set {
		os.Exit(officeProcess(context.Background(), settings, os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(servers.M{M: m}) // stops the servers after the tests
}

// database names a new, empty database by flags. Without a server the test is skipped, or fails if the environment
// demands servers.
func database(t *testing.T, engine string) []string {
	t.Helper()
	if engine == "postgresql" {
		return []string{"-dsn", servers.Shared(t, servers.PostgreSQL).Database(t)}
	}
	return []string{"-file", filepath.Join(t.TempDir(), "tickets.db")}
}

func TestASmallDropAddsUpAndNobodyIsServedOutOfTurn(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgresql"} {
		t.Run(engine, func(t *testing.T) {
			args := append(database(t, engine), "-seats", "40", "-callers", "300")
			var out, progress bytes.Buffer
			require.Zero(t, command(t.Context(), args, &out, &progress), "%s\n%s", &out, &progress)
			text := out.String()
			require.Contains(t, text, "Served out of turn: 0.")
			require.Regexp(t, `Seats: 40 for sale, [1-9]\d* paid, \d left\.`, text)
			require.Regexp(t, ` 300 +\d+ +in all\n`, text)
			require.Regexp(t, `of these [1-9]\d* to callers who had waited`, text)
			require.Contains(t, progress.String(), "minute 130: 300 of 300 called, ")

			out.Reset()
			require.Equal(t, 1, command(t.Context(), args, &out, &progress))
			require.Empty(t, out.String())
			require.Contains(t, progress.String(), `the tickets of "CONCERT" were sold before`)
		})
	}
}

func TestADropEndsIfAnOfficeCanNotWork(t *testing.T) {
	d := drop{Seats: 1, Callers: 1, Concert: "CONCERT", File: filepath.Join(t.TempDir(), "no folder", "tickets.db")}
	var progress bytes.Buffer
	_, err := d.sell(t.Context(), &console{out: &progress})
	require.ErrorContains(t, err, "an office has closed")
	require.Contains(t, progress.String(), "tickets: office: ")
}

func TestAnInterruptEndsTheDrop(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out, progress bytes.Buffer
	require.Equal(t, 1, command(ctx, nil, &out, &progress))
	require.Contains(t, progress.String(), context.Canceled.Error())
	require.Empty(t, out.String())
}

func TestBadFlagsAreRefused(t *testing.T) {
	for name, args := range map[string][]string{
		"no seats":      {"-seats", "0"},
		"no callers":    {"-callers", "-1"},
		"two databases": {"-dsn", "postgres://host/database", "-file", "tickets.db"},
		"no concert":    {"-concert", " "},
		"unknown flag":  {"-fly"},
		"argument":      {"now"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, complaint bytes.Buffer
			require.Equal(t, 2, command(t.Context(), args, &out, &complaint))
			require.Empty(t, out.String())
			require.NotEmpty(t, complaint.String())
		})
	}
}
