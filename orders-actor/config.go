package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"orders/kit/config"
	"orders/kit/telemetry"
	"orders/orders-actor/auth"
	"orders/orders-actor/catalogue"
	"orders/orders-actor/orderdb/attention"
	"orders/orders-actor/orderdb/sqldb"
)

// Config is what the environment says; README.md lists it.
type Config struct {
	Addr           string
	MetricsAddr    string
	ProfileAddr    string // empty: no profiles
	DeliverAfter   time.Duration
	AuditPerMinute int           // orders that all replicas together inspect; 0: none
	RetainDays     int           // how long final orders are kept; 0: for ever
	AttentionAfter time.Duration // how long an order may wait before it needs an operator
	AuthMode       string
	DevHosts       []string // host names that AUTH_MODE=dev answers to besides loopback; "*" is any
	OIDC           auth.OIDCConfig
	OIDCClientID   string
	OIDCScope      string
	ViewDSN        string
	ViewMaxConns   int    // PostgreSQL connections of this replica
	StateDSN       string // where Dapr's state store keeps the actors' states
	PaymentTimeout time.Duration
	RateLimit      int
	MaxInFlight    int
	MaxWaiting     int
	MaxPerUser     int
	CORSOrigins    []string
	Catalogue      *catalogue.Catalogue
	Enforce        bool // customers may order only what is in the catalogue, at its prices
	SecretName     string
	WebhookPrivate bool // webhooks may be sent to private addresses, and without TLS
	LogLevel       string
	LogFormat      string
	Tracing        telemetry.Tracing

	DaprHTTP  string // base URL
	DaprToken string
}

func readConfig(env *config.Reader) (Config, error) {
	c := Config{
		Addr:           env.Address("ORDERS_ADDR", "127.0.0.1:8080"),
		MetricsAddr:    env.Address("ORDERS_METRICS_ADDR", "127.0.0.1:9464"),
		ProfileAddr:    env.Loopback("ORDERS_PROFILE_ADDR"),
		DeliverAfter:   env.Duration("DELIVER_AFTER", 10*time.Second, 0, 365*24*time.Hour),
		AuditPerMinute: env.Int("AUDIT_PER_MINUTE", 60, 0, 60_000),
		RetainDays:     env.Int("RETAIN_DAYS", 0, 0, 36_500),
		AttentionAfter: env.Duration("ATTENTION_AFTER", attention.DefaultAfter, time.Second, 24*time.Hour),
		AuthMode:       env.Enum("AUTH_MODE", "dev", "dev", "oidc"),
		DevHosts:       env.List("DEV_AUTH_HOSTS"),
		OIDC: auth.OIDCConfig{
			Issuer:       env.URL("OIDC_ISSUER", ""),
			Audience:     env.String("OIDC_AUDIENCE", ""),
			RolesClaim:   env.String("OIDC_ROLES_CLAIM", "roles"),
			OperatorRole: env.String("OIDC_OPERATOR_ROLE", "operator"),
		},
		OIDCClientID:   env.String("OIDC_CLIENT_ID", ""),
		OIDCScope:      env.String("OIDC_SCOPE", "openid profile"),
		ViewDSN:        strings.TrimSpace(env.String("VIEW_DSN", filepath.Join(env.String("DATA_DIR", ".data"), "view.db"))),
		ViewMaxConns:   env.Int("VIEW_MAX_CONNS", sqldb.DefaultMaxConns, sqldb.MinMaxConns, 1_000),
		StateDSN:       strings.TrimSpace(env.String("STATE_DSN", filepath.Join(env.String("DATA_DIR", ".data"), "statestore.db"))),
		PaymentTimeout: env.Duration("PAYMENT_TIMEOUT", 10*time.Second, 100*time.Millisecond, time.Minute),
		RateLimit:      env.Int("RATE_LIMIT", 600, 0, 1_000_000),
		MaxInFlight:    env.Int("MAX_IN_FLIGHT", 256, 1, 100_000),
		MaxWaiting:     env.Int("MAX_WAITING", 2048, 1, 100_000),
		MaxPerUser:     env.Int("MAX_WAITING_PER_USER", 100, 1, 100_000),
		CORSOrigins:    env.List("CORS_ORIGINS"),
		Enforce:        env.Enum("ENFORCE_CATALOGUE", "false", "false", "true") == "true",
		WebhookPrivate: env.Enum("WEBHOOK_ALLOW_PRIVATE", "false", "false", "true") == "true",
		SecretName:     env.String("SECRET_NAME", "orders-actor"),
		LogLevel:       env.Enum("LOG_LEVEL", "info", "debug", "info", "warn", "error"),
		LogFormat:      env.Enum("LOG_FORMAT", "text", "text", "json"),
		Tracing:        telemetry.ReadTracing(env),
		DaprHTTP:       env.URL("DAPR_HTTP_ENDPOINT", fmt.Sprintf("http://127.0.0.1:%d", env.Int("DAPR_HTTP_PORT", 3500, 1, 65535))),
		DaprToken:      env.String("DAPR_API_TOKEN", ""),
	}
	if err := sqldb.CheckDSN(c.ViewDSN); err != nil {
		env.Reject("VIEW_DSN", "%v", err)
	}
	if err := sqldb.CheckDSN(c.StateDSN); err != nil {
		env.Reject("STATE_DSN", "%v", err)
	}
	var err error
	if c.Catalogue, err = catalogue.Load(env.String("CATALOGUE_FILE", "")); err != nil {
		env.Reject("CATALOGUE_FILE", "must be a catalogue: %v", err)
	}
	if c.AuthMode == "oidc" {
		for _, name := range []string{"OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_CLIENT_ID"} {
			env.Required(name)
		}
	}
	if c.AuthMode == "dev" && len(c.DevHosts) == 0 && !isLoopback(c.Addr) {
		env.Reject("ORDERS_ADDR", "%s is not a loopback address, and with AUTH_MODE=dev everyone who reaches it can sign in as anyone: "+
			"use AUTH_MODE=oidc, or list the host names that clients may use in DEV_AUTH_HOSTS (* for any)", c.Addr)
	}
	for _, origin := range c.CORSOrigins {
		if u, err := url.Parse(origin); err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			env.Reject("CORS_ORIGINS", "must be origins such as https://shop.example.com, not %q", origin)
		}
	}
	return c, env.Err()
}

// isLoopback reports whether only this machine can reach a listener on address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return true // not an address at all: reported as such
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
