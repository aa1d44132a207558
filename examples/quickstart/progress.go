package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress shows a user at a terminal how far the run is. Without a terminal it shows nothing.
type progress struct {
	out   io.Writer
	shown time.Time
}

func newProgress(stderr io.Writer) *progress {
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{out: f}
	}
	return &progress{}
}

const (
	clearLine   = "\r\x1b[K"
	progressGap = 50 * time.Millisecond
)

func (p *progress) step(rows string, n, of int) {
	if p.out == nil || time.Since(p.shown) < progressGap {
		return
	}
	p.shown = time.Now()
	fmt.Fprintf(p.out, "%s%s: %d of %d", clearLine, rows, n, of)
}

func (p *progress) clear() {
	if p.out != nil {
		fmt.Fprint(p.out, clearLine)
	}
}
