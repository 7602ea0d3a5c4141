package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProgressCountsPackagesAndEstimatesTimeLeft(t *testing.T) {
	began := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	p := &progress{name: "building", began: began}
	assert.Equal(t, "building", p.text(began))
	require.True(t, p.line("go: downloading example.com/a v1.0.0"))
	assert.Equal(t, "building: 1 modules downloaded", p.text(began))

	p.left = map[string]bool{}
	assert.Equal(t, "building: linking", p.text(began), "all packages were compiled before")
	for i := range 100 {
		p.left[fmt.Sprintf("example.com/p%d", i)] = true
	}
	p.total = len(p.left)
	assert.False(t, p.line("# example.com/p1"), "output of the compiler is not progress")
	assert.False(t, p.line("example.com/other"))
	for i := range 25 {
		require.True(t, p.line(fmt.Sprintf("example.com/p%d", i)))
	}
	assert.False(t, p.line("example.com/p0"), "counted once")
	assert.Equal(t, "building: 25 %, 25 of 100 packages", p.text(began.Add(time.Second)))
	assert.Equal(t, 2, p.tenth())
	assert.Equal(t, "building: 25 %, 25 of 100 packages, about 5 min left", p.text(began.Add(100*time.Second)))
	assert.Equal(t, "building: 25 %, 25 of 100 packages, about 31 s left", p.text(began.Add(10*time.Second)))
	clear(p.left)
	assert.Equal(t, "building: linking", p.text(began))
	assert.Equal(t, "building: done after 2 min", p.result(began.Add(2*time.Minute)))
}

func TestLineIsRewrittenOnTerminalAndPrintedPerTenthElsewhere(t *testing.T) {
	texts := []string{"building: 1 %, 1 of 99", "building: 2 %, 2 of 99", "building: 11 %, 11 of 99", "building: 11 %, 11 of 99, about 1 s left"}
	var terminal, file bytes.Buffer
	rewritten, printed := &line{out: &terminal, terminal: true}, &line{out: &file}
	for i, text := range texts {
		rewritten.show(text, i/2)
		printed.show(text, i/2)
	}
	rewritten.finish("building: done")
	printed.finish("building: done")
	silent := &line{out: &file}
	silent.finish("building: done")
	assert.Equal(t, texts[0]+"\n"+texts[2]+"\nbuilding: done\n", file.String())
	assert.NotContains(t, terminal.String()[:terminal.Len()-1], "\n", "one line")
	assert.Contains(t, terminal.String(), texts[3])
}

func TestCommandOutputIsShownOnlyOnFailure(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, step("asking", []string{"go", "version"}, &line{out: &out}))
	assert.Equal(t, "asking\nasking: done after 1 s\n", out.String())
	err := step("asking", []string{"go", "no-such-command"}, &line{out: &out})
	exit := (*exec.ExitError)(nil)
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 2, exit.ExitCode())
}

func TestWaitingStepShowsProgressOfLockHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, _, err := tryLock(path)
	require.NoError(t, err)
	require.NotNil(t, first)
	second, holder, err := tryLock(path)
	require.NoError(t, err)
	require.Nil(t, second)
	assert.Equal(t, fmt.Sprintf("process %d", os.Getpid()), holder)

	inner := &line{out: new(bytes.Buffer), status: path}
	inner.show("building: 25 %", 2)
	_, holder, err = tryLock(path)
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("process %d: building: 25 %%", os.Getpid()), holder)

	require.NoError(t, first.Close())
	third, _, err := tryLock(path)
	require.NoError(t, err)
	require.NotNil(t, third)
	require.NoError(t, third.Close())
}

func TestStepImportsOnlyStandardLibrary(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	out, err := list.Output()
	require.NoError(t, err)
	assert.Equal(t, "orders/stack/cmd/step\n", string(out))
}
