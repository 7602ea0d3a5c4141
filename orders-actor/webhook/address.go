package webhook

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// refusedError means that a target is in a network that webhooks must not reach.
type refusedError struct{ address string }

func (e *refusedError) Error() string {
	return e.address + " is a private or reserved address; set WEBHOOK_ALLOW_PRIVATE=true to allow it"
}

// refusePrivate is the Control of a net.Dialer: it sees the resolved address of each connection, so a name cannot be resolved to another
// one after it was checked.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return err
	}
	if !isPublic(addr) {
		return &refusedError{addr.String()}
	}
	return nil
}

// reserved are the networks that isPublic excludes besides those that netip knows. See the IANA registries of special-purpose addresses.
var reserved = func() (all []netip.Prefix) {
	for _, network := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"240.0.0.0/4", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		all = append(all, netip.MustParsePrefix(network))
	}
	return all
}()

func isPublic(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	for _, network := range reserved {
		if network.Contains(addr) {
			return false
		}
	}
	return true
}

// checkURL returns why events cannot be sent to a URL, or "". Whether the address of its host is public is checked again for each
// connection.
func (s *Service) checkURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return "must be a URL such as https://example.com/orders"
	case u.User != nil:
		return "must not have a user name or password"
	case u.Fragment != "" || strings.Contains(text, "#"):
		return "must not have a fragment"
	case u.Scheme != "https" && (u.Scheme != "http" || !s.AllowPrivate):
		return "must begin with https://"
	}
	if addr, ok := parseAddr(u.Hostname()); ok && !s.AllowPrivate && !isPublic(addr) {
		return (&refusedError{addr.String()}).Error()
	}
	return ""
}
