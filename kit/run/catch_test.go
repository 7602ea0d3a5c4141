package run_test

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/run"
)

func TestCatchReturnsLogsAndCountsPanics(t *testing.T) {
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	err := run.Catch(t.Context(), log, "test", func() error { panic("secret") })
	require.ErrorIs(t, err, run.ErrPanic)
	assert.NotContains(t, err.Error(), "secret")
	assert.Contains(t, logged.String(), "secret")
	assert.Contains(t, logged.String(), "catch_test.go", "the stack")
	assert.InDelta(t, 1, testutil.ToFloat64(run.Panics.WithLabelValues("test")), 0)

	failure := errors.New("failure")
	require.ErrorIs(t, run.Catch(t.Context(), log, "test", func() error { return failure }), failure)
	require.NoError(t, run.Catch(t.Context(), log, "test", func() error { return nil }))
	assert.InDelta(t, 1, testutil.ToFloat64(run.Panics.WithLabelValues("test")), 0)
}

// A panic that is not recovered ends the process. Packages named …test and kit/simulate are only part of tests, and kit/process of the launcher.
func TestEveryGoroutineOfTheServicesRunsInCatch(t *testing.T) {
	files := token.NewFileSet()
	found := 0
	for _, module := range []string{"api", "kit", "orders-actor", "payments-svc"} {
		require.NoError(t, filepath.WalkDir(filepath.Join("../..", module), func(path string, entry fs.DirEntry, err error) error {
			folder := filepath.Base(filepath.Dir(path))
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(folder, "test") || folder == "process" || folder == "simulate" {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if started, ok := goroutine(n); ok {
					found++
					assert.True(t, caught(started), "%s: all code of this goroutine must run in run.Catch", files.Position(n.Pos()))
				}
				return true
			})
			return nil
		}))
	}
	assert.GreaterOrEqual(t, found, 8, "the test looks for goroutines in the wrong place")
}

func TestCaughtDetectsGoroutinesWithoutCatch(t *testing.T) {
	for body, want := range map[string]bool{
		`go func() { ended <- run.Catch(ctx, log, "x", run) }()`:           true,
		`go func() { err = run.Catch(ctx, log, "x", run); close(done) }()`: true,
		`all.Go(func() { _ = run.Catch(ctx, log, "x", run) })`:             true,
		`go run()`:                         false,
		`go func() { run() }()`:            false,
		`go func() { done <- run() }()`:    false,
		`all.Go(run)`:                      false,
		`all.Go(func() { defer leave() })`: false,
		`c.SetBodyStreamWriter(func(w *bufio.Writer) { write(w) })`:   false,
		`all.Go(func() { _ = run.Catch(ctx, log, "x", run); run() })`: false,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc f() {\n"+body+"\n}", 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if started, ok := goroutine(n); ok {
				assert.Equal(t, want, caught(started), body)
			}
			return true
		})
	}
}

// goroutine returns the function that n starts on a new goroutine: a go statement, the Go method of a group, or fasthttp's
// body stream writer.
func goroutine(n ast.Node) (ast.Expr, bool) {
	switch n := n.(type) {
	case *ast.GoStmt:
		return n.Call.Fun, true
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "Go" || f.Sel.Name == "SetBodyStreamWriter") {
			return n.Args[0], true
		}
	}
	return nil, false
}

// caught reports whether a goroutine calls only run.Catch and close.
func caught(started ast.Expr) bool {
	f, ok := started.(*ast.FuncLit)
	if !ok {
		return false
	}
	catches := false
	for _, statement := range f.Body.List {
		ok := true
		ast.Inspect(statement, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false // the argument of Catch
			case *ast.CallExpr:
				switch callee(n) {
				case "run.Catch", "Catch":
					catches = true
				case "close":
				default:
					ok = false
				}
			}
			return true
		})
		if !ok {
			return false
		}
	}
	return catches
}

func callee(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
	}
	return ""
}
