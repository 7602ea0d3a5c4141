package stack

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"orders/kit/freeport"
)

const sidecarSuffix = ".sidecar"

// servesAt says which setting holds an app's address, and its default.
var servesAt = map[string]struct{ setting, address string }{
	OrdersActor: {"ORDERS_ADDR", "127.0.0.1:8080"},
	PaymentsSvc: {"PAYMENTS_ADDR", "127.0.0.1:8081"},
}

// instance is one process of an app, with a sidecar.
type instance struct {
	app                  app
	name                 string
	address              string
	http, grpc, internal int // the sidecar's ports
}

func (s *Stack) startApps() error {
	instances, err := s.instances()
	if err != nil {
		return err
	}
	if err := s.writeResolver(instances); err != nil {
		return err
	}
	for _, i := range instances {
		if err := s.launch(s.sidecar(i)); err != nil {
			return err
		}
		if err := s.launch(s.service(i)); err != nil {
			return err
		}
	}
	return nil
}

// instances decides how many of each app there are, and their addresses.
func (s *Stack) instances() ([]instance, error) {
	var all []instance
	for _, a := range s.file.Apps {
		where, known := servesAt[a.ID]
		if !known {
			return nil, fmt.Errorf("dapr.yaml: app %q isn't known to the launcher", a.ID)
		}
		replicas := 1
		if a.ID == OrdersActor {
			replicas = s.o.Replicas
		}
		for n := range replicas {
			i := instance{app: a, name: a.ID, address: s.setting(a, where.setting)}
			if n > 0 {
				i.name = fmt.Sprintf("%s-%d", a.ID, n+1)
			}
			if i.address == "" {
				i.address = where.address
			}
			if s.o.FreePorts || n > 0 {
				port, err := freeport.Get()
				if err != nil {
					return nil, err
				}
				i.address = local(port)
			} else if err := checkFree(where.setting, i.address); err != nil {
				return nil, err
			}
			ports, err := freePorts(3)
			if err != nil {
				return nil, err
			}
			i.http, i.grpc, i.internal = ports[0], ports[1], ports[2]
			if a.ID == OrdersActor {
				port, err := portOf(i.address)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", where.setting, err)
				}
				s.urls = append(s.urls, "http://127.0.0.1:"+port)
			}
			all = append(all, i)
		}
	}
	return all, nil
}

// writeResolver tells all sidecars where the others are. Dapr's default would ask the network by mDNS, and find the
// stacks that other tests run on this machine.
func (s *Stack) writeResolver(instances []instance) error {
	template := "127.0.0.1:{{.Port}}"
	for _, i := range slices.Backward(instances) {
		template = fmt.Sprintf(`{{if eq .ID "%s"}}127.0.0.1:%d{{else}}%s{{end}}`, i.app.ID, i.internal, template)
	}
	return os.WriteFile(s.resolver(), fmt.Appendf(nil, `apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata:
  name: resolver
spec:
  nameResolution:
    component: kubernetes # the resolver that takes a template; it asks no Kubernetes
    version: v1
    configuration:
      template: '%s'
`, template), 0o600)
}

func (s *Stack) resolver() string { return filepath.Join(s.o.Home, "run", "resolver.yaml") }

// AddSidecar starts a sidecar for an app that isn't part of the product, and waits for it: what may a stranger do? The new
// part's name is the app's id with .sidecar.
func (s *Stack) AddSidecar(ctx context.Context, appID string) error {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	p := s.sidecar(instance{
		app:  app{ID: appID, ConfigFile: s.file.Common.ConfigFilePath},
		name: appID, http: ports[0], grpc: ports[1], internal: ports[2],
	})
	if err := s.launch(p); err != nil {
		return err
	}
	return s.WaitReady(ctx)
}

// sidecar is the Dapr sidecar of an app's instance.
func (s *Stack) sidecar(i instance) *part {
	command := []string{
		filepath.Join(s.o.Root, "bin", "dapr", "daprd"),
		"--app-id=" + i.app.ID,
		"--config=" + i.app.ConfigFile, "--config=" + s.resolver(),
		"--dapr-listen-addresses=127.0.0.1", "--dapr-internal-grpc-listen-address=127.0.0.1",
		fmt.Sprintf("--dapr-http-port=%d", i.http),
		fmt.Sprintf("--dapr-grpc-port=%d", i.grpc),
		fmt.Sprintf("--dapr-internal-grpc-port=%d", i.internal),
		"--placement-host-address=" + local(s.o.Ports.Placement),
		"--scheduler-host-address=" + local(s.o.Ports.Scheduler),
		"--enable-mtls", "--sentry-address=" + local(s.o.Ports.Sentry),
		"--control-plane-trust-domain=localhost", "--control-plane-namespace=default",
		"--enable-metrics=false", "--dapr-graceful-shutdown-seconds=5",
	}
	for _, path := range s.resources() {
		command = append(command, "--resources-path="+path)
	}
	env := append(os.Environ(), s.env...)
	if i.app.Port != 0 {
		port, _ := portOf(i.address) // checked when it was chosen
		command = append(command, "--app-port="+port)
		env = append(env, "APP_API_TOKEN="+s.token)
	}
	return &part{
		name: i.name + sidecarSuffix, command: command, env: env,
		url:   "http://" + local(i.http),
		ready: answers(fmt.Sprintf("http://%s/v1.0/healthz", local(i.http)), http.StatusNoContent),
		grace: 15 * time.Second,
	}
}

// resources are the folders of Dapr components: those of the run file, with the database that was asked for.
func (s *Stack) resources() []string {
	paths := slices.Clone(s.file.Common.ResourcesPaths)
	for i, path := range paths {
		if filepath.Base(path) != "sqlite" {
			continue
		}
		if s.o.Postgres != "" {
			paths[i] = filepath.Join(filepath.Dir(path), "postgres")
		}
		if s.o.Components != "" {
			paths[i] = s.o.Components
		}
	}
	return paths
}

// service is an app's process.
func (s *Stack) service(i instance) *part {
	where := servesAt[i.app.ID]
	env := map[string]string{}
	maps.Copy(env, i.app.Env)
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	if s.o.Postgres != "" {
		env["VIEW_DSN"] = s.o.Postgres
	}
	maps.Copy(env, s.o.Env[i.app.ID])
	maps.Copy(env, map[string]string{
		where.setting:    i.address,
		"DATA_DIR":       s.o.Home,
		"DAPR_HTTP_PORT": strconv.Itoa(i.http),
		"DAPR_GRPC_PORT": strconv.Itoa(i.grpc),
	})
	if i.app.Port != 0 {
		env["APP_API_TOKEN"] = s.token
	}
	p := &part{name: i.name, command: i.app.Command, grace: 30 * time.Second}
	for name, value := range env {
		p.env = append(p.env, name+"="+value)
	}
	port, _ := portOf(i.address)
	p.url = "http://127.0.0.1:" + port
	p.ready = answers(p.url+"/readyz", http.StatusOK)
	return p
}

// setting is what the app will see: asked for, or from the environment, or from the run file.
func (s *Stack) setting(a app, name string) string {
	if value, ok := s.o.Env[a.ID][name]; ok {
		return value
	}
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return a.Env[name]
}
