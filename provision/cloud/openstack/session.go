package openstack

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// patience is how long one call may take, the upload of an image apart.
const patience = 90 * time.Second

// session is an account's way into a cloud: a token that renews itself and the
// services that the account's catalog has.
type session struct {
	provider             *gophercloud.ProviderClient
	endpoint             gophercloud.EndpointOpts
	project, projectName string // the account's own
	domain               string // in which tenants are looked up by name

	identity, network, compute *gophercloud.ServiceClient
	// Services that a cloud may lack; nil then.
	image, volume, objects *gophercloud.ServiceClient
}

// connect signs in and finds the cloud's services. Unauthorized when the cloud does not
// know the account, Invalid when the configuration names no cloud.
func connect(ctx context.Context, o Options) (*session, error) {
	s, err := signIn(ctx, o)
	if err != nil {
		return nil, err
	}
	return s, s.services()
}

// signIn finds out who the account is, and no services.
func signIn(ctx context.Context, o Options) (*session, error) {
	account, endpoint, secure, err := credentials(o)
	if err != nil {
		return nil, err
	}
	account.AllowReauth = account.TokenID == ""
	provider, err := openstack.NewClient(account.IdentityEndpoint)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Message: "the address of the cloud's identity service is none", Err: err}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig, transport.ResponseHeaderTimeout = secure, patience
	provider.HTTPClient = http.Client{Transport: transport}
	provider.UserAgent.Prepend("bumpwire")
	if err := openstack.Authenticate(ctx, provider, account); err != nil {
		return nil, distrusted(said("sign in", err))
	}
	s := &session{provider: provider, endpoint: endpoint}
	return s, s.whoami()
}

// whoami reads the account's project out of the token.
func (s *session) whoami() error {
	result, ok := s.provider.GetAuthResult().(interface {
		ExtractProject() (*tokens.Project, error)
	})
	if !ok {
		return fault.New(fault.Invalid, "the cloud's identity service has no version 3")
	}
	project, err := result.ExtractProject()
	if err != nil {
		return said("read the token", err)
	}
	if project == nil || project.ID == "" {
		return fault.New(fault.Invalid, "the account is signed in without a project; name one (OS_PROJECT_NAME, or project_name in clouds.yaml)")
	}
	s.project, s.projectName, s.domain = project.ID, project.Name, project.Domain.ID
	return nil
}

// credentials are those of a cloud in clouds.yaml, when one is named, and otherwise
// those of the environment.
func credentials(o Options) (gophercloud.AuthOptions, gophercloud.EndpointOpts, *tls.Config, error) {
	var options []clouds.ParseOption
	switch name := cmp.Or(o.Cloud, os.Getenv("OS_CLOUD")); {
	case name != "":
		options = append(options, clouds.WithCloudName(name))
		if o.File != "" {
			options = append(options, clouds.WithLocations(o.File))
		}
	case os.Getenv("OS_AUTH_URL") != "":
		stated, err := environment()
		if err != nil {
			return gophercloud.AuthOptions{}, gophercloud.EndpointOpts{}, nil, err
		}
		options = append(options, clouds.WithCloudName("environment"), clouds.WithCloudsYAML(bytes.NewReader(stated)))
	default:
		return gophercloud.AuthOptions{}, gophercloud.EndpointOpts{}, nil,
			fault.New(fault.Invalid, "no cloud is named: set cloud.name, OS_CLOUD, or OS_AUTH_URL with the account's other OS_ variables")
	}
	if o.Region != "" {
		options = append(options, clouds.WithRegion(o.Region))
	}
	beside, err := besides(o)
	if err != nil {
		return gophercloud.AuthOptions{}, gophercloud.EndpointOpts{}, nil, err
	}
	account, endpoint, secure, err := clouds.Parse(append(options, beside...)...)
	if err != nil {
		return account, endpoint, nil, &fault.Error{Kind: fault.Invalid, Message: "cannot read the account of the cloud: " + err.Error()}
	}
	if o.CA != "" {
		err = trust(secure, o.CA)
	}
	return oneWay(account), endpoint, secure, err
}

// besides are the files that complete clouds.yaml, where they are elsewhere than every
// tool looks for them.
func besides(o Options) (options []clouds.ParseOption, err error) {
	if file := os.Getenv("OS_CLIENT_SECURE_FILE"); file != "" {
		secrets, err := os.ReadFile(file)
		if err != nil {
			return nil, fault.New(fault.Invalid, "cannot read the account of the cloud: %s", err)
		}
		options = append(options, clouds.WithSecureYAML(bytes.NewReader(secrets)))
	}
	switch file := os.Getenv("OS_CLIENT_VENDOR_FILE"); {
	case file != "":
		options = append(options, clouds.WithPublicLocations(file))
	case o.File != "":
		options = append(options, clouds.WithPublicLocations(filepath.Join(filepath.Dir(o.File), "clouds-public.yaml"), "/etc/openstack/clouds-public.yaml"))
	}
	return options, nil
}

// oneWay leaves an account one way to sign in, where the variables that people have set
// would give it several: an application credential, a password, a token.
func oneWay(a gophercloud.AuthOptions) gophercloud.AuthOptions {
	switch {
	case a.ApplicationCredentialID != "":
		a.Password, a.TokenID, a.Username, a.UserID, a.DomainID, a.DomainName = "", "", "", "", "", ""
	case a.ApplicationCredentialName != "":
		a.Password, a.TokenID = "", ""
	case a.Password != "":
		a.TokenID = ""
	case a.TokenID != "":
		a.Username, a.UserID, a.DomainID, a.DomainName = "", "", "", ""
	}
	return a
}

// environment states the OS_ variables as a cloud of clouds.yaml, of which JSON is a
// subset, so that both mean the same.
func environment() ([]byte, error) {
	auth := map[string]string{}
	for key, variable := range map[string]string{
		"auth_url": "OS_AUTH_URL", "token": "OS_TOKEN", "username": "OS_USERNAME", "user_id": "OS_USER_ID", "password": "OS_PASSWORD",
		"user_domain_name": "OS_USER_DOMAIN_NAME", "user_domain_id": "OS_USER_DOMAIN_ID",
		"project_domain_name": "OS_PROJECT_DOMAIN_NAME", "project_domain_id": "OS_PROJECT_DOMAIN_ID",
		"domain_name": "OS_DOMAIN_NAME", "domain_id": "OS_DOMAIN_ID",
		"application_credential_id": "OS_APPLICATION_CREDENTIAL_ID", "application_credential_name": "OS_APPLICATION_CREDENTIAL_NAME",
		"application_credential_secret": "OS_APPLICATION_CREDENTIAL_SECRET", "trust_id": "OS_TRUST_ID",
	} {
		if value := os.Getenv(variable); value != "" {
			auth[key] = value
		}
	}
	for key, variables := range map[string][2]string{"project_name": {"OS_PROJECT_NAME", "OS_TENANT_NAME"}, "project_id": {"OS_PROJECT_ID", "OS_TENANT_ID"}} {
		if value := cmp.Or(os.Getenv(variables[0]), os.Getenv(variables[1])); value != "" {
			auth[key] = value
		}
	}
	cloud := map[string]any{"auth": auth, "region_name": os.Getenv("OS_REGION_NAME"), "interface": cmp.Or(os.Getenv("OS_INTERFACE"), os.Getenv("OS_ENDPOINT_TYPE"))}
	return json.Marshal(map[string]any{"clouds": map[string]any{"environment": cloud}})
}

// isMissing says that a thing is not there.
func isMissing(err error) bool {
	answer, ok := unexpected(err)
	return ok && answer.Actual == http.StatusNotFound && !shutOut.Match(answer.Body)
}

// shutOut is how Keystone answers, with 404, whatever it is asked for with the token of
// a credential or a trust that was deleted.
var shutOut = regexp.MustCompile(`(?i)could not find (application credential|trust|token)`)

// unexpected is the cloud's answer in an error, if there was one.
func unexpected(err error) (gophercloud.ErrUnexpectedResponseCode, bool) {
	var answer gophercloud.ErrUnexpectedResponseCode
	ok := errors.As(err, &answer)
	return answer, ok
}
