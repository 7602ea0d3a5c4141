package stack

import (
	"os"
	"slices"
	"strings"
)

// Settings lists the environment variables that each app reads as settings. The launcher passes only these on from its own
// environment, so that variables for other programs (NAMESPACE, DAPR_GRPC_ENDPOINT, …) have no effect. A test compares
// the lists with what the apps read.
var Settings = map[string][]string{
	OrdersActor: {
		"ORDERS_ADDR", "ORDERS_METRICS_ADDR", "ORDERS_PROFILE_ADDR", "DELIVER_AFTER", "ATTENTION_AFTER", "AUDIT_PER_MINUTE", "RETAIN_DAYS", "AUTH_MODE", "DEV_AUTH_HOSTS",
		"OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_CLIENT_ID", "OIDC_SCOPE", "OIDC_ROLES_CLAIM", "OIDC_OPERATOR_ROLE",
		"DATA_DIR", "VIEW_DSN", "VIEW_MAX_CONNS", "STATE_DSN", "PAYMENT_TIMEOUT", "RATE_LIMIT", "MAX_IN_FLIGHT", "MAX_WAITING", "MAX_WAITING_PER_USER", "CORS_ORIGINS",
		"CATALOGUE_FILE", "ENFORCE_CATALOGUE", "WEBHOOK_ALLOW_PRIVATE",
		"SECRET_NAME", "LOG_LEVEL", "LOG_FORMAT",
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SDK_DISABLED", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
	},
	PaymentsSvc: {
		"PAYMENTS_ADDR", "PAYMENTS_METRICS_ADDR", "PAYMENTS_PROFILE_ADDR", "PAYMENT_CONFIRM_RATE", "PAYMENT_FAILURE_RATE", "PAYMENT_LATENCY", "PAYMENT_SEED",
		"APP_API_TOKEN", "SECRET_NAME", "LOG_LEVEL", "LOG_FORMAT",
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SDK_DISABLED", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
	},
}

// systemVars lists the variables that any program may need.
var systemVars = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TMPDIR", "TZ", "LANG", "LC_ALL", "NO_COLOR",
	"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK", "GOCOVERDIR",
}

// proxyVars lists the variables that configure how the services reach the OpenID Connect issuer.
var proxyVars = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
}

// tracingVars lists the variables that the OpenTelemetry SDK in the services reads itself.
var tracingVars = []string{
	"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_RESOURCE_ATTRIBUTES",
	"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_MAX_QUEUE_SIZE",
}

// inheritedEnv returns the named variables of this process's environment, the system variables, and those of PostgreSQL
// clients (PG…).
func inheritedEnv(names ...[]string) map[string]string {
	allowed := slices.Concat(append(names, systemVars)...)
	env := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if slices.Contains(allowed, name) || strings.HasPrefix(name, "PG") {
			env[name] = value
		}
	}
	return env
}

// environ returns env in the form of os.Environ.
func environ(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}
