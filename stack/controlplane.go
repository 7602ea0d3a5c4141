package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"orders/kit/process"
)

// The parts of the control plane.
const (
	sentry    = "sentry"
	placement = "placement"
	scheduler = "scheduler"
)

// startControlPlane starts sentry, then placement and scheduler, which need a certificate from it, and waits for them.
func (s *Stack) startControlPlane(ctx context.Context) error {
	s.printf("starting Dapr's control plane")
	ports, err := freePorts(9)
	if err != nil {
		return err
	}
	s.ports.sentry, s.ports.placement, s.ports.scheduler = ports[0], ports[1], ports[2]
	anchors, err := s.startSentry(ctx, ports[3])
	if err != nil {
		return err
	}
	s.env = append(s.env, "DAPR_HOST_IP=127.0.0.1", "NAMESPACE=default", "DAPR_TRUST_ANCHORS="+anchors)
	if s.o.Postgres != "" {
		s.env = append(s.env, "STATE_DSN="+s.o.Postgres)
	}
	identity := filepath.Join(s.o.Home, "run", "scheduler") // the scheduler creates a folder beside it at each start
	if err := os.RemoveAll(identity); err != nil {
		return err
	}
	trust := []string{
		"--tls-enabled", "--trust-domain=localhost", "--sentry-address=" + loopback(s.ports.sentry),
		"--trust-anchors-file=" + filepath.Join(s.o.Home, "sentry", "ca.crt"),
	}
	err = s.launch(s.daprPart(placement, ports[4], append(
		trust, fmt.Sprintf("--port=%d", s.ports.placement),
		"--initial-cluster=dapr-placement-0="+loopback(ports[5]))))
	if err != nil {
		return err
	}
	reminders := filepath.Join(s.o.Home, scheduler) // reminders survive restarts
	err = s.startScheduler(ctx, reminders, s.daprPart(scheduler, ports[6], append(
		trust, fmt.Sprintf("--port=%d", s.ports.scheduler),
		"--override-broadcast-host-port="+loopback(s.ports.scheduler),
		"--etcd-data-dir="+reminders,
		fmt.Sprintf("--etcd-client-port=%d", ports[7]),
		"--etcd-initial-cluster=dapr-scheduler-server-0=http://"+loopback(ports[8]),
		"--identity-directory-write="+filepath.Join(identity, "tls"))))
	if err != nil {
		return err
	}
	return s.WaitReady(ctx)
}

// startScheduler starts the scheduler. If it dies before it is ready, its data may be damaged: it is started again with an
// empty folder. Orders whose reminder is lost with it are delivered by the reconciler of orders-actor.
func (s *Stack) startScheduler(ctx context.Context, data string, p *process.Process) error {
	if err := s.launchUnsupervised(p); err != nil {
		return err
	}
	err := p.Await(ctx)
	if old, _ := os.ReadDir(data); errors.Is(err, process.ErrDied) && len(old) > 0 {
		err = s.restartWithoutData(ctx, data, p, err)
	}
	if err != nil {
		return err
	}
	return p.Supervise(s.fail)
}

// restartWithoutData moves the scheduler's data aside and starts it again. If it dies again, the data wasn't the cause: the
// data is put back and cause is returned.
func (s *Stack) restartWithoutData(ctx context.Context, data string, p *process.Process, cause error) error {
	aside := data + time.Now().UTC().Format(".damaged-20060102T150405.000")
	if err := os.Rename(data, aside); err != nil {
		return err
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	err := p.Await(ctx)
	if errors.Is(err, process.ErrDied) {
		return errors.Join(cause, os.RemoveAll(data), os.Rename(aside, data))
	}
	if err == nil {
		s.printf("Dapr's scheduler couldn't read its data. It was moved to %s and may be deleted: "+
			"the reconciler registers missing reminders again, and some deliveries are late", aside)
	}
	return err
}

// startSentry starts the certificate authority and returns its root certificate.
func (s *Stack) startSentry(ctx context.Context, health int) (string, error) {
	folder := filepath.Join(s.o.Home, sentry)
	root := filepath.Join(folder, "ca.crt")
	problem := checkAuthority(folder, time.Now())
	first := problem != nil
	if first {
		if !errors.Is(problem, fs.ErrNotExist) {
			s.printf("replacing the certificates of Dapr's sidecars: %v", problem)
		}
		if err := os.RemoveAll(folder); err != nil {
			return "", err
		}
		if err := os.Mkdir(folder, 0o700); err != nil {
			return "", err
		}
	}
	p := s.daprPart(sentry, health, []string{
		"--config=" + filepath.Join(s.o.Root, "dapr", "sentry.yaml"), "--issuer-credentials=" + folder, "--trust-domain=localhost", fmt.Sprintf("--port=%d", s.ports.sentry),
	})
	if err := s.launch(p); err != nil {
		return "", err
	}
	if err := p.Await(ctx); err != nil {
		return "", err
	}
	if first {
		// Sentry watches its folder and restarts itself seconds after it has written its certificates, which would
		// interrupt the start of the other parts. Restart it now instead.
		if err := errors.Join(p.Stop(), p.Start(), p.Await(ctx)); err != nil {
			return "", err
		}
	}
	anchors, err := os.ReadFile(root)
	return string(anchors), err
}

// daprPart returns the part that runs a program of the control plane, with its health endpoint on a port.
func (s *Stack) daprPart(name string, health int, args []string) *process.Process {
	return &process.Process{
		Name: name,
		Command: append([]string{
			filepath.Join(s.o.Root, "bin", "dapr", name), "--listen-address=127.0.0.1",
			"--healthz-listen-address=127.0.0.1", fmt.Sprintf("--healthz-port=%d", health), "--enable-metrics=false",
		}, args...),
		Env:         append(environ(inheritedEnv()), s.env...),
		URL:         "http://" + loopback(health),
		Ready:       respondsWith(fmt.Sprintf("http://%s/healthz", loopback(health)), http.StatusOK),
		StopTimeout: 10 * time.Second,
	}
}

// respondsWith returns a readiness check: a GET of url must return status.
func respondsWith(url string, status int) func(context.Context) error {
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

func freePorts(n int) (_ []int, err error) {
	ports := make([]int, n)
	for i := range ports {
		if ports[i], err = process.FreePort(); err != nil {
			return nil, err
		}
	}
	return ports, nil
}
