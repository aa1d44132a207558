package torture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// entry is a line of a client's journal. With a command it says what a caller is about to try, with an outcome what it
// was told; one of neither is a connection that was cut. A process that is killed in between leaves the first
// without the second.
type entry struct {
	Caller  int      `json:"caller,omitempty"` // of all callers, from 1
	Number  int      `json:"number,omitempty"` // of the caller's command, from 1; a repeat has the same
	At      int64    `json:"at,omitempty"`     // on the client's clock
	Trace   string   `json:"trace,omitempty"`  // the parent of what this try tells the ledger
	Command *command `json:"command,omitempty"`

	Outcome outcome `json:"outcome,omitempty"`
	Why     string  `json:"why,omitempty"` // a refusal's or failure's kind
	Answer  answer  `json:"answer,omitzero"`
	Text    string  `json:"text,omitempty"`   // of the error
	Told    int     `json:"told,omitempty"`   // events that the caller was told it had caused
	Tallies tallies `json:"tallies,omitzero"` // of the whole client, since the last outcome of any caller

	Cut string `json:"cut,omitempty"` // when the connection was cut
}

// journal appends to a client's file. Each line is one write, so that all lines written before a SIGKILL stay. A
// SIGKILL may cut the last line short; then the command had not begun, or has no outcome. A journal is safe for
// concurrent use.
type journal struct{ file *os.File }

func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(path)
	if err == nil {
		err = file.Truncate(int64(len(wholeLines(content))))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &journal{file: file}, nil
}

// write panics if it can't: a client without a journal proves nothing.
func (j *journal) write(e entry) {
	line, err := json.Marshal(e)
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err != nil {
		panic(err)
	}
}

// wholeLines returns the content without a last line that a SIGKILL has cut short.
func wholeLines(content []byte) []byte { return content[:bytes.LastIndexByte(content, '\n')+1] }

// readJournal reads what the client has written so far. There is none before its first start.
func readJournal(path string) ([]entry, error) {
	content, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var entries []entry
	for line := range bytes.Lines(wholeLines(content)) {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, len(entries)+1, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}
