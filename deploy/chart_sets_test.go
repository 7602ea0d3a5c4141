package deploy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// expected holds the expected values of one rendered object.
type expected struct {
	kind, name string
	values     map[string]any // by path, such as spec/ports/0/port
}

func requireValues(t *testing.T, all []map[string]any, checks ...expected) {
	t.Helper()
	for _, c := range checks {
		o := object(t, all, c.kind, c.name)
		for path, want := range c.values {
			require.Equal(t, want, at(o, path), "%s %s: %s", c.kind, c.name, path)
		}
	}
}

// at returns the value at a path of names and list indexes that are separated by slashes.
func at(v any, path string) any {
	for name := range strings.SplitSeq(path, "/") {
		if list, ok := v.([]any); ok {
			var index int
			if n, err := fmt.Sscan(name, &index); n != 1 || err != nil || index >= len(list) {
				return nil
			}
			v = list[index]
			continue
		}
		v = nested(v, name)
	}
	return v
}

func requireNoKind(t *testing.T, all []map[string]any, unwanted ...string) {
	t.Helper()
	for _, kind := range unwanted {
		require.NotContains(t, kinds(all), kind)
	}
}

func TestChartForEvaluationBundlesDatabaseAndOpensNodePort(t *testing.T) {
	all := objects(t, "--values", "testdata/evaluation.values.yaml")
	const pod = "spec/template/spec/"
	requireValues(t, all,
		expected{"Service", "orders-actor", map[string]any{
			"spec/type": "NodePort", "spec/ports/0/nodePort": 30080.0, "spec/ports/0/targetPort": "http",
		}},
		expected{"Deployment", "orders-actor", map[string]any{
			"spec/replicas": 2.0,
			pod + "containers/0/env/0/valueFrom/secretKeyRef": map[string]any{"name": "orders-postgresql", "key": "uri"}, // VIEW_DSN
			pod + "containers/0/env/1/valueFrom/secretKeyRef": map[string]any{"name": "orders-postgresql", "key": "uri"}, // STATE_DSN
		}},
		expected{"Component", "ledger", map[string]any{
			"spec/metadata/0/secretKeyRef": map[string]any{"name": "orders-postgresql", "key": "ledger-uri"}, "scopes": []any{"payments-svc"},
		}},
		expected{"StatefulSet", "orders-postgresql", map[string]any{
			"spec/persistentVolumeClaimRetentionPolicy": map[string]any{"whenDeleted": "Delete", "whenScaled": "Retain"},
			pod + "containers/0/args":                   []any{"postgres", "-c", "max_connections=100"},
			pod + "securityContext/fsGroup":             999.0,
			"spec/volumeClaimTemplates/0/spec":          map[string]any{"accessModes": []any{"ReadWriteOnce"}, "resources": map[string]any{"requests": map[string]any{"storage": "1Gi"}}},
		}},
		// Only the two apps may connect to the database.
		expected{"NetworkPolicy", "orders-postgresql", map[string]any{
			"spec/ingress/0/from/0/podSelector/matchExpressions/0/values": []any{"orders-actor", "payments-svc"},
			"spec/ingress/0/ports/0/port":                                 "postgresql", "spec/policyTypes": []any{"Ingress"},
		}},
		expected{"Service", "orders-postgresql", map[string]any{"spec/ports/0/port": 5432.0}},
	)
	users := at(object(t, all, "ConfigMap", "orders-postgresql"), "data").(map[string]any)["database-users.sql"]
	require.Contains(t, users, "CREATE ROLE")
	hook := fmt.Sprint(at(object(t, all, "StatefulSet", "orders-postgresql"), pod+"containers/0/lifecycle/postStart"))
	require.Contains(t, hook, "/setup/database-users.sql")
}

func TestChartWithGatewayRoutesStreamsWithoutTimeout(t *testing.T) {
	all := objects(t, "--values", "testdata/gateway.values.yaml")
	requireValues(t, all, expected{"HTTPRoute", "orders-actor", map[string]any{
		"spec/parentRefs":               []any{map[string]any{"name": "public", "namespace": "gateways"}},
		"spec/hostnames":                []any{"orders.example.com"},
		"spec/rules/0/backendRefs":      []any{map[string]any{"name": "orders-actor", "port": 80.0}},
		"spec/rules/0/timeouts/request": "0s",
	}}, expected{"ValidatingAdmissionPolicy", "orders-shop", map[string]any{
		"spec/failurePolicy":                              "Fail",
		"spec/matchConstraints/resourceRules/0/resources": []any{"pods"},
		"spec/matchConditions/0/name":                     "uses-dapr",
	}}, expected{"ValidatingAdmissionPolicyBinding", "orders-shop", map[string]any{
		"spec/policyName": "orders-shop", "spec/validationActions": []any{"Deny"},
		"spec/matchResources/namespaceSelector/matchLabels": map[string]any{"kubernetes.io/metadata.name": "shop"},
	}})
	requireNoKind(t, all, "NetworkPolicy", "Ingress", "StatefulSet")
}

func TestChartForProductionUsesGivenSecretsIngressAndMonitoring(t *testing.T) {
	all := objects(t, "--values", "testdata/production.values.yaml")
	const pod = "spec/template/spec/"
	dsn := map[string]any{"name": "orders-database", "key": "dsn"}
	namespaces := map[string]any{"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": "ingress-nginx"}}}
	metrics := []any{map[string]any{"port": "metrics"}, map[string]any{"port": 9090.0}}
	require.NotContains(t, at(object(t, all, "Deployment", "orders-actor"), "spec"), "replicas", "the autoscaler sets the replicas")
	requireValues(t, all,
		expected{"Deployment", "orders-actor", map[string]any{
			pod + "imagePullSecrets":                          []any{map[string]any{"name": "registry"}},
			pod + "containers/0/image":                        "registry.example.com/shop/orders-actor:1.2.3",
			pod + "containers/0/env/0/valueFrom/secretKeyRef": dsn,
			pod + "containers/0/env/1/valueFrom/secretKeyRef": dsn,
		}},
		expected{"Deployment", "payments-svc", map[string]any{
			"spec/replicas": 2.0,
			pod + "containers/0/env/0/valueFrom/secretKeyRef": map[string]any{"name": "payments-token", "key": "token"}, // APP_API_TOKEN
		}},
		expected{"HorizontalPodAutoscaler", "orders-actor", map[string]any{
			"spec/minReplicas": 2.0, "spec/maxReplicas": 4.0, "spec/metrics/0/containerResource/container": "orders-actor",
			"spec/metrics/0/containerResource/target/averageUtilization": 70.0,
		}},
		expected{"ConfigMap", "orders-actor", map[string]any{
			"data/AUTH_MODE": "oidc", "data/OIDC_ISSUER": "https://sso.example.com/realms/shop", "data/OIDC_AUDIENCE": "orders",
			"data/OIDC_CLIENT_ID": "orders-spa", "data/DELIVER_AFTER": "1h30m", "data/SECRET_NAME": "orders-keys",
		}},
		expected{"ConfigMap", "payments-svc", map[string]any{
			"data/SECRET_NAME": "payments-keys", "data/OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel-collector.tracing:4318",
			"data/OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "data/OTEL_TRACES_SAMPLER_ARG": "0.1",
		}},
		// Each sidecar can read only the Secret of its app.
		expected{"Role", "orders-actor", map[string]any{"rules/0/resourceNames": []any{"orders-keys"}, "rules/0/verbs": []any{"get"}}},
		expected{"Role", "payments-svc", map[string]any{"rules/0/resourceNames": []any{"payments-keys"}, "rules/0/verbs": []any{"get"}}},
		expected{"Configuration", "orders-actor", map[string]any{
			"spec/secrets/scopes/0/allowedSecrets": []any{"orders-keys"}, "spec/secrets/scopes/0/defaultAccess": "deny",
			"spec/tracing/samplingRate": "0.000000001", "spec/tracing/otel/endpointAddress": "otel-collector.tracing:4318",
			"spec/tracing/otel/protocol": "http", "spec/tracing/otel/isSecure": false,
		}},
		expected{"Configuration", "payments-svc", map[string]any{"spec/secrets/scopes/0/allowedSecrets": []any{"payments-keys"}}},
		expected{"Component", "statestore", map[string]any{"spec/metadata/0/secretKeyRef": dsn}},
		expected{"Component", "ledger", map[string]any{"spec/metadata/0/secretKeyRef": dsn}},
		expected{"Ingress", "orders-actor", map[string]any{
			"metadata/annotations":  map[string]any{"nginx.ingress.kubernetes.io/proxy-buffering": "off"},
			"spec/ingressClassName": "nginx", "spec/rules/0/host": "orders.example.com",
			"spec/tls": []any{map[string]any{"hosts": []any{"orders.example.com"}, "secretName": "orders-tls"}},
			"spec/rules/0/http/paths/0/backend/service": map[string]any{"name": "orders-actor", "port": map[string]any{"name": "http"}},
		}},
		expected{"NetworkPolicy", "orders-actor", map[string]any{
			"spec/ingress/0/ports/0/port": "http", "spec/ingress/0/from/0": namespaces,
			"spec/ingress/1/ports/0/port": 50002.0, "spec/ingress/2/ports": metrics,
		}},
		expected{"NetworkPolicy", "payments-svc", map[string]any{ // its API is reached only through its sidecar
			"spec/ingress/0/ports": []any{map[string]any{"port": 50002.0}}, "spec/ingress/1/ports": metrics, "spec/ingress/2": nil,
		}},
		expected{"ServiceMonitor", "payments-svc", map[string]any{
			"metadata/labels/release": "prometheus", "spec/endpoints/0/port": "metrics", "spec/endpoints/1/port": "dapr",
		}},
		expected{"Service", "payments-svc-metrics", map[string]any{"spec/clusterIP": "None", "spec/publishNotReadyAddresses": true}},
		expected{"PrometheusRule", "orders", map[string]any{"metadata/labels/release": "prometheus", "spec/groups/0/name": "orders"}},
		expected{"ConfigMap", "orders-dashboard", map[string]any{"metadata/labels/grafana_dashboard": "1"}},
	)
	for app, keys := range map[string]string{"orders-actor": "orders-actor-api-token", "payments-svc": "payments-svc-api-token"} {
		sidecar := annotations(t, all, app)
		require.Equal(t, "60s", sidecar["dapr.io/block-shutdown-duration"])
		require.NotContains(t, sidecar, "dapr.io/enable-native-sidecar")
		require.Equal(t, keys, sidecar["dapr.io/api-token-secret"])
	}
	require.Equal(t, "payments-token", annotations(t, all, "payments-svc")["dapr.io/app-token-secret"])
	var secrets []any
	for _, o := range all {
		if o["kind"] == "Secret" {
			secrets = append(secrets, nested(o, "metadata", "name"))
		}
	}
	require.ElementsMatch(t, []any{"orders-actor-api-token", "payments-svc-api-token"}, secrets, "given Secrets must not be generated")
	dashboard := at(object(t, all, "ConfigMap", "orders-dashboard"), "data").(map[string]any)["orders.json"]
	require.Contains(t, dashboard, `"uid": "orders"`)
}
