package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const (
	trustDomain = "localhost"
	day         = 24 * time.Hour

	// Certificates that sentry makes itself expire after a year and are not renewed; then nothing starts.
	validity    = 10 * 365 * day
	renewBefore = 365 * day

	rootFile, issuerFile, issuerKeyFile = "ca.crt", "issuer.crt", "issuer.key" // the names that sentry expects
)

// authority creates the certificate authority for sentry, unless the folder has one that doesn't expire soon.
func authority(folder string, now time.Time) error {
	err := usable(folder, now.Add(renewBefore))
	if err == nil {
		return nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		log.Printf("replacing the certificate authority (%v); run `docker compose restart` if containers are running", err)
	}
	root, issuer := template(now), template(now)
	root.Subject = pkix.Name{Organization: []string{trustDomain}}
	issuer.Subject = pkix.Name{CommonName: "cluster.local"}
	issuer.URIs = []*url.URL{{Scheme: "spiffe", Host: trustDomain}}
	_, rootKey, rootErr := ed25519.GenerateKey(rand.Reader)
	_, issuerKey, issuerErr := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(rootErr, issuerErr); err != nil {
		return err
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	if err != nil {
		return err
	}
	issuerDER, err := x509.CreateCertificate(rand.Reader, issuer, root, issuerKey.Public(), rootKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(issuerKey)
	if err != nil {
		return err
	}
	return errors.Join(
		replace(filepath.Join(folder, issuerKeyFile), encode("PRIVATE KEY", keyDER), 0o400),
		replace(filepath.Join(folder, issuerFile), encode("CERTIFICATE", issuerDER), 0o444),
		replace(filepath.Join(folder, rootFile), encode("CERTIFICATE", rootDER), 0o444),
	)
}

func template(now time.Time) *x509.Certificate {
	return &x509.Certificate{
		NotBefore:             now.Add(-15 * time.Minute), // tolerates clock differences
		NotAfter:              now.Add(validity),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// usable returns an error unless issuer and root belong together and are valid at the given time.
func usable(folder string, at time.Time) error {
	root, err := os.ReadFile(filepath.Join(folder, rootFile))
	if err != nil {
		return err
	}
	issuer, err := tls.LoadX509KeyPair(filepath.Join(folder, issuerFile), filepath.Join(folder, issuerKeyFile))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(root) {
		return errors.New(rootFile + " contains no certificate")
	}
	_, err = issuer.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err
}
