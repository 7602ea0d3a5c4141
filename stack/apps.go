package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"orders/kit/process"
)

const sidecarSuffix = ".sidecar"

type addressing struct{ setting, address, metrics string }

// addresses names the settings for the address of each app and of its metrics, and the default address.
var addresses = map[string]addressing{
	OrdersActor: {"ORDERS_ADDR", "127.0.0.1:8080", "ORDERS_METRICS_ADDR"},
	PaymentsSvc: {"PAYMENTS_ADDR", "127.0.0.1:8081", "PAYMENTS_METRICS_ADDR"},
}

// addressing returns how an app's address is set. The run file tells it for an app that is not of the product: it sets one variable
// whose name ends in _ADDR.
func (a app) addressing() (where addressing, known bool) {
	if where, known = addresses[a.ID]; known {
		return where, true
	}
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		if strings.HasSuffix(name, "_ADDR") {
			return addressing{setting: name, address: a.Env[name]}, true
		}
	}
	return addressing{}, false
}

// settings returns the names of the variables that an app reads: those of Settings, or those that the run file sets.
func (a app) settings() []string {
	if known, ok := Settings[a.ID]; ok {
		return known
	}
	return slices.Collect(maps.Keys(a.Env))
}

// instance is one process of an app and its sidecar.
type instance struct {
	app                  app
	name                 string
	address              string   // the address that it listens on
	url                  *url.URL // the URL at which this machine reaches it
	token                string   // the API token that its sidecar requires; empty for none
	http, grpc, internal int      // the sidecar's ports
	metrics              int      // the port of the app's metrics; 0 to use the app's setting
}

func (s *Stack) startApps(ctx context.Context) error {
	instances, err := s.instances()
	if err != nil {
		return err
	}
	if err := errors.Join(s.writeResolver(instances), s.writeParts(instances)); err != nil {
		return err
	}
	for _, i := range instances {
		sidecar := s.sidecar(i)
		if err := s.launch(sidecar); err != nil {
			return err
		}
		if s.o.Postgres != "" {
			// The sidecars create their tables one after another. Of two that do so at the same time in a new database, one
			// fails with "type already exists" and ends.
			if err := sidecar.AwaitFunc(ctx, respondsWith(sidecar.URL+"/v1.0/healthz/outbound", http.StatusNoContent)); err != nil {
				return err
			}
		}
		if err := s.launch(s.service(i)); err != nil {
			return err
		}
	}
	return nil
}

// instances returns the processes to run, with their addresses and ports.
func (s *Stack) instances() ([]instance, error) {
	var all []instance
	for _, a := range s.file.Apps {
		// The sidecar denies access to a secret with another name, and the service would wait for it until it times out.
		if name := s.setting(a, "SECRET_NAME"); name != "" && name != a.ID {
			return nil, fmt.Errorf("SECRET_NAME: %s allows %s to read only the secret %q; unset it", a.ConfigFile, a.ID, a.ID)
		}
		where, known := a.addressing()
		if !known {
			return nil, fmt.Errorf("dapr.yaml: the launcher doesn't know the app %q, and its env has no variable for its address, such as APP_ADDR", a.ID)
		}
		replicas := 1
		if a.ID == OrdersActor {
			replicas = s.o.Replicas
		}
		for n := range replicas {
			i := instance{app: a, name: a.ID, token: newKey(), address: s.address(a)}
			if n > 0 {
				i.name = fmt.Sprintf("%s-%d", a.ID, n+1)
			}
			ports, err := freePorts(5)
			if err != nil {
				return nil, err
			}
			i.http, i.grpc, i.internal = ports[0], ports[1], ports[2]
			if s.o.FreePorts || n > 0 {
				i.address, i.metrics = loopback(ports[3]), ports[4]
			} else {
				if host, port, err := net.SplitHostPort(i.address); err == nil && port == "0" {
					i.address = net.JoinHostPort(host, strconv.Itoa(ports[3])) // the launcher must know the port
				}
				if err := process.CheckFree(where.setting, i.address); err != nil {
					return nil, err
				}
			}
			if i.url, err = reachable(i.address); err != nil {
				return nil, fmt.Errorf("%s: %w", where.setting, err)
			}
			if a.ID != PaymentsSvc {
				s.urls = append(s.urls, i.url.String())
			}
			all = append(all, i)
		}
	}
	return all, nil
}

// reachable returns the URL at which this machine reaches a server that listens on address.
func reachable(address string) (*url.URL, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	switch ip, err := netip.ParseAddr(host); {
	case host == "", err == nil && ip.Unmap() == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		host = "::1"
	}
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}, nil
}

// writeResolver configures name resolution and tracing for all sidecars. Dapr's default resolution, mDNS, would also find the
// stacks that other tests run on this machine.
func (s *Stack) writeResolver(instances []instance) error {
	template := "127.0.0.1:{{.Port}}"
	for _, i := range slices.Backward(instances) {
		template = fmt.Sprintf(`{{if eq .ID "%s"}}127.0.0.1:%d{{else}}%s{{end}}`, i.app.ID, i.internal, template)
	}
	tracing, err := s.tracing()
	if err != nil {
		return err
	}
	return os.WriteFile(s.resolver(), fmt.Appendf(nil, `apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata:
  name: resolver
spec:
  nameResolution:
    component: kubernetes # resolves names by a template, without a Kubernetes API
    version: v1
    configuration:
      template: '%s'
%s`, template, tracing), 0o600)
}

// tracing returns the part of a configuration that makes the sidecars export spans to where orders-actor does. They record what
// the services record, and almost no traces of their own: probes have no trace.
func (s *Stack) tracing() (string, error) {
	a := app{ID: OrdersActor}
	endpoint := s.setting(a, "OTEL_EXPORTER_OTLP_ENDPOINT")
	if endpoint == "" || s.setting(a, "OTEL_SDK_DISABLED") == "true" {
		return "", nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https URL, not %q", endpoint)
	}
	return fmt.Sprintf(`  tracing:
    samplingRate: "0.000000001"
    otel: { endpointAddress: %q, isSecure: %t, protocol: http }
`, u.Host, u.Scheme == "https"), nil
}

func (s *Stack) resolver() string { return filepath.Join(s.o.Home, "run", "resolver.yaml") }

// AddSidecar starts a sidecar for another app, waits until it is ready and returns its gRPC address. Tests use it to check
// what an app outside the product can do. The new part's name is the app's id with the suffix .sidecar.
func (s *Stack) AddSidecar(ctx context.Context, appID string) (grpc string, err error) {
	ports, err := freePorts(3)
	if err != nil {
		return "", err
	}
	p := s.sidecar(instance{
		app:  app{ID: appID, ConfigFile: s.file.Common.ConfigFilePath},
		name: appID, http: ports[0], grpc: ports[1], internal: ports[2],
	})
	if err := s.launch(p); err != nil {
		return "", err
	}
	return loopback(ports[1]), s.WaitReady(ctx)
}

// sidecar returns the part that runs the Dapr sidecar of an instance.
func (s *Stack) sidecar(i instance) *process.Process {
	command := []string{
		filepath.Join(s.o.Root, "bin", "dapr", "daprd"),
		"--app-id=" + i.app.ID,
		listFlag("config", i.app.ConfigFile), listFlag("config", s.resolver()),
		"--dapr-listen-addresses=127.0.0.1", "--dapr-internal-grpc-listen-address=127.0.0.1",
		fmt.Sprintf("--dapr-http-port=%d", i.http),
		fmt.Sprintf("--dapr-grpc-port=%d", i.grpc),
		fmt.Sprintf("--dapr-internal-grpc-port=%d", i.internal),
		"--placement-host-address=" + loopback(s.ports.placement),
		"--scheduler-host-address=" + loopback(s.ports.scheduler),
		"--enable-mtls", "--sentry-address=" + loopback(s.ports.sentry),
		"--control-plane-trust-domain=localhost", "--control-plane-namespace=default",
		"--enable-metrics=false", "--dapr-graceful-shutdown-seconds=5",
	}
	for _, path := range s.resources() {
		command = append(command, listFlag("resources-path", path))
	}
	env := append(environ(inheritedEnv()), s.env...)
	if i.token != "" {
		env = append(env, "DAPR_API_TOKEN="+i.token)
	}
	if i.app.Port != 0 {
		command = append(command, "--app-port="+i.url.Port(), "--app-channel-address="+i.channel())
		env = append(env, "APP_API_TOKEN="+s.token)
	}
	return &process.Process{
		Name: i.name + sidecarSuffix, Command: command, Env: env, Token: i.token,
		URL:         "http://" + loopback(i.http),
		Ready:       respondsWith(fmt.Sprintf("http://%s/v1.0/healthz", loopback(i.http)), http.StatusNoContent),
		StopTimeout: 15 * time.Second,
	}
}

// channel returns the host at which the sidecar calls the app. Dapr appends ":port" to it without adding brackets.
func (i instance) channel() string {
	if host := i.url.Hostname(); !strings.Contains(host, ":") {
		return host
	}
	return "[" + i.url.Hostname() + "]"
}

// listFlag returns a daprd flag that takes a comma-separated list. It quotes the value, which may contain a comma.
func listFlag(name, value string) string {
	return fmt.Sprintf(`--%s="%s"`, name, strings.ReplaceAll(value, `"`, `""`))
}

// resources returns the folders of Dapr components: those of the run file, adapted to the database in the options.
func (s *Stack) resources() []string {
	paths := slices.Clone(s.file.Common.ResourcesPaths)
	for i, path := range paths {
		if filepath.Base(path) == "sqlite" && s.o.Postgres != "" {
			paths[i] = filepath.Join(filepath.Dir(path), "postgres")
		}
	}
	return paths
}

// service returns the part that runs an instance's app.
func (s *Stack) service(i instance) *process.Process {
	env := s.environment(i)
	maps.Copy(env, i.sidecarEnv())
	p := &process.Process{
		Name: i.name, Command: i.app.Command, Env: environ(env), URL: i.url.String(),
		// Not /readyz: it stays ready while a dependency is unavailable.
		Ready:       respondsWith(i.url.JoinPath("healthz").String(), http.StatusOK),
		StopTimeout: 80 * time.Second, // more than the sum of the timeouts within which the parts of orders-actor stop, one after another
	}
	if i.metrics != 0 {
		p.Metrics = "http://" + loopback(i.metrics) + "/metrics"
	}
	return p
}

// environment returns an app's variables except the address of its sidecar.
func (s *Stack) environment(i instance) map[string]string {
	env := maps.Clone(i.app.Env)
	if env == nil {
		env = map[string]string{}
	}
	maps.Copy(env, inheritedEnv(i.app.settings(), proxyVars, tracingVars))
	if i.app.ID == OrdersActor {
		env["STATE_DSN"] = filepath.Join(s.o.Home, "statestore.db")
		if s.o.Postgres != "" {
			env["VIEW_DSN"], env["STATE_DSN"] = s.o.Postgres, s.o.Postgres
		}
	}
	maps.Copy(env, s.o.Env[i.app.ID])
	where, _ := i.app.addressing()
	env[where.setting], env["DATA_DIR"] = i.address, s.o.Home
	if i.app.Port != 0 {
		env["APP_API_TOKEN"] = s.token
	}
	if i.metrics != 0 && where.metrics != "" {
		env[where.metrics] = loopback(i.metrics)
	}
	return env
}

// setting returns the value that the app will see: from the options, from the environment, or from the run file.
func (s *Stack) setting(a app, name string) string {
	if value, ok := s.o.Env[a.ID][name]; ok {
		return value
	}
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return a.Env[name]
}
