package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/goccy/go-yaml"

	"orders/kit/process"
)

// DaprRun runs the apps and their sidecars with the Dapr CLI. The stack must have been started with Options.WithoutApps.
// DaprRun returns when the CLI has ended. When ctx is done or a part of the control plane dies, the CLI gets a SIGTERM. The
// CLI is killed when this process ends.
func (s *Stack) DaprRun(ctx context.Context) error {
	file, err := s.writeCLIFiles()
	if err != nil {
		return err
	}
	for _, url := range s.URLs() {
		s.printf("dapr run -f %s will serve %s", filepath.Dir(file), url)
	}
	s.setActivity("running the Dapr CLI")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		if s.Wait(ctx) != nil {
			cancel()
		}
	}()
	cmd := exec.CommandContext(ctx, s.cli(), "run", "-f", filepath.Dir(file))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = defaultTimeout
	cmd.Env = append(append(environ(inheritedEnv(Settings[OrdersActor], Settings[PaymentsSvc], proxyVars, tracingVars)), s.env...),
		"APP_API_TOKEN="+s.token, "DAPR_RUNTIME_PATH="+s.cliRuntime())
	if s.o.Postgres != "" {
		cmd.Env = append(cmd.Env, "VIEW_DSN="+s.o.Postgres) // not in the file, because it may contain a password
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// It stays in this process group so that it can read from the terminal. The Dapr CLI creates its own group.
	cmd.SysProcAttr = process.CommandAttributes()
	runtime.LockOSThread() // the kernel sends the parent-death signal when this thread ends
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	if ctx.Err() != nil {
		return nil // it was asked to end; its exit status doesn't matter
	}
	return err
}

// writeCLIFiles writes the run file for the Dapr CLI and the files that it refers to into the data folder.
func (s *Stack) writeCLIFiles() (string, error) {
	if _, err := os.Stat(s.cli()); err != nil {
		return "", fmt.Errorf("the Dapr CLI isn't built (make dapr-cli): %w", err)
	}
	instances, err := s.instances()
	if err != nil {
		return "", err
	}
	f, err := s.cliFile(instances)
	if err != nil {
		return "", err
	}
	content, err := yaml.Marshal(f)
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.o.Home, "run", "dapr", "dapr.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	return path, errors.Join(s.writeResolver(instances), s.writeParts(instances), s.writeCLIRuntime(), os.WriteFile(path, content, 0o600))
}

// cliFile returns dapr/dapr.yaml for the Dapr CLI, with the addresses of this run.
func (s *Stack) cliFile(instances []instance) (map[string]any, error) {
	var apps []map[string]any
	for _, i := range instances {
		if i.name != i.app.ID {
			return nil, errors.New("dapr run starts one process of each app, so -replicas needs make run")
		}
		for _, path := range append(s.resources(), i.app.ConfigFile) {
			if strings.Contains(path, ",") {
				return nil, fmt.Errorf("dapr run can't use %s: the Dapr CLI splits paths at commas; make run can", path)
			}
		}
		env := map[string]string{"DATA_DIR": s.o.Home, addresses[i.app.ID].setting: i.address}
		if i.metrics != 0 {
			env[addresses[i.app.ID].metrics] = loopback(i.metrics)
		}
		maps.Copy(env, s.o.Env[i.app.ID])
		a := map[string]any{
			"appID": i.app.ID, "appDirPath": s.o.Home, "configFilePath": i.app.ConfigFile, "command": i.app.Command, "env": env,
			"daprHTTPPort": i.http, "daprGRPCPort": i.grpc, "daprInternalGRPCPort": i.internal,
		}
		if i.app.Port != 0 {
			port, err := strconv.Atoi(i.url.Port())
			if err != nil {
				return nil, fmt.Errorf("%s: %w", addresses[i.app.ID].setting, err)
			}
			a["appPort"], a["appChannelAddress"] = port, i.channel()
		}
		apps = append(apps, a)
	}
	return map[string]any{"version": s.file.Version, "apps": apps, "common": map[string]any{
		"resourcesPaths": s.resources(), "apiListenAddresses": "127.0.0.1",
		"placementHostAddress": loopback(s.ports.placement), "schedulerHostAddress": loopback(s.ports.scheduler),
	}}, nil
}

func (s *Stack) cli() string { return filepath.Join(s.o.Root, "bin", "cli", "dapr") }

// cliRuntime returns the folder in which the Dapr CLI runs .dapr/bin/daprd.
func (s *Stack) cliRuntime() string { return filepath.Join(s.o.Home, "run", "cli") }

// writeCLIRuntime writes a script for the Dapr CLI that runs daprd with flags that a run file can't express. The CLI itself
// expects sentry on port 50001 and supports one configuration per app.
func (s *Stack) writeCLIRuntime() error {
	script := fmt.Sprintf("#!/bin/sh\nexec %s \"$@\" %s %s --dapr-internal-grpc-listen-address=127.0.0.1\n",
		shellQuote(filepath.Join(s.o.Root, "bin", "dapr", "daprd")),
		"--sentry-address="+loopback(s.ports.sentry), shellQuote(listFlag("config", s.resolver())))
	path := filepath.Join(s.cliRuntime(), ".dapr", "bin", "daprd")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(script), 0o700) //nolint:gosec // G306: a program must be executable
}

func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
