package stack

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// renewBefore is the remaining validity at which sentry's certificates are replaced. Sentry makes them for a year, and only
// this stack trusts them.
const renewBefore = 60 * 24 * time.Hour

// checkAuthority returns an error unless the certificates in folder are complete, belong together and remain valid for
// renewBefore.
func checkAuthority(folder string, now time.Time) error {
	text, err := os.ReadFile(filepath.Join(folder, "ca.crt"))
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return errors.New("ca.crt holds no certificate")
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("ca.crt: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, "issuer.crt"), filepath.Join(folder, "issuer.key"))
	if err != nil {
		return err
	}
	if err := pair.Leaf.CheckSignatureFrom(root); err != nil {
		return fmt.Errorf("issuer.crt isn't signed by ca.crt: %w", err)
	}
	for _, c := range []*x509.Certificate{root, pair.Leaf} {
		if now.Before(c.NotBefore) || now.Add(renewBefore).After(c.NotAfter) {
			return fmt.Errorf("a certificate is valid only from %s to %s", c.NotBefore.Format(time.RFC3339), c.NotAfter.Format(time.RFC3339))
		}
	}
	return nil
}

// AuthorityExpiry returns when the certificates of the sidecars' authority in a data folder expire. Start makes new ones in the last
// 60 days. If there are none yet, the error wraps fs.ErrNotExist.
func AuthorityExpiry(home string) (time.Time, error) {
	folder := filepath.Join(home, sentry)
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, "issuer.crt"), filepath.Join(folder, "issuer.key"))
	if err != nil {
		return time.Time{}, err
	}
	return pair.Leaf.NotAfter, checkAuthority(folder, pair.Leaf.NotBefore)
}
