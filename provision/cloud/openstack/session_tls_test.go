package openstack

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// authority signs certificates; its files are PEM.
type authority struct {
	t    *testing.T
	own  *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // with its certificate
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	a := &authority{t: t, key: key, file: filepath.Join(t.TempDir(), "ca.pem")}
	a.own = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a private authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, a.own, a.own, key.Public(), key)
	require.NoError(t, err)
	a.own, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.write(a.file, "CERTIFICATE", der)
	return a
}

func (a *authority) write(file, kind string, der []byte) {
	require.NoError(a.t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// sign makes a certificate for 127.0.0.1, or as change says.
func (a *authority) sign(change func(*x509.Certificate)) (cert, key string, pair tls.Certificate) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature}
	change(c)
	der, err := x509.CreateCertificate(rand.Reader, c, a.own, own.Public(), a.key)
	require.NoError(a.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(own)
	require.NoError(a.t, err)
	dir := a.t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	a.write(cert, "CERTIFICATE", der)
	a.write(key, "PRIVATE KEY", secret)
	pair, err = tls.LoadX509KeyPair(cert, key)
	require.NoError(a.t, err)
	return cert, key, pair
}

// behind is a cloud whose certificate is pair.
func behind(t *testing.T, pair tls.Certificate, clients *x509.CertPool) *fake {
	f := newFake(t)
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	f.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // handshakes are to fail
	f.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	if clients != nil {
		f.TLS.ClientCAs, f.TLS.ClientAuth = clients, tls.RequireAndVerifyClientCert
	}
	f.StartTLS()
	t.Cleanup(f.Close)
	return f
}

// written is the file of a cloud; entry is what it says beside the account.
func written(t *testing.T, f *fake, entry thing) string {
	e := thing{"region_name": "one", "auth": thing{"auth_url": f.URL + "/v3", "username": "broker", "password": "secret", "project_name": "service",
		"user_domain_name": "Default", "project_domain_name": "Default"}}
	for k, v := range entry {
		e[k] = v
	}
	return writtenTo(t, e)
}

// writtenTo is a clouds.yaml with the cloud "it".
func writtenTo(t *testing.T, e thing) string {
	text, err := json.Marshal(thing{"clouds": thing{"it": e}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "clouds.yaml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

func TestACloudWithAnAuthorityOfItsOwn(t *testing.T) {
	alone(t)
	ca, other := newAuthority(t), newAuthority(t)
	same := func(*x509.Certificate) {}
	_, _, good := ca.sign(same)
	_, _, named := ca.sign(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"cloud.example"} })
	_, _, old := ca.sign(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, []byte("nothing"), 0o600))
	for name, c := range map[string]struct {
		pair    tls.Certificate
		entry   thing
		env, ca string // OS_CACERT, cloud.ca
		kind    fault.Kind
		says    string
	}{
		"cacert in clouds.yaml":            {pair: good, entry: thing{"cacert": ca.file}},
		"OS_CACERT":                        {pair: good, env: ca.file},
		"OS_CACERT goes before cacert":     {pair: good, entry: thing{"cacert": other.file}, env: ca.file},
		"cloud.ca":                         {pair: good, ca: ca.file},
		"cloud.ca beside cacert":           {pair: good, entry: thing{"cacert": other.file}, ca: ca.file},
		"cacert beside cloud.ca":           {pair: good, entry: thing{"cacert": ca.file}, ca: other.file},
		"verify: false":                    {pair: old, entry: thing{"verify": false}},
		"verify: false goes before cacert": {pair: named, entry: thing{"verify": false, "cacert": other.file}},
		"nobody":                           {pair: good, kind: fault.Unavailable, says: "signed by nobody who is trusted; name the cloud's own authority: cacert in clouds.yaml, OS_CACERT, or cloud.ca"},
		"another authority":                {pair: good, entry: thing{"cacert": other.file}, kind: fault.Unavailable, says: "signed by nobody who is trusted"},
		"another host":                     {pair: named, ca: ca.file, kind: fault.Unavailable, says: "not for the host of auth_url"},
		"expired":                          {pair: old, ca: ca.file, kind: fault.Unavailable, says: "has expired"},
		"both":                             {pair: good, entry: thing{"verify": false}, ca: ca.file, kind: fault.Invalid, says: "take one of the two away"},
		"no certificate":                   {pair: good, ca: empty, kind: fault.Invalid, says: "holds no certificate"},
		"no certificate in clouds.yaml":    {pair: good, entry: thing{"cacert": empty}, kind: fault.Invalid, says: "empty.pem"},
		"no file":                          {pair: good, ca: empty + "x", kind: fault.Invalid, says: "cannot read the certificates"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OS_CACERT", c.env)
			f := behind(t, c.pair, nil)
			f.put("networks", thing{"project_id": f.list("projects")[0]["id"], "name": "lan"})
			var log bytes.Buffer
			d, err := newDriver(t.Context(), Options{Scope: "tls", Cloud: "it", File: written(t, f, c.entry), CA: c.ca, Log: slog.New(slog.NewTextHandler(&log, nil))})
			if c.kind != "" {
				require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
				require.Contains(t, fault.Message(err), c.says)
				require.NotContains(t, err.Error(), "secret")
				return
			}
			require.NoError(t, err)
			seen, err := d.Observe(t.Context(), "service")
			require.NoError(t, err, "the other services are trusted alike")
			require.Len(t, seen.Networks, 1)
			require.Equal(t, c.entry["verify"] == false, bytes.Contains(log.Bytes(), []byte("not verified")), log.String())
		})
	}
}

func TestACloudThatWantsACertificate(t *testing.T) {
	alone(t)
	ca, other := newAuthority(t), newAuthority(t)
	same := func(*x509.Certificate) {}
	_, _, pair := ca.sign(same)
	cert, key, _ := ca.sign(same)
	wrong, wrongKey, _ := other.sign(same)
	clients := x509.NewCertPool()
	clients.AddCert(ca.own)
	for name, c := range map[string]struct {
		entry thing
		env   [2]string // OS_CERT, OS_KEY
		kind  fault.Kind
		says  string
	}{
		"in clouds.yaml":         {entry: thing{"cert": cert, "key": key}},
		"OS_CERT and OS_KEY":     {env: [2]string{cert, key}},
		"none":                   {kind: fault.Unavailable, says: "wants one; name the broker's certificate and its key: cert and key in clouds.yaml"},
		"of another authority":   {entry: thing{"cert": wrong, "key": wrongKey}, kind: fault.Unavailable, says: "does not accept the broker's certificate"},
		"without its key":        {entry: thing{"cert": cert}, kind: fault.Invalid, says: "key is missing"},
		"with another's key":     {entry: thing{"cert": cert, "key": wrongKey}, kind: fault.Invalid, says: "cannot read the account"},
		"that is not to be read": {entry: thing{"cert": cert + "x", "key": key}, kind: fault.Invalid, says: "cert.pemx"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OS_CERT", c.env[0])
			t.Setenv("OS_KEY", c.env[1])
			_, err := newDriver(t.Context(), Options{Scope: "tls", Cloud: "it", File: written(t, behind(t, pair, clients), c.entry), CA: ca.file})
			if c.kind == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
			require.Contains(t, fault.Message(err), c.says)
		})
	}
}

// An account is completed by secure.yaml and by the vendor's clouds-public.yaml, beside
// clouds.yaml or where variables say.
func TestFilesThatCompleteAnAccount(t *testing.T) {
	alone(t)
	dir, elsewhere := t.TempDir(), t.TempDir()
	write := func(file, text string) string {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	file := write(filepath.Join(dir, "clouds.yaml"), `{clouds: {it: {profile: vendor, auth: {username: ann, project_name: acme, user_domain_name: a, project_domain_name: b}}}}`)
	secure := func(dir, password string) string {
		return write(filepath.Join(dir, "secure.yaml"), fmt.Sprintf(`{clouds: {it: {auth: {password: %s}}}}`, password))
	}
	public := func(dir, host string) string {
		return write(filepath.Join(dir, "clouds-public.yaml"), fmt.Sprintf(`{public-clouds: {vendor: {region_name: north, auth: {auth_url: "https://%s/v3"}}}}`, host))
	}
	secure(dir, "beside")
	public(dir, "beside.example")
	read := func() (string, string, string) {
		a, e, _, err := credentials(Options{Cloud: "it", File: file})
		require.NoError(t, err)
		require.Equal(t, "ann", a.Username)
		return a.Password, a.IdentityEndpoint, e.Region
	}
	password, address, region := read()
	require.Equal(t, [3]string{"beside", "https://beside.example/v3", "north"}, [3]string{password, address, region})
	t.Setenv("OS_CLIENT_SECURE_FILE", secure(elsewhere, "elsewhere"))
	t.Setenv("OS_CLIENT_VENDOR_FILE", public(elsewhere, "elsewhere.example"))
	password, address, _ = read()
	require.Equal(t, [2]string{"elsewhere", "https://elsewhere.example/v3"}, [2]string{password, address})
	t.Setenv("OS_CLIENT_SECURE_FILE", filepath.Join(elsewhere, "none"))
	_, _, _, err := credentials(Options{Cloud: "it", File: file})
	require.ErrorIs(t, err, fault.Invalid)
}

// Who sources the file of one account and then names another way to sign in means that.
func TestAnAccountHasOneWayToSignIn(t *testing.T) {
	alone(t)
	for name, value := range map[string]string{"OS_AUTH_URL": "https://cloud.example/v3", "OS_USERNAME": "ann", "OS_USER_DOMAIN_NAME": "people", "OS_TENANT_NAME": "acme",
		"OS_PROJECT_DOMAIN_NAME": "work", "OS_TOKEN": "gAAAA", "OS_ENDPOINT_TYPE": "internalURL"} {
		t.Setenv(name, value)
	}
	methods := func() []any {
		a, e, _, err := credentials(Options{})
		require.NoError(t, err)
		require.EqualValues(t, "internal", e.Availability)
		body, err := a.ToTokenV3CreateMap(nil)
		require.NoError(t, err)
		return body["auth"].(map[string]any)["identity"].(map[string]any)["methods"].([]any)
	}
	require.Equal(t, []any{"token"}, methods())
	t.Setenv("OS_PASSWORD", "secret")
	require.Equal(t, []any{"password"}, methods())
	t.Setenv("OS_APPLICATION_CREDENTIAL_NAME", "broker")
	t.Setenv("OS_APPLICATION_CREDENTIAL_SECRET", "hush")
	require.Equal(t, []any{"application_credential"}, methods())
	t.Setenv("OS_APPLICATION_CREDENTIAL_NAME", "")
	t.Setenv("OS_APPLICATION_CREDENTIAL_ID", "id")
	require.Equal(t, []any{"application_credential"}, methods())
	a, _, _, err := credentials(Options{})
	require.NoError(t, err)
	require.Empty(t, a.Password+a.TokenID+a.Username)
}
