package stack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority writes certificates as sentry does. They are valid for a year from made.
func authority(t *testing.T, folder string, made time.Time) {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		return k
	}
	write := func(name, kind string, content []byte) {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), text, 0o600))
	}
	rootKey, issuerKey := key(), key()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: made, NotAfter: made.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	root, err := x509.CreateCertificate(rand.Reader, template, template, rootKey.Public(), rootKey)
	require.NoError(t, err)
	issuer, err := x509.CreateCertificate(rand.Reader, template, template, issuerKey.Public(), rootKey)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(issuerKey)
	require.NoError(t, err)
	write("ca.crt", "CERTIFICATE", root)
	write("issuer.crt", "CERTIFICATE", issuer)
	write("issuer.key", "PRIVATE KEY", private)
}

func TestCheckAuthorityRejectsExpiringAndMismatchedCertificates(t *testing.T) {
	folder, made := t.TempDir(), time.Now().Truncate(time.Second)
	require.ErrorIs(t, checkAuthority(folder, made), os.ErrNotExist)
	authority(t, folder, made)

	require.NoError(t, checkAuthority(folder, made))
	old := made.Add(-2 * 365 * 24 * time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(folder, "ca.crt"), old, old))
	require.NoError(t, checkAuthority(folder, made), "the modification time of the file doesn't matter")
	require.NoError(t, checkAuthority(folder, made.AddDate(0, 0, 300)))
	require.ErrorContains(t, checkAuthority(folder, made.AddDate(0, 0, 320)), "valid only from", "less than two months remain")
	require.ErrorContains(t, checkAuthority(folder, made.AddDate(0, 0, -1)), "valid only from", "not valid yet")

	other := t.TempDir()
	authority(t, other, made)
	foreign, err := os.ReadFile(filepath.Join(other, "ca.crt"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "ca.crt"), foreign, 0o600))
	require.ErrorContains(t, checkAuthority(folder, made), "issuer.crt isn't signed by ca.crt")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "ca.crt"), nil, 0o600))
	require.ErrorContains(t, checkAuthority(folder, made), "ca.crt holds no certificate")
}
