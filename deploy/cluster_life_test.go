//go:build k8s

package deploy_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// waitTimeout limits every wait. It is long because CI machines are slow.
const waitTimeout = 5 * time.Minute

// cluster is the Kubernetes cluster of KUBECONFIG. It must have the images (`make images`).
type cluster struct {
	t         *testing.T
	namespace string
	url       string // of the Service, from outside the cluster
}

// It installs, upgrades, rolls back and uninstalls the chart on a real cluster with Dapr, under load and while pods are killed.
// If NAMESPACE has no Secret postgres, the bundled PostgreSQL runs, with the image POSTGRES_IMAGE. IMPOSTOR_IMAGE is the image of
// stack/cmd/impostor, which deploy/images.sh builds only for the test cluster; without it that step is skipped.
func TestClusterInstallationKeepsOrdersFromInstallToUninstall(t *testing.T) {
	c := &cluster{t: t, namespace: or(os.Getenv("NAMESPACE"), "orders")}
	_, err := c.try(nil, "kubectl", "get", "namespace", c.namespace)
	if err != nil {
		c.kubectl("create", "namespace", c.namespace)
	}
	values := []string{"--set", "service.type=NodePort,ordersActor.exposeDevAuth=true,ordersActor.settings.DELIVER_AFTER=3s,ordersActor.settings.RATE_LIMIT=0"}
	if _, err := c.try(nil, "kubectl", "get", "secret", "postgres", "-n", c.namespace); err != nil {
		values = append(values, "--set", "postgresql.mode=bundled")
		if image := os.Getenv("POSTGRES_IMAGE"); image != "" {
			values = append(values, "--set", "postgresql.bundled.image="+image)
		}
	}
	if registry := os.Getenv("REGISTRY"); registry != "" {
		values = append(values, "--set", "image.registry="+registry)
	}
	if tag := os.Getenv("TAG"); tag != "" {
		values = append(values, "--set", "image.tag="+tag)
	}

	t.Run("the API server accepts every value set", c.acceptsEveryValueSet)

	c.t = t
	t.Cleanup(func() {
		c.t = t
		if t.Failed() {
			c.logState()
		}
		_, _ = c.helm("uninstall", "orders", "--wait", "--timeout", "5m", "--ignore-not-found")
	})
	began := time.Now()
	c.mustHelm(append([]string{"install", "orders", chart, "--wait", "--timeout", "5m"}, values...)...)
	t.Logf("installed, all pods ready: %v", time.Since(began).Round(time.Second))
	c.url = or(os.Getenv("ORDERS_URL"), c.nodeURL())
	keys := c.keys()

	c.step(t, "two pods of each app, each with its sidecar and mTLS", func() {
		for _, app := range []string{"orders-actor", "payments-svc"} {
			pods := c.pods(app)
			require.Len(c.t, pods, 2)
			for _, pod := range pods {
				require.True(c.t, pod.ready(), pod.Metadata.Name)
				require.Contains(c.t, pod.sidecar().Args, "--enable-mtls")
			}
		}
	})
	c.step(t, "idle memory", c.memory)
	c.step(t, "helm test: an order's life", func() { c.mustHelm("test", "orders", "--timeout", "4m") })
	c.step(t, "payments-svc rejects another app", c.rejectsAnotherApp)

	l := newLoad(t, c)
	c.step(t, "pods of each kind are killed under load", func() {
		for _, app := range []string{"orders-actor", "payments-svc", "orders-actor"} {
			before := l.count()
			victim := c.pods(app)[0].Metadata.Name
			c.kubectl("-n", c.namespace, "delete", "pod", victim, "--grace-period=0", "--force", "--wait=false")
			c.eventually("a new pod replaces "+victim, func() error { return c.steady(app, 2, victim) })
			c.eventually("more orders are created", func() error { return l.atLeast(before + 20) })
		}
	})
	c.step(t, "an upgrade under load", func() {
		before := l.count()
		c.mustHelm(slices.Concat([]string{"upgrade", "orders", chart, "--wait", "--timeout", "6m"}, values,
			[]string{"--set", "ordersActor.replicas=3,ordersActor.settings.DELIVER_AFTER=2s,paymentsSvc.settings.PAYMENT_LATENCY=50ms"})...)
		require.Len(c.t, c.running("orders-actor"), 3)
		require.Equal(c.t, "2s", c.setting("orders-actor", "DELIVER_AFTER"))
		require.Equal(c.t, keys, c.keys(), "an upgrade must keep the keys")
		c.eventually("more orders are created", func() error { return l.atLeast(before + 20) })
	})
	c.step(t, "a rollback under load", func() {
		before := l.count()
		c.mustHelm("rollback", "orders", "1", "--wait", "--timeout", "6m")
		require.Len(c.t, c.running("orders-actor"), 2)
		require.Equal(c.t, "3s", c.setting("orders-actor", "DELIVER_AFTER"))
		require.Equal(c.t, keys, c.keys(), "a rollback must keep the keys")
		c.eventually("more orders are created", func() error { return l.atLeast(before + 20) })
	})
	for _, size := range []struct{ name, set string }{
		{"three replicas of each", "ordersActor.replicas=3,paymentsSvc.replicas=3"},
		{"the autoscalers' maximum", "ordersActor.hpa.enabled=true,ordersActor.hpa.minReplicas=4," +
			"paymentsSvc.hpa.enabled=true,paymentsSvc.hpa.minReplicas=4"},
	} {
		c.step(t, "both apps restart under load with "+size.name, func() {
			before := l.count()
			c.mustHelm(slices.Concat([]string{"upgrade", "orders", chart, "--wait", "--timeout", "6m"}, values, []string{"--set", size.set})...)
			for _, app := range []string{"orders-actor", "payments-svc"} {
				c.kubectl("-n", c.namespace, "rollout", "restart", "deployment/"+app)
			}
			for _, app := range []string{"orders-actor", "payments-svc"} {
				c.kubectl("-n", c.namespace, "rollout", "status", "deployment/"+app, "--timeout=6m")
			}
			c.eventually("more orders are created", func() error { return l.atLeast(before + 20) })
			for _, app := range []string{"orders-actor", "payments-svc"} {
				for _, p := range c.running(app) {
					require.Zero(c.t, p.restarts(), "%s: a container has restarted; it may have got no database connection", p.Metadata.Name)
				}
			}
		})
	}
	if image := os.Getenv("IMPOSTOR_IMAGE"); image != "" {
		c.step(t, "an impostor cannot forge acknowledgements", func() { c.withstandsImpostor(image, l) })
	}
	c.step(t, "no acknowledged request is lost", func() { l.check(c.t) })
	c.step(t, "the commands for operators run in the pods", c.operations)
	c.step(t, "an order's trace arrives from both services", func() {
		if r, endpoint, ok := c.tracesOnNode(); ok {
			c.mustHelm(slices.Concat([]string{"upgrade", "orders", chart, "--wait", "--timeout", "6m"}, values, []string{"--set", "tracing.endpoint=" + endpoint})...)
			c.traces(r)
		}
	})
	c.step(t, "the admission policy rejects other Dapr apps and accepts ours", func() {
		c.mustHelm(slices.Concat([]string{"upgrade", "orders", chart, "--wait", "--timeout", "6m"}, values, []string{
			"--set", "admissionPolicy.enabled=true,admissionPolicy.sidecarImages={localhost/dapr/daprd:,docker.io/daprio/daprd:,ghcr.io/dapr/daprd:}",
		})...)
		c.eventually("the policy is in force", func() error {
			out, err := c.try([]byte(c.otherApp("refused", "127.0.0.1")), "kubectl", "-n", c.namespace, "apply", "--dry-run=server", "-f", "-")
			if err == nil || !strings.Contains(out, "only orders-actor and payments-svc may use Dapr") {
				return fmt.Errorf("other-app: %s", out)
			}
			return nil
		})
		c.kubectl("-n", c.namespace, "rollout", "restart", "deployment/payments-svc")
		c.kubectl("-n", c.namespace, "rollout", "status", "deployment/payments-svc", "--timeout=6m")
	})
	c.step(t, "an uninstall removes everything", func() {
		c.mustHelm("uninstall", "orders", "--wait", "--timeout", "5m")
		c.eventually("no object is left", c.nothingLeft)
	})
}
