//go:build k8s

package deploy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/deploy/retryclient"
)

// acceptsEveryValueSet validates the rendered charts with the API server, which rejects unknown fields.
func (c *cluster) acceptsEveryValueSet(t *testing.T) {
	for _, file := range valueSets(t) {
		// Without the kinds of operators that the cluster may not have.
		out, err := template("--namespace", c.namespace, "--values", file, "--no-hooks",
			"--set", "gateway.enabled=false,monitoring.serviceMonitor.enabled=false,monitoring.rules.enabled=false")
		require.NoError(t, err, out)
		out, err = c.try([]byte(out), "kubectl", "-n", c.namespace, "apply", "--dry-run=server", "--validate=strict", "-f", "-")
		require.NoError(t, err, "%s: %s", file, out)
	}
}

// rejectsAnotherApp runs `check refused` in a pod with another Dapr app id.
func (c *cluster) rejectsAnotherApp() {
	target := c.running("payments-svc")[0]
	manifest := c.otherApp("refused", target.Status.PodIP)
	_, _ = c.try(nil, "kubectl", "-n", c.namespace, "delete", "pod", "other-app", "--ignore-not-found")
	out, err := c.try([]byte(manifest), "kubectl", "-n", c.namespace, "apply", "-f", "-")
	require.NoError(c.t, err, out)
	c.eventually("the other app has finished", func() error {
		phase := c.kubectl("-n", c.namespace, "get", "pod", "other-app", "-o", "jsonpath={.status.phase}")
		if phase != "Succeeded" && phase != "Failed" {
			return fmt.Errorf("its phase is %s", phase)
		}
		return nil
	})
	log := c.kubectl("-n", c.namespace, "logs", "other-app", "-c", "check")
	c.t.Log(log)
	phase := c.kubectl("-n", c.namespace, "get", "pod", "other-app", "-o", "jsonpath={.status.phase}")
	require.Equal(c.t, "Succeeded", phase, log)
	c.kubectl("-n", c.namespace, "delete", "pod", "other-app")
}

// withstandsImpostor lets another app host a share of the orders under load. Clients retry the commands that reach it until it is
// removed. Every acknowledgement in the meantime must be genuine.
func (c *cluster) withstandsImpostor(image string, l *load) {
	out, err := c.try([]byte(fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata:
  name: other-app-impostor
  annotations:
    dapr.io/enabled: "true"
    dapr.io/app-id: impostor
    dapr.io/enable-native-sidecar: "true"
spec:
  containers:
    - { name: impostor, image: "%s", imagePullPolicy: IfNotPresent }
`, image)), "kubectl", "-n", c.namespace, "apply", "-f", "-")
	require.NoError(c.t, err, out)
	received := func(method string) int {
		log, err := c.try(nil, "kubectl", "-n", c.namespace, "logs", "other-app-impostor", "-c", "impostor")
		if err != nil {
			return 0
		}
		return strings.Count(log, "method="+method)
	}

	// A separate user: some of these creates have an unknown outcome, and load.check counts the orders of its own user.
	var mu sync.Mutex
	var acknowledged []created
	user, err := retryclient.Login(c.t.Context(), c.url, "impostor-"+strconv.FormatInt(time.Now().Unix(), 36))
	require.NoError(c.t, err)
	try := func() {
		ctx, end := context.WithTimeout(c.t.Context(), 10*time.Second)
		defer end()
		o, err := user.Create(ctx, "")
		if err != nil {
			return
		}
		_, err = user.Cancel(ctx, o.ID)
		mu.Lock()
		defer mu.Unlock()
		acknowledged = append(acknowledged, created{id: o.ID, cancelled: err == nil})
	}
	c.eventually("both hosts have received orders", func() error {
		var tries sync.WaitGroup
		for range 20 {
			tries.Go(try)
		}
		tries.Wait()
		if n := received("create"); n < 10 || len(acknowledged) < 10 {
			return fmt.Errorf("%d creates reached the impostor, %d were acknowledged", n, len(acknowledged))
		}
		return nil
	})
	c.t.Logf("the impostor received %d creates and %d cancels; %d creates were acknowledged", received("create"), received("cancel"), len(acknowledged))

	before := l.count()
	c.kubectl("-n", c.namespace, "delete", "pod", "other-app-impostor", "--wait")
	c.eventually("more orders are created", func() error { return l.atLeast(before + 20) })
	for _, m := range acknowledged {
		o, err := user.Final(c.t.Context(), m.id)
		require.NoError(c.t, err, "an acknowledged create")
		if m.cancelled {
			require.Equal(c.t, api.StatusCancelled, o.Status, "%s: its cancel was acknowledged", m.id)
		}
	}
}

// otherApp returns a pod with another Dapr app id that runs one of our checks.
func (c *cluster) otherApp(check, argument string) string {
	image := c.kubectl("-n", c.namespace, "get", "deployment", "payments-svc", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
	image = strings.Replace(image, "/payments-svc:", "/orders-check:", 1)
	return fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata:
  name: other-app
  annotations:
    dapr.io/enabled: "true"
    dapr.io/app-id: other-app
    dapr.io/enable-native-sidecar: "true"
spec:
  restartPolicy: Never
  containers:
    - name: check
      image: %s
      imagePullPolicy: IfNotPresent
      args: [%s, -timeout=2m, "%s"]
`, image, check, argument)
}

// memory logs the memory of the four idle pods, as measured by the kubelet.
func (c *cluster) memory() {
	type usage struct {
		WorkingSetBytes int64 `json:"workingSetBytes"`
	}
	var summary struct {
		Pods []struct {
			PodRef     struct{ Name, Namespace string }
			Containers []struct {
				Name   string
				Memory usage
			}
		}
	}
	nodes := strings.Fields(c.kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"))
	total, containers := int64(0), 0
	c.eventually("memory statistics of all pods", func() error {
		total, containers = 0, 0
		for _, node := range nodes {
			out, err := c.try(nil, "kubectl", "get", "--raw", "/api/v1/nodes/"+node+"/proxy/stats/summary")
			if err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(out), &summary); err != nil {
				return err
			}
			for _, pod := range summary.Pods {
				if pod.PodRef.Namespace != c.namespace || !strings.HasPrefix(pod.PodRef.Name, "orders-actor-") &&
					!strings.HasPrefix(pod.PodRef.Name, "payments-svc-") {
					continue
				}
				for _, container := range pod.Containers {
					if container.Memory.WorkingSetBytes > 0 {
						c.t.Logf("%-32s %-14s %6.1f MiB", pod.PodRef.Name, container.Name, mib(container.Memory.WorkingSetBytes))
						containers++
					}
					total += container.Memory.WorkingSetBytes
				}
			}
		}
		if containers < 8 {
			return fmt.Errorf("%d containers of 8", containers)
		}
		return nil
	})
	c.t.Logf("all four pods, idle: %.1f MiB", mib(total))
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// nothingLeft looks for objects that the release, or Dapr on its behalf, has created.
func (c *cluster) nothingLeft() error {
	const kinds = "deployments,replicasets,statefulsets,pods,services,configmaps,secrets,serviceaccounts,roles,rolebindings," +
		"persistentvolumeclaims,networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,ingresses," +
		"components.dapr.io,configurations.dapr.io,resiliencies.dapr.io,validatingadmissionpolicies"
	out, err := c.try(nil, "kubectl", "-n", c.namespace, "get", kinds, "-o", "name")
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	var left []string
	for name := range strings.FieldsSeq(out) {
		for _, ours := range []string{"orders", "payments", "ledger", "statestore", "/secrets", "other-app"} {
			if strings.Contains(name, ours) {
				left = append(left, name)
				break
			}
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("left: %s", strings.Join(left, " "))
	}
	return nil
}
