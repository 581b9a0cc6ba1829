package ovn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// A plug goes out and comes back; at every moment something carries its traffic, and
// in the end the database is as it was.
func TestASwapKeepsTheTrafficAndLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.All()

	w.makePort("p2", "g")
	require.NoError(t, w.n.Hold(t.Context(), plugAt("p1", "v"), "g"))
	require.Equal(t, []string{"g"}, w.carriers(), "in one transaction from the one to the other")
	left, err := w.n.Left(t.Context())
	require.NoError(t, err)
	require.Len(t, left, 1)
	w.removeInterface("p1", "v")
	require.Equal(t, []string{"g"}, w.carriers())
	w.addInterface("p2")
	require.Equal(t, []string{"g", "g"}, w.carriers())
	require.Len(t, w.translations(), 2, "Neutron has not removed what it adds again")
	require.NoError(t, w.n.Settle(t.Context(), plugAt("p2", "g")))
	require.Equal(t, []string{"g"}, w.carriers())
	require.Len(t, w.translations(), 1)

	require.NoError(t, w.n.Hold(t.Context(), plugAt("p2", "g"), "v"))
	require.Equal(t, []string{"v"}, w.carriers())
	w.removeInterface("p2", "g")
	w.makePort("p1", "v")
	w.addInterface("p1")
	require.NoError(t, w.n.Settle(t.Context(), plugAt("p1", "v")))
	require.Equal(t, []string{"v"}, w.carriers())
	require.Equal(t, before, w.All())
	left, err = w.n.Left(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestHoldAgainDoesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.n.Hold(t.Context(), plugAt("p1", "v"), "g"))
	before := w.All()
	require.NoError(t, w.n.Hold(t.Context(), plugAt("p1", "v"), "g"))
	require.Equal(t, before, w.All())
	w.removeInterface("p1", "v")
	require.NoError(t, w.n.Hold(t.Context(), plugAt("", "v"), "g"))
	require.Equal(t, []string{"g"}, w.carriers())
}

// What was held and is not to be is put back as it was, by what the stand-in says.
func TestAHoldIsUndoneWhileNeutronHasTheOldPort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.All()
	require.NoError(t, w.n.Hold(t.Context(), plugAt("p1", "v"), "g"))
	require.NotEqual(t, before, w.All())
	require.NoError(t, w.n.Settle(t.Context(), plugAt("p1", "v")))
	require.Equal(t, before, w.All())
}

// Cut off between Neutron's two calls, a swap turns round.
func TestASwapTurnsRoundBetweenTheCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.All()
	require.NoError(t, w.n.Hold(t.Context(), plugAt("p1", "v"), "g"))
	w.removeInterface("p1", "v")
	require.NoError(t, w.n.Hold(t.Context(), plugAt("", "v"), "v"))
	require.Equal(t, []string{"v"}, w.carriers())
	w.makePort("p1", "v")
	w.addInterface("p1")
	require.NoError(t, w.n.Settle(t.Context(), plugAt("p1", "v")))
	require.Equal(t, before, w.All())
}

// Neutron's maintenance may write the old port again while the stand-in is there.
func TestAPortThatNeutronWritesAgainIsTakenOffAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.All()
	require.NoError(t, w.n.Hold(t.Context(), plugAt("p1", "v"), "g"))
	w.makePort("p1", "v")
	w.addInterface("p1")
	require.Equal(t, []string{"g", "v"}, w.carriers())
	require.NoError(t, w.n.Hold(t.Context(), plugAt("p1", "v"), "g"))
	require.Equal(t, []string{"g"}, w.carriers())
	require.NoError(t, w.n.Settle(t.Context(), plugAt("p1", "v")))
	require.Equal(t, before, w.All())
}

// While Neutron has not written the new port the stand-in stays.
func TestSettleWaitsForNeutron(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.n.Hold(t.Context(), plugAt("p1", "v"), "g"))
	w.removeInterface("p1", "v")
	done := make(chan error, 1)
	go func() { done <- w.n.Settle(t.Context(), plugAt("p2", "g")) }()
	w.makePort("p2", "g")
	require.Equal(t, []string{"g"}, w.carriers())
	w.addInterface("p2")
	require.NoError(t, <-done)
	require.Equal(t, []string{"g"}, w.carriers())
}

func TestSettleWithoutAStandInDoesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.All()
	require.NoError(t, w.n.Settle(t.Context(), plugAt("p1", "v")))
	require.NoError(t, w.n.Settle(t.Context(), plugAt("p9", "g")))
	require.Equal(t, before, w.All())
}

func TestWhatIsNotOVNsIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.All()
	for want, call := range map[string]func() error{
		"router other is not in OVN's": func() error {
			p := plugAt("p1", "v")
			p.Router = "other"
			return w.n.Hold(t.Context(), p, "g")
		},
		"network other is not in OVN's": func() error { return w.n.Hold(t.Context(), plugAt("p1", "v"), "other") },
	} {
		err := call()
		require.ErrorIs(t, err, fault.Conflict)
		require.Contains(t, fault.Message(err), want)
		require.Contains(t, fault.Message(err), "cutover: api")
	}
	require.Equal(t, before, w.All())
}

func TestADatabaseThatIsNotReachedIsSaid(t *testing.T) {
	t.Parallel()
	n, err := New(Options{Address: "unix:" + t.TempDir() + "/nobody"}, "scope")
	require.NoError(t, err)
	for _, err := range []error{n.Hold(t.Context(), plugAt("p1", "v"), "g"), n.Settle(t.Context(), plugAt("p1", "v"))} {
		require.ErrorIs(t, err, fault.Unavailable)
		require.Contains(t, fault.Message(err), "is not reached")
		require.Contains(t, fault.Message(err), "cutover: api")
	}
}

// Another broker's stand-in for the same plug is not this one's to drop.
func TestMarksOfAnotherScopeDoNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.n.Hold(t.Context(), plugAt("p1", "v"), "g"))
	before := w.All()
	other := *w.n
	other.scope = "other"
	require.NoError(t, other.Settle(t.Context(), plugAt("p1", "v")))
	left, err := other.Left(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
	require.Equal(t, before, w.All())
}

func TestOnlyEqualTranslationsOfThePlugsRangesAreSurplus(t *testing.T) {
	t.Parallel()
	row := func(id, logical, external string) ovsdb.Row {
		return ovsdb.Row{"_uuid": ovsdb.UUID{GoUUID: id}, "type": "snat", "logical_ip": logical, "external_ip": external}
	}
	s := snapshot{nat: []ovsdb.Row{row("1", "10.1.0.0/24", "a"), row("2", "10.1.0.0/24", "b"), row("3", "10.2.0.0/24", "a"), row("4", "10.2.0.0/24", "a"), row("5", "10.1.0.0/24", "a")}}
	ops := single(s, Plug{Router: "r", Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24")}})
	require.Len(t, ops, 1)
	require.Equal(t, setOf(ovsdb.UUID{GoUUID: "5"}), ops[0].Mutations[0].Value)
}

func TestAddressesAreChecked(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"tcp:127.0.0.1:6641": true, "unix:/run/ovn/nb.sock": true, "tcp:10.0.0.1:6641,tcp:10.0.0.2:6641": true,
		"": false, "127.0.0.1:6641": false, "http://127.0.0.1": false, "tcp:": false, "tcp:10.0.0.1:6641,": false, "ssl:10.0.0.1:6641": false,
	} {
		_, err := New(Options{Address: address}, "scope")
		if ok {
			require.NoError(t, err, address)
		} else {
			require.ErrorIs(t, err, fault.Invalid, address)
		}
	}
}

// An authority signs what a server and a client show each other.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	dir  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.cert, a.key = a.sign(t, "ca", true)
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name+".pem") }

func (a *authority) sign(t *testing.T, name string, isCA bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: isCA, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	parent, signer := a.cert, a.key
	if isCA {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	raw, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(a.path(name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(a.path(name+"-key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}), 0o600))
	signed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return signed, key
}

// secured puts TLS in front of a database; it wants a client's certificate.
func secured(t *testing.T, a *authority, address string) string {
	t.Helper()
	own, err := tls.LoadX509KeyPair(a.path("server"), a.path("server-key"))
	require.NoError(t, err)
	clients := x509.NewCertPool()
	clients.AddCert(a.cert)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients})
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			behind, err := net.Dial("unix", strings.TrimPrefix(address, "unix:"))
			if err != nil {
				c.Close()
				continue
			}
			go func() { defer behind.Close(); _, _ = io.Copy(behind, c) }()
			go func() { defer c.Close(); _, _ = io.Copy(c, behind) }()
		}
	}()
	return "ssl:" + l.Addr().String()
}

func TestTLSIsMutual(t *testing.T) {
	t.Parallel()
	w, a, stranger := newWorld(t), newAuthority(t), newAuthority(t)
	for _, by := range []*authority{a, stranger} {
		by.sign(t, "server", false)
		by.sign(t, "client", false)
	}
	address := secured(t, a, w.n.address)
	left := func(o Options) error {
		o.Address = address
		n, err := New(o, "scope")
		require.NoError(t, err)
		_, err = n.Left(t.Context())
		return err
	}
	require.NoError(t, left(Options{CA: a.path("ca"), Certificate: a.path("client"), Key: a.path("client-key")}))
	require.ErrorIs(t, left(Options{CA: stranger.path("ca"), Certificate: a.path("client"), Key: a.path("client-key")}), fault.Unavailable, "the server's is not signed by whom the operator names")
	require.ErrorIs(t, left(Options{CA: a.path("ca"), Certificate: stranger.path("client"), Key: stranger.path("client-key")}), fault.Unavailable, "the server does not know this client")
	_, err := New(Options{Address: address, CA: a.path("server-key"), Certificate: a.path("client"), Key: a.path("client-key")}, "scope")
	require.ErrorIs(t, err, fault.Invalid)
}
