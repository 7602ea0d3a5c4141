//go:build linux

package stack

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/process"
)

// With FAKE_SERVICE set, this test program acts as a service that is ready at once and exits on SIGTERM.
func TestMain(m *testing.M) {
	if os.Getenv("FAKE_SERVICE") != "" {
		if err := fakeService(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func fakeService() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	address := os.Getenv("ORDERS_ADDR")
	if filepath.Base(os.Args[0]) == PaymentsSvc {
		address = os.Getenv("PAYMENTS_ADDR")
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println("the fake service has started")
	go http.Serve(l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	<-ctx.Done()
	return nil
}

// withFakeServices returns options that run the real Dapr with fake services, to test the launcher alone.
func withFakeServices(t *testing.T) Options {
	t.Helper()
	if testing.Short() {
		t.Skip("starts Dapr")
	}
	repository, err := Root()
	require.NoError(t, err)
	root := filepath.Join(t.TempDir(), "my, orders")
	require.NoError(t, os.Mkdir(root, 0o700))
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(root, "bin"), 0o700))
	for link, target := range map[string]string{
		"dapr":             filepath.Join(repository, "dapr"),
		"components":       filepath.Join(repository, "components"),
		"bin/dapr":         filepath.Join(repository, "bin", "dapr"),
		"bin/orders-actor": self,
		"bin/payments-svc": self,
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(root, link)))
	}
	env := map[string]string{"FAKE_SERVICE": "1"}
	return Options{Root: root, FreePorts: true, Env: map[string]map[string]string{OrdersActor: env, PaymentsSvc: env}}
}

func TestEachPartCanBeKilledStoppedAndStarted(t *testing.T) {
	s, err := Start(t.Context(), withFakeServices(t))
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()

	for _, end := range []func(string) error{s.Kill, s.Stop} {
		for _, part := range s.Parts() {
			before := s.Part(part).PID()
			require.NotZero(t, before, part)
			require.NoError(t, end(part))
			assert.Zero(t, s.Part(part).PID(), part)
			require.NoError(t, s.Start(part))
			assert.NotEqual(t, before, s.Part(part).PID(), part)
		}
		require.NoError(t, s.WaitReady(t.Context()))
	}
	assert.NoError(t, s.Err(), "a requested stop of one part does not stop the stack")
}

func TestStackStopsWhenPartDies(t *testing.T) {
	s, err := Start(t.Context(), withFakeServices(t))
	require.NoError(t, err)
	defer s.Close()

	var pids []int
	for _, part := range s.Parts() {
		pids = append(pids, s.Part(part).PID())
	}
	require.NoError(t, syscall.Kill(s.Part(PaymentsSvc).PID(), syscall.SIGKILL))
	err = s.Wait(t.Context())
	require.ErrorContains(t, err, "payments-svc died: signal: killed")
	require.ErrorContains(t, err, "the fake service has started", "the error contains the end of the log")
	require.ErrorContains(t, s.Close(), "payments-svc died")
	for _, pid := range pids {
		assert.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "a process is still running")
	}
}

func TestPortInUseErrorNamesProcess(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()

	err = process.CheckFree("ORDERS_ADDR", l.Addr().String())
	require.ErrorContains(t, err, "ORDERS_ADDR: port ")
	require.ErrorContains(t, err, fmt.Sprintf("is in use by process %d (", os.Getpid()))
	require.NoError(t, l.Close())
	require.NoError(t, process.CheckFree("ORDERS_ADDR", l.Addr().String()))
}

func TestSecondLauncherOnSameDataFolderIsRejected(t *testing.T) {
	first, err := prepare(Options{Home: t.TempDir()})
	require.NoError(t, err)
	_, err = prepare(Options{Home: first.Home()})
	require.ErrorContains(t, err, fmt.Sprintf("another launcher uses %s: process %d (starting)", first.Home(), os.Getpid()))
	require.NoError(t, first.Close())
	second, err := prepare(Options{Home: first.Home()})
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

func TestExistingSecretsAreKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secrets.json")
	require.NoError(t, makeSecrets(file))
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	require.NoError(t, makeSecrets(file))
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
}

func TestRunFileIsReadAndUnknownFieldsAreRejected(t *testing.T) {
	root, err := Root()
	require.NoError(t, err)
	f, err := readRunFile(filepath.Join(root, "dapr", "dapr.yaml"))
	require.NoError(t, err)
	for _, path := range f.Common.ResourcesPaths {
		assert.DirExists(t, path)
	}
	for _, a := range f.Apps {
		assert.FileExists(t, a.ConfigFile)
		assert.Equal(t, filepath.Join(root, "bin", a.ID), a.Command[0])
	}

	file := filepath.Join(t.TempDir(), "dapr.yaml")
	require.NoError(t, os.WriteFile(file, []byte("version: 1\ncommon:\n  enableApiLogging: true\n"), 0o600))
	_, err = readRunFile(file)
	require.ErrorContains(t, err, "enableApiLogging", "an unsupported field is an error")
}

func TestRelativeRunFileYieldsAbsolutePaths(t *testing.T) {
	root, err := Root()
	require.NoError(t, err)
	t.Chdir(root)
	f, err := readRunFile(filepath.Join("examples", "seat", "dapr", "seat.yaml"))
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(root, "bin", "seat"), f.Apps[0].Command[0], "the app starts in its data folder")
}

func TestMissingProgramIsReported(t *testing.T) {
	root := t.TempDir()
	repository, err := Root()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(filepath.Join(repository, "dapr"), filepath.Join(root, "dapr")))
	_, err = Start(t.Context(), Options{Root: root})
	require.ErrorContains(t, err, "sentry isn't built (make build runtime)")
}

func TestStartReturnsWhenContextIsCancelled(t *testing.T) {
	o := withFakeServices(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Start(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
}

// The reconciler registers missing reminders again, and new certificates can be made, so neither may prevent a start.
func TestDamagedSchedulerDataAndCertificatesAreReplaced(t *testing.T) {
	o := withFakeServices(t)
	var output strings.Builder
	o.Stdout = &output
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	damaged := 0
	require.NoError(t, filepath.WalkDir(filepath.Join(s.Home(), scheduler), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		damaged++
		return os.WriteFile(path, bytes.Repeat([]byte("garbled "), 1000), 0o600)
	}))
	require.NotZero(t, damaged)
	require.NoError(t, os.WriteFile(filepath.Join(s.Home(), sentry, "ca.crt"), nil, 0o600))

	s, err = Start(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	aside, err := filepath.Glob(filepath.Join(s.Home(), scheduler+".damaged-*"))
	require.NoError(t, err)
	require.Len(t, aside, 1)
	assert.Contains(t, output.String(), aside[0]+" and may be deleted")
	assert.Contains(t, output.String(), "ca.crt holds no certificate")
}

// Without a renewal no sidecar could start any more.
func TestExpiredCertificatesAreReplacedAtStart(t *testing.T) {
	o := withFakeServices(t)
	var output strings.Builder
	o.Stdout = &output
	home := filepath.Join(o.Root, ".data")
	require.NoError(t, os.MkdirAll(filepath.Join(home, sentry), 0o700))
	authority(t, filepath.Join(home, sentry), time.Now().AddDate(-1, 0, -1))
	expired, err := AuthorityExpiry(home)
	require.NoError(t, err)
	require.True(t, expired.Before(time.Now()))

	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	renewed, err := AuthorityExpiry(home)
	require.NoError(t, err)
	assert.True(t, renewed.After(time.Now().Add(renewBefore)))
	assert.Contains(t, output.String(), "replacing the certificates")
}
