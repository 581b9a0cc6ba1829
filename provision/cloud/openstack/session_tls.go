package openstack

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// trust adds a file of certificates to those that the cloud's certificate may be
// signed by: the system's, or those of cacert. Invalid where certificates are not
// verified at all.
func trust(secure *tls.Config, path string) error {
	if secure.InsecureSkipVerify {
		return fault.New(fault.Invalid, "certificates to be trusted are named (%s), and clouds.yaml says not to verify any (verify: false): take one of the two away", path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return &fault.Error{Kind: fault.Invalid, Message: "cannot read the certificates of the cloud's authority: " + err.Error()}
	}
	if secure.RootCAs == nil {
		if secure.RootCAs, err = x509.SystemCertPool(); err != nil {
			secure.RootCAs = x509.NewCertPool()
		}
	}
	if !secure.RootCAs.AppendCertsFromPEM(raw) {
		return fault.New(fault.Invalid, "%s holds no certificate", path)
	}
	return nil
}

// unverified says whether the account's clouds.yaml has certificates not verified.
func (s *session) unverified() bool {
	t, ok := s.provider.HTTPClient.Transport.(*http.Transport)
	return ok && t.TLSClientConfig != nil && t.TLSClientConfig.InsecureSkipVerify
}

// How a connection fails whose ends do not trust each other.
const (
	stranger = "the cloud's certificate is signed by nobody who is trusted"
	misnamed = "the cloud's certificate is not for the host of auth_url"
	outdated = "the cloud's certificate has expired, or is not valid yet"
	unwanted = "the cloud does not accept the broker's certificate, or wants one"
)

// remedies of these.
var remedies = map[string]string{
	stranger: "name the cloud's own authority: cacert in clouds.yaml, OS_CACERT, or cloud.ca",
	misnamed: "use a host name that is in the certificate",
	outdated: "have an operator of the cloud renew it, and look at this machine's clock",
	unwanted: "name the broker's certificate and its key: cert and key in clouds.yaml, or OS_CERT and OS_KEY",
}

// distrust is why two ends do not trust each other; empty when something else is wrong.
func distrust(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var remote *net.OpError
	switch {
	case errors.As(err, &unknown):
		return stranger
	case errors.As(err, &name):
		return misnamed
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return outdated
	case errors.As(err, &remote) && remote.Op == "remote error": // an alert of TLS
		return unwanted
	}
	return ""
}

// distrusted says so, where that is why nobody answered.
func distrusted(err error) error {
	if why := distrust(err); why != "" {
		return &fault.Error{Kind: fault.Unavailable, Message: "cannot sign in: " + why + "; " + remedies[why], Err: err}
	}
	return err
}
