//go:build k8s

package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type pod struct {
	Metadata struct {
		Name              string
		DeletionTimestamp string
	}
	Spec struct {
		Containers, InitContainers []container
	}
	Status struct {
		PodIP      string
		Conditions []struct{ Type, Status string }

		ContainerStatuses, InitContainerStatuses []struct{ RestartCount int }
	}
}

type container struct {
	Name string
	Args []string
}

func (p pod) ready() bool {
	for _, condition := range p.Status.Conditions {
		if condition.Type == "Ready" {
			return condition.Status == "True"
		}
	}
	return false
}

func (p pod) restarts() int {
	sum := 0
	for _, container := range slices.Concat(p.Status.ContainerStatuses, p.Status.InitContainerStatuses) {
		sum += container.RestartCount
	}
	return sum
}

func (p pod) sidecar() container {
	for _, container := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		if container.Name == "daprd" {
			return container
		}
	}
	return container{}
}

func (c *cluster) pods(app string) []pod {
	var list struct{ Items []pod }
	out := c.kubectl("-n", c.namespace, "get", "pods", "-l", "app.kubernetes.io/name="+app, "-o", "json")
	require.NoError(c.t, json.Unmarshal([]byte(out), &list))
	return list.Items
}

// running returns the pods that are not being deleted.
func (c *cluster) running(app string) []pod {
	return slices.DeleteFunc(c.pods(app), func(p pod) bool { return p.Metadata.DeletionTimestamp != "" })
}

// steady returns an error unless n pods are ready, without counting the victim.
func (c *cluster) steady(app string, n int, victim string) error {
	ready := 0
	for _, p := range c.running(app) {
		if p.ready() && p.Metadata.Name != victim {
			ready++
		}
	}
	if ready != n {
		return fmt.Errorf("%d pods of %s are ready", ready, app)
	}
	return nil
}

func (c *cluster) setting(app, name string) string {
	return c.kubectl("-n", c.namespace, "get", "configmap", app, "-o", "jsonpath={.data."+name+"}")
}

func (c *cluster) keys() map[string]string {
	keys := map[string]string{}
	for _, secret := range []string{"orders-actor", "payments-svc", "payments-svc-app-token"} {
		keys[secret] = c.kubectl("-n", c.namespace, "get", "secret", secret, "-o", "jsonpath={.data}")
		require.NotEmpty(c.t, keys[secret])
	}
	return keys
}

func (c *cluster) nodeURL() string {
	address := c.kubectl("get", "nodes", "-o", `jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`)
	port := c.kubectl("-n", c.namespace, "get", "service", "orders-actor", "-o", "jsonpath={.spec.ports[0].nodePort}")
	return "http://" + address + ":" + port
}

// step runs a subtest. If it fails the test ends, because the next steps depend on it.
func (c *cluster) step(t *testing.T, name string, do func()) {
	began := time.Now()
	ok := t.Run(name, func(t *testing.T) {
		c.t = t
		do()
		t.Logf("took %v", time.Since(began).Round(100*time.Millisecond))
	})
	c.t = t
	if !ok {
		t.FailNow()
	}
}

func (c *cluster) eventually(what string, check func() error) {
	c.t.Helper()
	deadline := time.Now().Add(waitTimeout)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			require.NoError(c.t, err, what)
		}
		<-time.After(500 * time.Millisecond)
	}
}

// logState logs the state of the cluster after a failure.
func (c *cluster) logState() {
	for _, args := range [][]string{
		{"get", "pods", "-o", "wide"},
		{"get", "events", "--sort-by=.lastTimestamp"},
		{"logs", "-l", "app.kubernetes.io/part-of=orders", "--all-containers", "--tail=25", "--prefix"},
	} {
		out, _ := c.try(nil, "kubectl", append([]string{"-n", c.namespace}, args...)...)
		c.t.Log(out)
	}
}

func (c *cluster) kubectl(args ...string) string {
	c.t.Helper()
	out, err := c.try(nil, "kubectl", args...)
	require.NoError(c.t, err, "kubectl %s: %s", strings.Join(args, " "), out)
	return strings.TrimSpace(out)
}

func (c *cluster) mustHelm(args ...string) {
	c.t.Helper()
	out, err := c.helm(args...)
	require.NoError(c.t, err, out)
}

func (c *cluster) helm(args ...string) (string, error) {
	program, err := filepath.Abs("../bin/helm")
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(program); err != nil {
		program = "helm"
	}
	return c.try(nil, program, append([]string{"--namespace", c.namespace}, args...)...)
}

func (c *cluster) try(input []byte, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*waitTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var out, problems bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String() + problems.String(), err
	}
	return out.String(), nil
}

func or(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}
