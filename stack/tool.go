package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// RunningPart describes a part of a running stack for other programs, which find it in a file of the data folder.
type RunningPart struct {
	Name    string            `json:"name"`
	URL     string            `json:"url"`               // of its HTTP server
	Health  string            `json:"health"`            // the path that answers 2xx while it works
	Sidecar map[string]string `json:"sidecar,omitempty"` // an app's variables with the address and the token of its sidecar
}

func partsFile(home string) string { return filepath.Join(home, "run", "parts.json") }

// Running returns the parts of the stack that uses a data folder. If none does, the error wraps fs.ErrNotExist. After a kill of
// the launcher the file is still there; Lock tells whether the launcher runs.
func Running(home string) ([]RunningPart, error) {
	content, err := os.ReadFile(partsFile(home))
	if err != nil {
		return nil, err
	}
	var parts []RunningPart
	if err := json.Unmarshal(content, &parts); err != nil {
		return nil, fmt.Errorf("%s: %w", partsFile(home), err)
	}
	return parts, nil
}

// writeParts writes the file for Running. It contains the tokens of the sidecars, so only its owner may read it.
func (s *Stack) writeParts(instances []instance) error {
	s.mu.Lock()
	parts := make([]RunningPart, 0, len(s.parts)+2*len(instances))
	for _, p := range s.parts { // the control plane
		parts = append(parts, RunningPart{Name: p.Name, URL: p.URL, Health: "/healthz"})
	}
	s.mu.Unlock()
	for _, i := range instances {
		parts = append(parts,
			RunningPart{Name: i.name + sidecarSuffix, URL: "http://" + loopback(i.http), Health: "/v1.0/healthz"},
			RunningPart{Name: i.name, URL: i.url.String(), Health: "/healthz", Sidecar: i.sidecarEnv()})
	}
	content, err := json.MarshalIndent(parts, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(partsFile(s.o.Home), content, 0o600)
}

// sidecarEnv returns the variables with which an app finds its sidecar.
func (i instance) sidecarEnv() map[string]string {
	return map[string]string{"DAPR_HTTP_PORT": strconv.Itoa(i.http), "DAPR_GRPC_PORT": strconv.Itoa(i.grpc), "DAPR_API_TOKEN": i.token}
}

// Tool returns the program of an app with another command, in the environment that Start gives it with the same options. If the
// stack is running, the command reaches the app's sidecar. Its error output is that of this process.
func Tool(ctx context.Context, o Options, appID string, args ...string) (*exec.Cmd, error) {
	s, err := resolve(o)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(s.file.Apps, func(a app) bool { return a.ID == appID })
	if at < 0 {
		return nil, fmt.Errorf("dapr.yaml has no app %q", appID)
	}
	env := s.environment(instance{app: s.file.Apps[at], address: s.address(s.file.Apps[at])})
	parts, err := Running(s.o.Home)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, p := range parts {
		if p.Name == appID {
			maps.Copy(env, p.Sidecar)
		}
	}
	cmd := exec.CommandContext(ctx, s.file.Apps[at].Command[0], args...)
	cmd.Dir, cmd.Env, cmd.Stderr = s.o.Home, environ(env), os.Stderr
	return cmd, nil
}

// Addresses returns the addresses on which the apps listen, by the name of the setting.
func Addresses(o Options) (map[string]string, error) {
	s, err := resolve(o)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, a := range s.file.Apps {
		where, _ := a.addressing()
		all[where.setting] = s.address(a)
	}
	return all, nil
}

// Environment returns the variables that an app has with these options, except the address of its sidecar.
func Environment(o Options, appID string) (map[string]string, error) {
	cmd, err := Tool(context.Background(), o, appID)
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for _, pair := range cmd.Env {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env, nil
}

// address returns the address that an app listens on, by its setting or the default.
func (s *Stack) address(a app) string {
	where, _ := a.addressing()
	if address := s.setting(a, where.setting); address != "" {
		return address
	}
	return where.address
}
