package deploy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// values writes a values file. Helm parses numbers in it differently from those of --set.
func values(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

func object(t *testing.T, all []map[string]any, kind, name string) map[string]any {
	t.Helper()
	for _, o := range all {
		if o["kind"] == kind && nested(o, "metadata", "name") == name {
			return o
		}
	}
	require.Fail(t, "missing object", "%s %s", kind, name)
	return nil
}

func podSpec(t *testing.T, all []map[string]any, app string) map[string]any {
	t.Helper()
	return nested(object(t, all, "Deployment", app), "spec", "template", "spec").(map[string]any)
}

func annotations(t *testing.T, all []map[string]any, app string) map[string]any {
	t.Helper()
	return nested(object(t, all, "Deployment", app), "spec", "template", "metadata", "annotations").(map[string]any)
}

func env(spec map[string]any) map[string]any {
	found := map[string]any{}
	for _, entry := range spec["containers"].([]any)[0].(map[string]any)["env"].([]any) {
		variable := entry.(map[string]any)
		found[variable["name"].(string)] = variable["value"]
	}
	return found
}

func TestChartAcceptsExposedServiceWithConsentOrOIDC(t *testing.T) {
	for _, set := range []string{
		"service.type=NodePort,ordersActor.exposeDevAuth=true",
		"service.type=LoadBalancer,ordersActor.settings.AUTH_MODE=oidc,ordersActor.settings.OIDC_ISSUER=https://sso.example," +
			"ordersActor.settings.OIDC_AUDIENCE=a,ordersActor.settings.OIDC_CLIENT_ID=c",
	} {
		out, err := template("--set", set)
		require.NoError(t, err, out)
	}
}

func TestChartRendersLargeNumbersWithoutExponent(t *testing.T) {
	all := objects(t, "--values", values(t, `
ordersActor: { settings: { RATE_LIMIT: 1000000 }, resources: { limits: { memory: 1000000000 } } }
paymentsSvc: { settings: { PAYMENT_SEED: 9007199254740991, PAYMENT_CONFIRM_RATE: 0.0000125 } }
podSecurityContext: { runAsUser: 1000680000 }
postgresql: { mode: bundled, bundled: { userId: 1000680000 } }
dapr: { resources: { limits: { memory: 1000000000 } } }
`))
	require.Equal(t, "1000000", nested(object(t, all, "ConfigMap", "orders-actor"), "data", "RATE_LIMIT"))
	require.Equal(t, "9007199254740991", nested(object(t, all, "ConfigMap", "payments-svc"), "data", "PAYMENT_SEED"))
	require.Equal(t, "0.0000125", nested(object(t, all, "ConfigMap", "payments-svc"), "data", "PAYMENT_CONFIRM_RATE"))
	require.Equal(t, "1000000000", annotations(t, all, "orders-actor")["dapr.io/sidecar-memory-limit"])
	out, err := template("--values", values(t, "podSecurityContext: { runAsUser: 1000680000 }"))
	require.NoError(t, err, out)
	require.Contains(t, out, "runAsUser: 1000680000")
}

func TestChartSetsGoMemoryLimitBelowContainerLimit(t *testing.T) {
	all := objects(t, "--set", "ordersActor.resources.limits.memory=1Gi,paymentsSvc.resources.limits.memory=null,dapr.resources.limits.memory=200M")
	require.Equal(t, "966367641", env(podSpec(t, all, "orders-actor"))["GOMEMLIMIT"])
	require.NotContains(t, env(podSpec(t, all, "payments-svc")), "GOMEMLIMIT")
	require.Equal(t, "GOMEMLIMIT=180000000", annotations(t, all, "orders-actor")["dapr.io/env"])
}

func TestChartOmitsNullValues(t *testing.T) {
	all := objects(t, "--set", "dapr.resources.requests.cpu=null,podSecurityContext.runAsUser=null,podSecurityContext.runAsGroup=null")
	require.NotContains(t, annotations(t, all, "orders-actor"), "dapr.io/sidecar-cpu-request")
	security := podSpec(t, all, "orders-actor")["securityContext"].(map[string]any)
	require.NotContains(t, security, "runAsUser")
	require.Equal(t, true, security["runAsNonRoot"])
}

func TestChartBuildsImageReferences(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	long := strings.Repeat("1.", 40) + "x"
	for name, test := range map[string]struct{ set, app, database string }{
		"a registry that ends in a slash": {"image.registry=r.example/team/", "r.example/team/orders-actor:0.1.0", "postgres:17.6"},
		"a registry for all images":       {"global.imageRegistry=mirror.example/", "mirror.example/orders-actor:0.1.0", "mirror.example/postgres:17.6"},
		"another registry's database": {
			"global.imageRegistry=mirror.example,postgresql.bundled.image=quay.io:443/pg/postgres:16",
			"mirror.example/orders-actor:0.1.0", "mirror.example/pg/postgres:16",
		},
		"a digest":          {"image.digests.ordersActor=" + digest, "localhost/orders-actor@" + digest, "postgres:17.6"},
		"a tag of 81 bytes": {"image.tag=" + long, "localhost/orders-actor:" + long, "postgres:17.6"},
	} {
		t.Run(name, func(t *testing.T) {
			all := objects(t, "--set", "postgresql.mode=bundled,"+test.set)
			require.Equal(t, test.app, podSpec(t, all, "orders-actor")["containers"].([]any)[0].(map[string]any)["image"])
			database := nested(object(t, all, "StatefulSet", "orders-postgresql"), "spec", "template", "spec").(map[string]any)
			require.Equal(t, test.database, database["containers"].([]any)[0].(map[string]any)["image"])
			label := nested(object(t, all, "Deployment", "orders-actor"), "metadata", "labels").(map[string]any)["app.kubernetes.io/version"]
			require.Regexp(t, `^[A-Za-z0-9][A-Za-z0-9._-]{0,61}[A-Za-z0-9]$`, label)
		})
	}
}

func TestChartAppliesPodValues(t *testing.T) {
	file := values(t, `
global: { imagePullSecrets: [mirror] }
image: { pullSecrets: [mirror, team] }
commonLabels: { team: shop }
customCA: { configMap: company-ca }
ordersActor:
  podAnnotations: { dapr.io/log-level: debug, prometheus.io/scrape: "true" }
  priorityClassName: critical
  revisionHistoryLimit: 3
  strategy: { type: Recreate }
  serviceAccount: { name: shop, annotations: { iam.example/role: orders } }
  topologySpreadConstraints: [{ topologyKey: rack, maxSkew: 2, whenUnsatisfiable: DoNotSchedule }]
  extraEnv: [{ name: HTTPS_PROXY, value: "http://proxy:3128" }]
  extraEnvFrom: [{ secretRef: { name: more } }]
  extraVolumes: [{ name: scratch, emptyDir: {} }]
  extraVolumeMounts: [{ name: scratch, mountPath: /scratch }]
  hpa: { enabled: true, behavior: { scaleUp: { stabilizationWindowSeconds: 60 } } }
extraManifests:
  - { apiVersion: v1, kind: ConfigMap, metadata: { name: mine } }
  - |
    apiVersion: v1
    kind: ConfigMap
    metadata: { name: "{{ .Release.Name }}-text" }
`)
	all := objects(t, "--values", file)
	deployment := object(t, all, "Deployment", "orders-actor")
	spec := podSpec(t, all, "orders-actor")
	container := spec["containers"].([]any)[0].(map[string]any)

	require.Equal(t, map[string]any{"type": "Recreate"}, nested(deployment, "spec", "strategy"))
	require.EqualValues(t, 3, nested(deployment, "spec", "revisionHistoryLimit"))
	require.Equal(t, "debug", annotations(t, all, "orders-actor")["dapr.io/log-level"])
	require.Equal(t, "true", annotations(t, all, "orders-actor")["prometheus.io/scrape"])
	require.Equal(t, "critical", spec["priorityClassName"])
	require.Equal(t, []any{map[string]any{"name": "mirror"}, map[string]any{"name": "team"}}, spec["imagePullSecrets"])
	require.Equal(t, "rack", spec["topologySpreadConstraints"].([]any)[0].(map[string]any)["topologyKey"])
	require.Equal(t, "http://proxy:3128", env(spec)["HTTPS_PROXY"])
	require.Len(t, container["envFrom"], 2)
	require.Equal(t, "shop", spec["serviceAccountName"])
	require.Equal(t, "orders", nested(object(t, all, "ServiceAccount", "shop"), "metadata", "annotations").(map[string]any)["iam.example/role"])
	require.Equal(t, "shop", object(t, all, "RoleBinding", "orders-actor")["subjects"].([]any)[0].(map[string]any)["name"])
	behavior := nested(object(t, all, "HorizontalPodAutoscaler", "orders-actor"), "spec", "behavior").(map[string]any)
	require.Contains(t, behavior, "scaleUp")

	// The app and its sidecar both trust the additional certificate authority.
	require.Equal(t, "/etc/orders/ca", env(spec)["SSL_CERT_DIR"])
	require.Contains(t, annotations(t, all, "orders-actor")["dapr.io/env"], "SSL_CERT_DIR=/etc/orders/ca")
	require.Contains(t, annotations(t, all, "orders-actor")["dapr.io/volume-mounts"], "custom-ca:/etc/orders/ca")
	var mounts []any
	for _, mount := range container["volumeMounts"].([]any) {
		mounts = append(mounts, mount.(map[string]any)["mountPath"])
	}
	require.Equal(t, []any{"/etc/orders/ca", "/scratch"}, mounts)

	for _, o := range all {
		if name := nested(o, "metadata", "name"); name != "mine" && name != "orders-text" {
			require.Equal(t, "shop", nested(o, "metadata", "labels", "team"), name)
		}
	}
	object(t, all, "ConfigMap", "mine")
	object(t, all, "ConfigMap", "orders-text")
}

func TestChartSidecarsRequireAPIToken(t *testing.T) {
	for set, want := range map[string]string{"image.tag=v1": "payments-svc-api-token", "secrets.existing.apiToken=mine": "mine"} {
		all := objects(t, "--set", set)
		require.Equal(t, want, annotations(t, all, "payments-svc")["dapr.io/api-token-secret"])
		require.Contains(t, fmt.Sprint(podSpec(t, all, "payments-svc")["containers"]), "name:DAPR_API_TOKEN valueFrom:map[secretKeyRef:map[key:token name:"+want)
	}
}

func TestChartNetworkPolicyAdmitsTestPod(t *testing.T) {
	all := objects(t, "--values", values(t, "networkPolicy: { ingressFrom: [{ podSelector: { matchLabels: { app: proxy } } }] }"))
	from := nested(object(t, all, "NetworkPolicy", "orders-actor"), "spec", "ingress").([]any)[0].(map[string]any)["from"].([]any)
	require.Len(t, from, 2)
	test := object(t, all, "Pod", "orders-check")
	for label, value := range nested(from[1], "podSelector", "matchLabels").(map[string]any) {
		require.Equal(t, value, nested(test, "metadata", "labels").(map[string]any)[label])
	}
}

func TestChartAcceptsLargeVolume(t *testing.T) {
	all := objects(t, "--set", "postgresql.mode=bundled,postgresql.bundled.storage=1Ti")
	require.Contains(t, fmt.Sprint(object(t, all, "StatefulSet", "orders-postgresql")), "storage:1Ti")
}

// Each service has its own user in the bundled database, and neither is the administrator.
func TestChartUsesSeparateDatabaseUsers(t *testing.T) {
	all := objects(t, "--set", "postgresql.mode=bundled")
	secret := object(t, all, "Secret", "orders-postgresql")["stringData"].(map[string]any)
	key := func(component string) any {
		return nested(object(t, all, "Component", component), "spec", "metadata").([]any)[0].(map[string]any)["secretKeyRef"].(map[string]any)["key"]
	}
	require.Contains(t, secret[key("statestore").(string)], "postgres://orders_app:")
	require.Contains(t, secret[key("ledger").(string)], "postgres://orders_ledger:")

	all = objects(t, "--set", "postgresql.dsnSecret.ledgerKey=ledger")
	require.Equal(t, "uri", key("statestore"))
	require.Equal(t, "ledger", key("ledger"))
}

func TestChartRejectsTooManyDatabaseConnections(t *testing.T) {
	const autoscaled = "ordersActor.hpa.enabled=true,paymentsSvc.hpa.enabled=true"
	for name, test := range map[string]struct {
		set  string
		want []string // parts of the error; empty if the chart accepts
	}{
		"three replicas of each":         {set: "ordersActor.replicas=3,paymentsSvc.replicas=3"},
		"the autoscalers' maximum":       {set: autoscaled},
		"a server that allows too few":   {"postgresql.maxConnections=40", []string{"may open 40 connections, but 30 are available (maxConnections 40 - reservedConnections 10)", "4 pods x (pools.view 5 + pools.state 3) = 32", "4 pods x  pools.ledger 2 = 8"}},
		"more replicas than connections": {"ordersActor.replicas=6", []string{"may open 104 connections, but 90 are available"}},
		"an autoscaler's larger maximum": {autoscaled + ",ordersActor.hpa.maxReplicas=6,paymentsSvc.hpa.maxReplicas=6", []string{"may open 120 connections"}},
		"no overlap between releases":    {set: "ordersActor.replicas=6,ordersActor.strategy.type=Recreate"},
		"a pooler without a limit":       {set: "ordersActor.replicas=60,postgresql.maxConnections=0"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := template("--set", test.set)
			if test.want == nil {
				require.NoError(t, err, out)
				return
			}
			require.Error(t, err)
			for _, text := range test.want {
				require.Contains(t, out, text)
			}
		})
	}
}

func TestChartAppliesPoolSizes(t *testing.T) {
	all := objects(t, "--set", "postgresql.pools.view=6,postgresql.pools.state=4,postgresql.pools.ledger=3,postgresql.maxIdleTime=7s")
	require.Equal(t, "6", nested(object(t, all, "ConfigMap", "orders-actor"), "data", "VIEW_MAX_CONNS"))
	for component, want := range map[string]string{"statestore": "4", "ledger": "3"} {
		metadata := map[any]any{}
		for _, entry := range nested(object(t, all, "Component", component), "spec", "metadata").([]any) {
			item := entry.(map[string]any)
			metadata[item["name"]] = item["value"]
		}
		require.Equal(t, want, metadata["maxConns"])
		require.Equal(t, "7s", metadata["connectionMaxIdleTime"])
	}
}

func TestChartAdmissionPolicyListsOwnPods(t *testing.T) {
	out, err := template("--set", "admissionPolicy.enabled=true,image.registry=r.example/team,paymentsSvc.serviceAccount.name=pay")
	require.NoError(t, err, out)
	require.Contains(t, out, `variables.identity in ['orders-actor=orders-actor','payments-svc=pay']`)
	require.Contains(t, out, `'r.example/team/orders-actor:','r.example/team/orders-actor@'`)
	require.NotContains(t, strings.Join(kinds(objects(t)), " "), "ValidatingAdmissionPolicy")
}

func kinds(all []map[string]any) []string {
	found := make([]string, 0, len(all))
	for _, o := range all {
		found = append(found, o["kind"].(string))
	}
	return found
}

// The ingress forwards every path of the public port, so metrics need another port.
func TestChartMetricsPortIsNotPublic(t *testing.T) {
	all := objects(t, "--set", "ingress.enabled=true,ingress.hosts={a.example},ordersActor.exposeDevAuth=true,"+
		"gateway.enabled=true,gateway.parentRefs[0].name=public,monitoring.serviceMonitor.enabled=true")
	for app, setting := range map[string]string{"orders-actor": "ORDERS", "payments-svc": "PAYMENTS"} {
		address := nested(object(t, all, "ConfigMap", app), "data", setting+"_METRICS_ADDR").(string)
		_, port, ok := strings.Cut(address, "0.0.0.0:")
		require.True(t, ok)
		require.Contains(t, fmt.Sprint(podSpec(t, all, app)["containers"]), "containerPort:"+port+" name:metrics")
		require.Contains(t, fmt.Sprint(object(t, all, "ServiceMonitor", app)), "path:/metrics port:metrics")
		require.Contains(t, fmt.Sprint(object(t, all, "Service", app+"-metrics")), "targetPort:metrics")
		require.Contains(t, fmt.Sprint(object(t, all, "NetworkPolicy", app)), "port:metrics")
		require.NotContains(t, fmt.Sprint(object(t, objects(t), "NetworkPolicy", app)), "port:metrics", "the metrics port must be closed without a ServiceMonitor")
	}
	require.NotContains(t, fmt.Sprint(object(t, all, "Service", "orders-actor")), "metrics")
	require.NotContains(t, fmt.Sprint(object(t, all, "Ingress", "orders-actor"), object(t, all, "HTTPRoute", "orders-actor")), "metrics")
}
