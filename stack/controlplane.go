package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"orders/kit/freeport"
)

// The control plane's parts.
const (
	sentry    = "sentry"
	placement = "placement"
	scheduler = "scheduler"
)

// startControlPlane starts sentry, then placement and scheduler, which need a certificate from it, and waits for them.
func (s *Stack) startControlPlane(ctx context.Context) error {
	s.say("starting Dapr's control plane")
	if err := s.choosePorts(); err != nil {
		return err
	}
	anchors, err := s.startSentry(ctx)
	if err != nil {
		return err
	}
	s.env = append(s.env, "DAPR_HOST_IP=127.0.0.1", "NAMESPACE=default", "DAPR_TRUST_ANCHORS="+anchors)
	if s.o.Postgres != "" {
		s.env = append(s.env, "STATE_DSN="+s.o.Postgres)
	}
	identity := filepath.Join(s.o.Home, "run", "scheduler") // the scheduler leaves a folder beside it at each start
	if err := os.RemoveAll(identity); err != nil {
		return err
	}
	ports, err := freePorts(5)
	if err != nil {
		return err
	}
	trust := []string{
		"--tls-enabled", "--trust-domain=localhost", "--sentry-address=" + local(s.o.Ports.Sentry),
		"--trust-anchors-file=" + filepath.Join(s.o.Home, "sentry", "ca.crt"),
	}
	err = s.launch(s.daprPart(placement, ports[0], append(
		trust, fmt.Sprintf("--port=%d", s.o.Ports.Placement),
		"--initial-cluster=dapr-placement-0="+local(ports[1]))))
	if err != nil {
		return err
	}
	reminders := filepath.Join(s.o.Home, scheduler) // they outlive a restart
	err = s.startScheduler(ctx, reminders, s.daprPart(scheduler, ports[2], append(
		trust, fmt.Sprintf("--port=%d", s.o.Ports.Scheduler),
		"--override-broadcast-host-port="+local(s.o.Ports.Scheduler),
		"--etcd-data-dir="+reminders,
		fmt.Sprintf("--etcd-client-port=%d", ports[3]),
		"--etcd-initial-cluster=dapr-scheduler-server-0=http://"+local(ports[4]),
		"--identity-directory-write="+filepath.Join(identity, "tls"))))
	if err != nil {
		return err
	}
	return s.WaitReady(ctx)
}

// startScheduler starts the scheduler. If it ends before it is ready, its data may be damaged: it gets an empty folder
// then. The reminders in the old one are not lost, because orders-actor's reconciler registers missing ones again.
func (s *Stack) startScheduler(ctx context.Context, data string, p *part) error {
	var starting atomic.Bool
	starting.Store(true)
	var died atomic.Pointer[error]
	p.died = func(err error) {
		if starting.Load() {
			died.Store(&err)
		} else {
			s.fail(err)
		}
	}
	if err := s.launch(p); err != nil {
		return err
	}
	err := p.await(ctx)
	if old, _ := os.ReadDir(data); errors.Is(err, errEnded) && len(old) > 0 {
		aside := data + time.Now().UTC().Format(".damaged-20060102T150405.000")
		if err := os.Rename(data, aside); err != nil {
			return err
		}
		if err := os.Mkdir(data, 0o700); err != nil {
			return err
		}
		cause := *died.Load()
		if err := p.start(); err != nil {
			return err
		}
		if err = p.await(ctx); errors.Is(err, errEnded) { // the data wasn't the cause
			return errors.Join(cause, os.RemoveAll(data), os.Rename(aside, data))
		}
		s.say("Dapr's scheduler couldn't read its data, which is now in %s and may be deleted: "+
			"the reconciler registers missing reminders again, some deliveries come late", aside)
	}
	starting.Store(false)
	switch {
	case errors.Is(err, errEnded):
		return *died.Load()
	case err == nil && !p.running():
		return errEnded
	}
	return err
}

func (s *Stack) choosePorts() error {
	for _, port := range []struct {
		part   string
		number *int
	}{{sentry, &s.o.Ports.Sentry}, {placement, &s.o.Ports.Placement}, {scheduler, &s.o.Ports.Scheduler}} {
		var err error
		if *port.number == 0 {
			*port.number, err = freeport.Get()
		} else {
			err = checkFree(port.part, local(*port.number))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// startSentry starts the certificate authority and returns its root certificate.
func (s *Stack) startSentry(ctx context.Context) (string, error) {
	folder := filepath.Join(s.o.Home, sentry)
	root := filepath.Join(folder, "ca.crt")
	problem := checkAuthority(folder, time.Now())
	first := problem != nil
	if first {
		if !errors.Is(problem, fs.ErrNotExist) {
			s.say("making new certificates for Dapr's sidecars: %v", problem)
		}
		if err := os.RemoveAll(folder); err != nil {
			return "", err
		}
		if err := os.Mkdir(folder, 0o700); err != nil {
			return "", err
		}
	}
	health, err := freeport.Get()
	if err != nil {
		return "", err
	}
	p := s.daprPart(sentry, health, []string{
		"--config=" + filepath.Join(s.o.Root, "dapr", "sentry.yaml"), "--issuer-credentials=" + folder, "--trust-domain=localhost", fmt.Sprintf("--port=%d", s.o.Ports.Sentry),
	})
	if err := s.launch(p); err != nil {
		return "", err
	}
	if err := p.await(ctx); err != nil {
		return "", err
	}
	if first {
		// Sentry watches its folder and restarts itself some seconds after it wrote its own certificates into it, in the
		// middle of what comes next. It is restarted now instead.
		if err := p.stop(); err != nil {
			return "", err
		}
		if err := p.start(); err != nil {
			return "", err
		}
		if err := p.await(ctx); err != nil {
			return "", err
		}
	}
	anchors, err := os.ReadFile(root)
	return string(anchors), err
}

// daprPart is a program of the control plane, which serves its health on a port.
func (s *Stack) daprPart(name string, health int, args []string) *part {
	return &part{
		name: name,
		command: append([]string{
			filepath.Join(s.o.Root, "bin", "dapr", name), "--listen-address=127.0.0.1",
			"--healthz-listen-address=127.0.0.1", fmt.Sprintf("--healthz-port=%d", health), "--enable-metrics=false",
		}, args...),
		env:   append(pairs(inherited()), s.env...),
		ready: answers(fmt.Sprintf("http://%s/healthz", local(health)), http.StatusOK),
		grace: 10 * time.Second,
	}
}

// answers is a readiness check: a GET of url is answered with status.
func answers(url string, status int) func(context.Context) error {
	client := &http.Client{Timeout: 5 * time.Second}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != status {
			return fmt.Errorf("%s answers %s", url, resp.Status)
		}
		return nil
	}
}

func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		var err error
		if ports[i], err = freeport.Get(); err != nil {
			return nil, err
		}
	}
	return ports, nil
}
