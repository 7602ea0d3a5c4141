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
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"orders/deploy/client"
)

// patience bounds every wait; a shared machine is slow.
const patience = 5 * time.Minute

// cluster is the one that KUBECONFIG points at. The images are there already (`make images`).
type cluster struct {
	t         *testing.T
	namespace string
	url       string // of the Service, from outside the cluster
}

// The life of an installation, on a real cluster that has Dapr: from install to uninstall, with everything that must hold
// between. NAMESPACE may hold the Secret postgres; without it the bundled PostgreSQL runs, of the image POSTGRES_IMAGE.
// IMPOSTOR_IMAGE is that of stack/cmd/impostor, which deploy/images.sh makes for the test cluster only.
func TestClusterLifeOfAnInstallation(t *testing.T) {
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

	t.Run("the API server takes every value set", c.takesEveryValueSet)

	c.t = t
	t.Cleanup(func() {
		c.t = t
		if t.Failed() {
			c.explain()
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
	c.step(t, "payments-svc refuses a third app", c.refusesAThirdApp)

	l := newLoad(t, c)
	c.step(t, "pods of each kind are killed under load", func() {
		for _, app := range []string{"orders-actor", "payments-svc", "orders-actor"} {
			before := l.made()
			victim := c.pods(app)[0].Metadata.Name
			c.kubectl("-n", c.namespace, "delete", "pod", victim, "--grace-period=0", "--force", "--wait=false")
			c.eventually("the place of "+victim+" is taken", func() error { return c.steady(app, 2, victim) })
			c.eventually("the load goes on", func() error { return l.atLeast(before + 20) })
		}
	})
	c.step(t, "an upgrade under load", func() {
		before := l.made()
		c.mustHelm(slices.Concat([]string{"upgrade", "orders", chart, "--wait", "--timeout", "6m"}, values,
			[]string{"--set", "ordersActor.replicas=3,ordersActor.settings.DELIVER_AFTER=2s,paymentsSvc.settings.PAYMENT_LATENCY=50ms"})...)
		require.Len(c.t, c.running("orders-actor"), 3)
		require.Equal(c.t, "2s", c.setting("orders-actor", "DELIVER_AFTER"))
		require.Equal(c.t, keys, c.keys(), "an upgrade changed the keys")
		c.eventually("the load goes on", func() error { return l.atLeast(before + 20) })
	})
	c.step(t, "a rollback under load", func() {
		before := l.made()
		c.mustHelm("rollback", "orders", "1", "--wait", "--timeout", "6m")
		require.Len(c.t, c.running("orders-actor"), 2)
		require.Equal(c.t, "3s", c.setting("orders-actor", "DELIVER_AFTER"))
		require.Equal(c.t, keys, c.keys(), "a rollback changed the keys")
		c.eventually("the load goes on", func() error { return l.atLeast(before + 20) })
	})
	for _, size := range []struct{ name, set string }{
		{"three replicas of each", "ordersActor.replicas=3,paymentsSvc.replicas=3"},
		{"the autoscalers' maximum", "ordersActor.hpa.enabled=true,ordersActor.hpa.minReplicas=4," +
			"paymentsSvc.hpa.enabled=true,paymentsSvc.hpa.minReplicas=4"},
	} {
		c.step(t, "both apps restart under load with "+size.name, func() {
			before := l.made()
			c.mustHelm(slices.Concat([]string{"upgrade", "orders", chart, "--wait", "--timeout", "6m"}, values, []string{"--set", size.set})...)
			for _, app := range []string{"orders-actor", "payments-svc"} {
				c.kubectl("-n", c.namespace, "rollout", "restart", "deployment/"+app)
			}
			for _, app := range []string{"orders-actor", "payments-svc"} {
				c.kubectl("-n", c.namespace, "rollout", "status", "deployment/"+app, "--timeout=6m")
			}
			c.eventually("the load goes on", func() error { return l.atLeast(before + 20) })
			for _, app := range []string{"orders-actor", "payments-svc"} {
				for _, p := range c.running(app) {
					require.Zero(c.t, p.restarts(), "%s: a container ended, as one does that gets no database connection", p.Metadata.Name)
				}
			}
		})
	}
	if image := os.Getenv("IMPOSTOR_IMAGE"); image != "" {
		c.step(t, "an app that hosts orders forges no acknowledgement", func() { c.survivesAnImpostor(image, l) })
	}
	c.step(t, "nothing is lost", func() { l.check(c.t) })
	c.step(t, "the admission policy refuses other Dapr apps and lets ours restart", func() {
		c.mustHelm(slices.Concat([]string{"upgrade", "orders", chart, "--wait", "--timeout", "6m"}, values, []string{
			"--set", "admissionPolicy.enabled=true,admissionPolicy.sidecarImages={localhost/dapr/daprd:,docker.io/daprio/daprd:,ghcr.io/dapr/daprd:}",
		})...)
		c.eventually("the policy is in force", func() error {
			out, err := c.try([]byte(c.thirdApp("refused", "127.0.0.1")), "kubectl", "-n", c.namespace, "apply", "--dry-run=server", "-f", "-")
			if err == nil || !strings.Contains(out, "only orders-actor and payments-svc may use Dapr") {
				return fmt.Errorf("third-app: %s", out)
			}
			return nil
		})
		c.kubectl("-n", c.namespace, "rollout", "restart", "deployment/payments-svc")
		c.kubectl("-n", c.namespace, "rollout", "status", "deployment/payments-svc", "--timeout=6m")
	})
	c.step(t, "uninstalling leaves nothing", func() {
		c.mustHelm("uninstall", "orders", "--wait", "--timeout", "5m")
		c.eventually("all is gone", c.nothingLeft)
	})
}

// takesEveryValueSet asks the API server itself whether it knows every field that we write.
func (c *cluster) takesEveryValueSet(t *testing.T) {
	for _, file := range valueSets(t) {
		// The kinds of operators that a bare cluster doesn't have.
		out, err := template("--namespace", c.namespace, "--values", file, "--no-hooks",
			"--set", "gateway.enabled=false,monitoring.serviceMonitor.enabled=false")
		require.NoError(t, err, out)
		out, err = c.try([]byte(out), "kubectl", "-n", c.namespace, "apply", "--dry-run=server", "--validate=strict", "-f", "-")
		require.NoError(t, err, "%s: %s", file, out)
	}
}

// refusesAThirdApp runs a pod that Dapr knows under another name, and lets it try.
func (c *cluster) refusesAThirdApp() {
	target := c.running("payments-svc")[0]
	manifest := c.thirdApp("refused", target.Status.PodIP)
	_, _ = c.try(nil, "kubectl", "-n", c.namespace, "delete", "pod", "third-app", "--ignore-not-found")
	out, err := c.try([]byte(manifest), "kubectl", "-n", c.namespace, "apply", "-f", "-")
	require.NoError(c.t, err, out)
	c.eventually("the third app has tried", func() error {
		phase := c.kubectl("-n", c.namespace, "get", "pod", "third-app", "-o", "jsonpath={.status.phase}")
		if phase != "Succeeded" && phase != "Failed" {
			return fmt.Errorf("it is %s", phase)
		}
		return nil
	})
	log := c.kubectl("-n", c.namespace, "logs", "third-app", "-c", "check")
	c.t.Log(log)
	phase := c.kubectl("-n", c.namespace, "get", "pod", "third-app", "-o", "jsonpath={.status.phase}")
	require.Equal(c.t, "Succeeded", phase, log)
	c.kubectl("-n", c.namespace, "delete", "pod", "third-app")
}

// survivesAnImpostor lets another app host a share of the orders, under load. What reaches it is repeated until it is gone;
// each acknowledgement meanwhile must have been true.
func (c *cluster) survivesAnImpostor(image string, l *load) {
	out, err := c.try([]byte(fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata:
  name: third-app-impostor
  annotations:
    dapr.io/enabled: "true"
    dapr.io/app-id: impostor
    dapr.io/enable-native-sidecar: "true"
spec:
  containers:
    - { name: impostor, image: "%s", imagePullPolicy: IfNotPresent }
`, image)), "kubectl", "-n", c.namespace, "apply", "-f", "-")
	require.NoError(c.t, err, out)
	heard := func(method string) int {
		log, err := c.try(nil, "kubectl", "-n", c.namespace, "logs", "third-app-impostor", "-c", "impostor")
		if err != nil {
			return 0
		}
		return strings.Count(log, "method="+method)
	}

	// Orders of a user of their own: those that are given up may have been made, and check counts the others'.
	var mu sync.Mutex
	var acknowledged []made
	user, err := client.Login(c.t.Context(), c.url, "impostor-"+strconv.FormatInt(time.Now().Unix(), 36), "customer")
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
		acknowledged = append(acknowledged, made{id: o.ID, cancelled: err == nil})
	}
	c.eventually("both hosts were given orders", func() error {
		var tries sync.WaitGroup
		for range 20 {
			tries.Go(try)
		}
		tries.Wait()
		if n := heard("create"); n < 10 || len(acknowledged) < 10 {
			return fmt.Errorf("%d creates reached the impostor, %d were acknowledged", n, len(acknowledged))
		}
		return nil
	})
	c.t.Logf("the impostor answered %d creates and %d cancels, %d creates were acknowledged", heard("create"), heard("cancel"), len(acknowledged))

	before := l.made()
	c.kubectl("-n", c.namespace, "delete", "pod", "third-app-impostor", "--wait")
	c.eventually("the load goes on", func() error { return l.atLeast(before + 20) })
	for _, m := range acknowledged {
		o, err := user.Final(c.t.Context(), m.id)
		require.NoError(c.t, err, "an acknowledged create")
		if m.cancelled {
			require.Equal(c.t, "cancelled", o.Status, "%s: its cancel was acknowledged", m.id)
		}
	}
}

// thirdApp is a pod that Dapr knows under another name, and that runs one of our checks.
func (c *cluster) thirdApp(check, argument string) string {
	image := c.kubectl("-n", c.namespace, "get", "deployment", "payments-svc", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
	image = strings.Replace(image, "/payments-svc:", "/orders-check:", 1)
	return fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata:
  name: third-app
  annotations:
    dapr.io/enabled: "true"
    dapr.io/app-id: third-app
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

// memory reports what the four pods take while nobody uses them, as the kubelet measures it.
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
	c.eventually("the kubelets have measured", func() error {
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
	c.t.Logf("the four pods, idle: %.1f MiB", mib(total))
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// nothingLeft looks for what the release, or Dapr for its sake, has made.
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
		for _, ours := range []string{"orders", "payments", "ledger", "statestore", "/secrets", "third-app"} {
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

// load is customers who create orders, and cancel some, until they are stopped.
type load struct {
	user   *client.Client
	stop   context.CancelFunc
	work   sync.WaitGroup
	mu     sync.Mutex
	orders []made
	failed []error
}

type made struct {
	id, key   string
	cancelled bool
}

const customers = 4

func newLoad(t *testing.T, c *cluster) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{stop: stop}
	c.eventually("a token", func() (err error) {
		l.user, err = client.Login(ctx, c.url, "load-"+strconv.FormatInt(time.Now().Unix(), 36), "customer")
		return err
	})
	for i := range customers {
		l.work.Go(func() { l.customer(ctx, i) })
	}
	t.Cleanup(func() {
		stop()
		l.work.Wait()
	})
	return l
}

// customer begins no new order when the load stops, but finishes what it is doing: all that it asked for is acknowledged.
func (l *load) customer(ctx context.Context, number int) {
	for i := 0; ctx.Err() == nil; i++ {
		if err := l.order(fmt.Sprintf("%d-%d", number, i), i%5 == 0); err != nil {
			l.mu.Lock()
			l.failed = append(l.failed, err)
			l.mu.Unlock()
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (l *load) order(key string, cancel bool) error {
	ctx, end := context.WithTimeout(context.Background(), patience)
	defer end()
	o, err := l.user.Create(ctx, key)
	if err != nil {
		return fmt.Errorf("create %s: %w", key, err)
	}
	if cancel {
		if _, err := l.user.Cancel(ctx, o.ID); err != nil {
			return fmt.Errorf("cancel %s: %w", o.ID, err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.orders = append(l.orders, made{id: o.ID, key: key, cancelled: cancel})
	return nil
}

func (l *load) made() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.orders)
}

func (l *load) atLeast(n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failed) > 0 {
		return fmt.Errorf("a customer gave up: %w", l.failed[0])
	}
	if len(l.orders) < n {
		return fmt.Errorf("%d orders of %d", len(l.orders), n)
	}
	return nil
}

// check stops the load and compares what was acknowledged with what there is.
func (l *load) check(t *testing.T) {
	l.stop()
	l.work.Wait()
	require.Empty(t, l.failed)
	ctx, end := context.WithTimeout(context.Background(), patience)
	defer end()
	ends := map[string]int{}
	for _, m := range l.orders {
		o, err := l.user.Final(ctx, m.id)
		require.NoError(t, err)
		ends[o.Status]++
		if m.cancelled {
			require.Equal(t, "cancelled", o.Status, "%s: its cancel was acknowledged", m.id)
		} else if o.Status == "cancelled" {
			require.Equal(t, "declined", o.Payment.Status, "%s: nobody cancelled it", m.id)
		}
		require.Len(t, o.History, o.Version, m.id)
		for i, entry := range o.History {
			require.Equal(t, i+1, entry.Version, "%s: a gap", m.id)
		}
		again, err := l.user.Create(ctx, m.key)
		require.NoError(t, err)
		require.Equal(t, m.id, again.ID, "one key made two orders")
	}
	counted, err := l.user.Count(ctx)
	require.NoError(t, err)
	require.Equal(t, len(l.orders), counted, "the list shows more or fewer orders than were acknowledged")
	t.Logf("%d orders, all as acknowledged: %v", len(l.orders), ends)
}

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

// running are the pods that nobody has told to end.
func (c *cluster) running(app string) []pod {
	return slices.DeleteFunc(c.pods(app), func(p pod) bool { return p.Metadata.DeletionTimestamp != "" })
}

// steady says whether n pods are ready and the victim isn't among them.
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

// step is a part of the life; the next one makes sense only if it went well.
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
	deadline := time.Now().Add(patience)
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

// explain says what is known when a test has failed.
func (c *cluster) explain() {
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
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
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
