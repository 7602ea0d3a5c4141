// Package gentest checks in tests that generated files are up to date.
package gentest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Fresh fails the test if a generated file of the package under test differs from what its //go:generate directive
// writes. The directive must name the file as an argument of its own, or after "=".
func Fresh(t *testing.T, file string) {
	t.Helper()
	args := directive(t, file)
	fresh := filepath.Join(t.TempDir(), file)
	for i, arg := range args {
		flag, value, ok := strings.Cut(arg, "=")
		switch {
		case arg == file:
			args[i] = fresh
		case ok && value == file:
			args[i] = flag + "=" + fresh
		}
	}
	if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("generate %s: %v\n%s", file, err, out)
	}
	want, err := os.ReadFile(fresh)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s is stale: run go generate in its directory", file)
	}
}

// directive returns the words of the //go:generate directive that names the file.
func directive(t *testing.T, file string) []string {
	t.Helper()
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			command, ok := strings.CutPrefix(line, "//go:generate ")
			if ok && strings.Contains(command, file) {
				return strings.Fields(command)
			}
		}
	}
	t.Fatalf("no //go:generate directive names %s", file)
	return nil
}
