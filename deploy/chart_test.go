// Package deploy tests the Helm chart, the Dockerfiles and docker-compose.yml. With the build tag k8s it also installs,
// upgrades and uninstalls the chart on a real cluster.
package deploy_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "update testdata/default.golden.yaml and the table in helm/README.md")

const chart = "../helm"

func helm(args ...string) (string, error) {
	program, err := filepath.Abs("../bin/helm")
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(program); err != nil {
		if program, err = exec.LookPath("helm"); err != nil {
			return "", fmt.Errorf("helm is missing; `make bin/helm` builds it: %w", err)
		}
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG=/dev/null") // no cluster
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func template(args ...string) (string, error) {
	return helm(append([]string{"template", "orders", chart, "--namespace", "shop"}, args...)...)
}

// valueSets returns the values files in testdata: typical installations.
func valueSets(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.values.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func TestChartPassesStrictLint(t *testing.T) {
	for _, file := range valueSets(t) {
		out, err := helm("lint", "--strict", chart, "--values", file)
		require.NoError(t, err, out)
		require.NotContains(t, out, "Fail")
	}
}

// No flags replace the information that a cluster would give.
func TestChartRendersWithoutCluster(t *testing.T) {
	out, err := helm("template", "orders", chart)
	require.NoError(t, err, out)
	require.Contains(t, out, "kind: Deployment")
}

var random = regexp.MustCompile(`(?m)^(  (?:obo-key|command-seal-key|dev-token-key|token|(?:orders-|ledger-)?password): )\S+$|(//orders_(?:app|ledger):)[^@]+@`)

// The golden file shows what an installation with default values consists of. Tests of single values check properties.
func TestChartWithDefaultValuesMatchesGoldenFile(t *testing.T) {
	const golden = "testdata/default.golden.yaml"
	out, err := template()
	require.NoError(t, err, out)
	got := random.ReplaceAllString(out, "${1}${2}RANDOM@")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "the rendered chart has changed; review the difference, then run with -update")
}

func TestChartGeneratesDistinctKeys(t *testing.T) {
	found := map[string]map[string]any{}
	for _, o := range objects(t) {
		if o["kind"] == "Secret" {
			found[nested(o, "metadata", "name").(string)] = o["data"].(map[string]any)
		}
	}
	require.Equal(t, found["orders-actor"]["obo-key"], found["payments-svc"]["obo-key"])
	require.NotEqual(t, found["orders-actor"]["obo-key"], found["orders-actor"]["command-seal-key"])
	require.NotEqual(t, found["orders-actor"]["dev-token-key"], found["orders-actor"]["command-seal-key"])
	require.NotEmpty(t, found["payments-svc-app-token"]["token"])
}

// Every pod of the chart meets the Pod Security profile "restricted".
func TestChartPodsMeetRestrictedProfile(t *testing.T) {
	pods := 0
	for _, o := range objects(t, "--set", "postgresql.mode=bundled") {
		spec, ok := nested(o, "spec", "template", "spec").(map[string]any)
		if o["kind"] == "Pod" {
			spec, ok = o["spec"].(map[string]any), true
		}
		if !ok {
			continue
		}
		pods++
		require.Equal(t, false, spec["automountServiceAccountToken"])
		require.Equal(t, true, nested(spec, "securityContext", "runAsNonRoot"))
		require.Equal(t, "RuntimeDefault", nested(spec, "securityContext", "seccompProfile", "type"))
		for _, c := range spec["containers"].([]any) {
			security := c.(map[string]any)["securityContext"].(map[string]any)
			require.Equal(t, false, security["allowPrivilegeEscalation"])
			require.Equal(t, true, security["readOnlyRootFilesystem"])
			require.Equal(t, []any{"ALL"}, nested(security, "capabilities", "drop"))
		}
	}
	require.Equal(t, 4, pods)
}

func TestChartRejectsInvalidValues(t *testing.T) {
	for name, test := range map[string]struct {
		set, want string
	}{
		"an unknown value":               {"ordersActor.replica=3", "replica"},
		"no replicas":                    {"ordersActor.replicas=0", "replicas"},
		"a duration without unit":        {"ordersActor.settings.DELIVER_AFTER=10x", "DELIVER_AFTER"},
		"a rate above 1":                 {"paymentsSvc.settings.PAYMENT_CONFIRM_RATE=1.5", "PAYMENT_CONFIRM_RATE"},
		"an unknown authentication mode": {"ordersActor.settings.AUTH_MODE=none", "AUTH_MODE"},
		"oidc without an issuer":         {"ordersActor.settings.AUTH_MODE=oidc", "OIDC_ISSUER"},
		"an unknown setting":             {"ordersActor.settings.COLOUR=red", "COLOUR"},
		"an unknown database mode":       {"postgresql.mode=sqlite", "mode"},
		"an ingress without hosts":       {"ingress.enabled=true", "hosts"},
		"a route without a gateway":      {"gateway.enabled=true", "parentRefs"},
		"half of the existing secrets":   {"secrets.existing.ordersActor=mine", "obo-key"},

		"dev sign-in behind an ingress":            {"ingress.enabled=true,ingress.hosts={a.example}", "ordersActor.exposeDevAuth"},
		"dev sign-in behind a gateway":             {"gateway.enabled=true,gateway.parentRefs[0].name=a", "gateway.enabled opens"},
		"dev sign-in on a LoadBalancer":            {"service.type=LoadBalancer", "service.type=LoadBalancer opens"},
		"dev sign-in by default on a NodePort":     {"service.type=NodePort,ordersActor.settings.AUTH_MODE=null", "exposeDevAuth"},
		"a delivery after more than a year":        {"ordersActor.settings.DELIVER_AFTER=99999h", "from 0s to 8760h"},
		"a payment timeout of milliseconds":        {"ordersActor.settings.PAYMENT_TIMEOUT=99ms", "from 100ms to 1m"},
		"hpa.minReplicas above hpa.maxReplicas":    {"ordersActor.hpa.enabled=true,ordersActor.hpa.minReplicas=5", "exceeds maxReplicas 4"},
		"an autoscaler without a CPU request":      {"paymentsSvc.hpa.enabled=true,paymentsSvc.resources.requests.cpu=null", "requests.cpu"},
		"a memory request above its limit":         {"ordersActor.resources.requests.memory=1Gi", "the memory request 1Gi exceeds the limit 512Mi"},
		"a sidecar's CPU request over its limit":   {"dapr.resources.limits.cpu=50m", "dapr.resources: the cpu request 100m exceeds"},
		"a database's request above its limit":     {"postgresql.bundled.resources.requests.memory=513Mi", "postgresql.bundled.resources"},
		"a quantity with an unknown unit":          {"ordersActor.resources.limits.memory=1TB", "memory"},
		"a tag that no registry accepts":           {"image.tag=-latest", "tag"},
		"a digest that isn't one":                  {"image.digests.ordersActor=sha256:12", "digests"},
		"an annotation that renames the app":       {"ordersActor.podAnnotations.dapr\\.io/app-id=other", "dapr.io"},
		"a label that the chart selects by":        {"commonLabels.app\\.kubernetes\\.io/name=other", "app.kubernetes.io/name"},
		"a node port for a ClusterIP Service":      {"service.nodePort=30080", "nodePort"},
		"a seed beyond the exact integers of JSON": {"paymentsSvc.settings.PAYMENT_SEED=9007199254740993", "PAYMENT_SEED"},
		"an environment variable without a name":   {"ordersActor.extraEnv[0].value=x", "name"},
		"two sources of certificate authorities":   {"customCA.secret=a,customCA.configMap=b", "not both"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := template("--set", test.set)
			require.Error(t, err, "the chart must reject this")
			require.Contains(t, out, test.want)
		})
	}
}

// The table in helm/README.md lists every value with its default. With -update it is rewritten.
func TestChartReadmeListsEveryValue(t *testing.T) {
	var table bytes.Buffer
	table.WriteString("| value | default | |\n| --- | --- | --- |\n")
	content, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	require.NoError(t, err)
	comments := comments(string(content))
	rows(&table, comments, "", chartValues(t))

	file := filepath.Join(chart, "README.md")
	readme, err := os.ReadFile(file)
	require.NoError(t, err)
	before, after, ok := strings.Cut(string(readme), "<!-- values -->\n")
	require.True(t, ok)
	want := before + "<!-- values -->\n" + table.String()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o600))
		after = table.String()
	}
	require.Equal(t, table.String(), after, "the table in helm/README.md differs from values.yaml; run with -update")
}

func rows(table *bytes.Buffer, comments map[string]string, prefix string, values map[string]any) {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		path := prefix + name
		if group, ok := values[name].(map[string]any); ok && len(group) > 0 && !strings.HasSuffix(path, "resources") {
			rows(table, comments, path+".", group)
			continue
		}
		value, _ := yaml.Marshal(values[name])
		text := strings.TrimSpace(string(value))
		if group, ok := values[name].(map[string]any); ok && len(group) > 0 {
			text = strings.Join(strings.Fields(strings.ReplaceAll(text, "\n", " ")), " ")
		}
		fmt.Fprintf(table, "| `%s` | `%s` | %s |\n", path, text, strings.ReplaceAll(comments[path], "|", `\|`))
	}
}

// comments returns the comment after each value in values.yaml, by the value's path.
func comments(content string) map[string]string {
	found := map[string]string{}
	var path []string
	line := regexp.MustCompile(`^( *)([A-Za-z_]+):([^#]*)(?:# (.*))?$`)
	for text := range strings.SplitSeq(content, "\n") {
		m := line.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		path = append(path[:len(m[1])/2], m[2])
		found[strings.Join(path, ".")] = m[4]
	}
	return found
}

func chartValues(t *testing.T) map[string]any {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	require.NoError(t, err)
	var values map[string]any
	require.NoError(t, yaml.Unmarshal(content, &values))
	return values
}

func objects(t *testing.T, args ...string) []map[string]any {
	t.Helper()
	out, err := template(args...)
	require.NoError(t, err, out)
	var all []map[string]any
	for document := range strings.SplitSeq(out, "\n---") {
		var o map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(document), &o))
		if o != nil {
			all = append(all, o)
		}
	}
	return all
}

func nested(v any, path ...string) any {
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}
