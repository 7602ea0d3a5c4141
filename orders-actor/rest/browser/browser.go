// Package browser is middleware that protects users of browsers from foreign pages: security headers, the host check of the
// dev mode, and CORS.
package browser

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cors"

	"orders/kit/httpapi"
	"orders/kit/httpapi/problem"
)

// SetHeaders sets the security headers of a response. csp is its Content-Security-Policy.
func SetHeaders(c *fiber.Ctx, csp string) {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set(fiber.HeaderPermissionsPolicy, "camera=(), geolocation=(), microphone=()")
	c.Set(fiber.HeaderContentSecurityPolicy, csp)
}

// CSP returns a Content-Security-Policy that lets pages load from this origin only, and connect also to the origins of the
// given URLs. Empty URLs are ignored.
func CSP(urls ...string) string {
	connect := "'self'"
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			continue
		}
		if origin := " " + u.Scheme + "://" + u.Host; !strings.HasSuffix(connect, origin) {
			connect += origin
		}
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; " +
		"connect-src " + connect + "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// CheckHost returns middleware that refuses requests for host names other than loopback names and the given ones.
//
// It prevents DNS rebinding: in dev mode every client gets a token, and a foreign page whose host name resolves to this
// address could read the responses. The page cannot change the host name in its requests. An absolute request target has
// a host name of its own, which is checked too.
func CheckHost(names []string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		for _, authority := range [][]byte{c.Request().Header.Host(), c.Request().URI().Host()} {
			host := strings.TrimSuffix(strings.ToLower((&url.URL{Host: string(authority)}).Hostname()), ".")
			equalsHost := func(name string) bool { return strings.EqualFold(name, host) }
			if !isLoopback(host) && !slices.ContainsFunc(names, equalsHost) {
				return problem.New(problem.Forbidden, "with AUTH_MODE=dev this service answers to loopback names and those in DEV_AUTH_HOSTS, not to %q",
					httpapi.Shorten(host))
			}
		}
		return c.Next()
	}
}

// isLoopback reports whether a host name in lower case always means the local machine (RFC 6761, section 6.3).
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.Unmap().IsLoopback()
}

// CORS returns middleware that lets pages of the given origins call the API.
func CORS(origins []string) fiber.Handler {
	return cors.New(cors.Config{
		AllowOrigins:  strings.Join(origins, ","),
		AllowMethods:  "GET,HEAD,POST",
		AllowHeaders:  "Authorization,Content-Type,Idempotency-Key,If-Match,If-None-Match,Last-Event-ID,Prefer,X-Request-Id",
		ExposeHeaders: "Content-Disposition,Date,ETag,Idempotency-Replayed,Location,Preference-Applied,RateLimit-Limit,RateLimit-Remaining,RateLimit-Reset,Retry-After,X-Request-Id",
		MaxAge:        int((10 * time.Minute).Seconds()),
	})
}
