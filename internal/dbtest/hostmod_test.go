package dbtest

import (
	"encoding/json"
	"os"
	osexec "os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const library = "github.com/cosmic-go/allocation"

// TestAHostRequiresTheLibraryAndNothingElse builds hosts in modules of their own, and reads the requirements that the
// go command has added to go.mod.
func TestAHostRequiresTheLibraryAndNothingElse(t *testing.T) {
	for name, c := range map[string]struct {
		program  string
		requires []string // written by the host
		direct   []string // after the build
		indirect []string
	}{
		"library": {
			program: `package main

import (
	_ "database/sql"

	_ "github.com/cosmic-go/allocation/memory"
	_ "github.com/cosmic-go/allocation/sqlstore"
)

func main() {}
`,
			requires: []string{library}, direct: []string{library}, indirect: []string{},
		},
		"pgxstore": {
			program: `package main

import _ "github.com/cosmic-go/allocation/pgxstore"

func main() {}
`,
			requires: []string{library, library + "/pgxstore"}, direct: []string{library, library + "/pgxstore"},
			indirect: []string{
				"github.com/jackc/pgpassfile", "github.com/jackc/pgservicefile", "github.com/jackc/pgx/v5",
				"github.com/jackc/puddle/v2", "golang.org/x/sync", "golang.org/x/text",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			host := hostModule(t, c.program, c.requires)
			host.run("build", "-mod=mod", "-o", os.DevNull, ".")
			direct, indirect := host.requirements()
			assert.ElementsMatch(t, c.direct, direct)
			assert.ElementsMatch(t, c.indirect, indirect)
		})
	}
}

// host is the folder of a host's module.
type host struct {
	testing.TB
	folder string
}

func hostModule(t testing.TB, program string, requires []string) host {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	sums, err := os.ReadFile(filepath.Join(root, "pgxstore", "go.sum")) // the build needs no network for these
	require.NoError(t, err)
	h := host{t, t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(h.folder, "main.go"), []byte(program), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(h.folder, "go.sum"), sums, 0o600))
	h.run("mod", "init", "example.com/host")
	h.run("mod", "edit", "-go=1.25.0", "-replace="+library+"="+root,
		"-replace="+library+"/pgxstore="+filepath.Join(root, "pgxstore"))
	for _, path := range requires {
		h.run("mod", "edit", "-require="+path+"@v0.0.0")
	}
	return h
}

func (h host) run(args ...string) []byte {
	h.Helper()
	cmd := osexec.CommandContext(h.Context(), "go", args...)
	cmd.Dir = h.folder
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(h, err, "go %v: %s", args, out)
	return out
}

func (h host) requirements() (direct, indirect []string) {
	h.Helper()
	var file struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	require.NoError(h, json.Unmarshal(h.run("mod", "edit", "-json"), &file))
	for _, r := range file.Require {
		if r.Indirect {
			indirect = append(indirect, r.Path)
		} else {
			direct = append(direct, r.Path)
		}
	}
	return direct, indirect
}
