package yardstick

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// The module of the library, and the program that is built against it, seen from the folder of this module.
const (
	libraryModule = "github.com/cosmic-go/allocation"
	contender     = "./measure/contender"
	moduleFolder  = "internal/dbtest"
)

// oldest is the oldest commit that the contender has to compile against. The packages harness and sides may use no
// part of the library that this commit lacks.
const oldest = "8c8626d"

// contenders are two builds of one program, which differ in the library alone.
type contenders struct {
	commit   string // name and short hash
	new, old string // files: built against the working tree, and against the commit
}

// build builds the contenders into a folder: one with the library of the working tree, one with that of a commit.
func build(ctx context.Context, folder, commit string) (*contenders, error) {
	root, err := git(ctx, ".", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	hash, err := git(ctx, root, "rev-parse", "--verify", "--short", "--end-of-options", commit+"^{commit}")
	if err != nil {
		return nil, err
	}
	tree := filepath.Join(folder, "tree")
	if err := checkOut(ctx, root, hash, tree); err != nil {
		return nil, err
	}
	module := filepath.Join(root, moduleFolder)
	file, err := modFile(ctx, folder, module, tree)
	if err != nil {
		return nil, err
	}
	c := &contenders{
		commit: fmt.Sprintf("%s (%s)", commit, hash),
		new:    filepath.Join(folder, "new"), old: filepath.Join(folder, "old"),
	}
	if err := goBuild(ctx, module, c.new); err != nil {
		return nil, err
	}
	return c, goBuild(ctx, module, c.old, "-modfile", file, "-mod=mod")
}

// checkOut writes the files of a commit into a new folder, and changes nothing in the repository.
func checkOut(ctx context.Context, root, hash, tree string) error {
	if err := os.Mkdir(tree, 0o700); err != nil {
		return err
	}
	archive := tree + ".tar"
	if _, err := git(ctx, root, "archive", "--format=tar", "--output="+archive, hash); err != nil {
		return err
	}
	_, err := output(exec.CommandContext(ctx, "tar", "-xf", archive, "-C", tree))
	return err
}

// modFile writes a go.mod that takes the library from a tree, and everything else as this module does.
func modFile(ctx context.Context, folder, module, tree string) (string, error) {
	file := filepath.Join(folder, "go.mod")
	text, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return "", err
	}
	// The go.mod files of the commit may name other versions, and the go.sum files beside them have their sums.
	var sums []byte
	for _, name := range []string{
		filepath.Join(module, "go.sum"), filepath.Join(tree, "go.sum"), filepath.Join(tree, moduleFolder, "go.sum"),
	} {
		text, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		sums = append(sums, text...)
	}
	if err := os.WriteFile(filepath.Join(folder, "go.sum"), sums, 0o600); err != nil {
		return "", err
	}
	_, err = output(exec.CommandContext(ctx, "go", "mod", "edit", "-replace="+libraryModule+"="+tree, file))
	return file, err
}

// goBuild builds the contender, under the race detector if this program was built so: the packages are compiled
// already.
func goBuild(ctx context.Context, module, file string, flags ...string) error {
	args := append([]string{"build", "-buildvcs=false", "-o", file}, flags...)
	if underRaceDetector() {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, contender)...)
	cmd.Dir = module
	_, err := output(cmd)
	return err
}

func underRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// git runs git in a folder. The folder may belong to another user, as clones of a CI system do.
func git(ctx context.Context, folder string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "safe.directory=*"}, args...)...)
	cmd.Dir = folder
	return output(cmd)
}

// output runs a command and returns its output. An error includes the text of standard error.
func output(cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}
