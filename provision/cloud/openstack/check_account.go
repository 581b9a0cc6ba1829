package openstack

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

// signInRemedy is what usually helps an account that is not let in.
func signInRemedy(err error) string {
	if why := distrust(err); why != "" {
		return remedies[why]
	}
	switch fault.KindOf(err) {
	case fault.Unauthorized:
		return "correct user, password, domains and project in clouds.yaml or the OS_ variables; an application credential may have expired"
	case fault.Invalid:
		return "correct clouds.yaml or the OS_ variables"
	}
	return "see that auth_url is right, and reached from this machine"
}

// credential is what a token says of the account.
type credential struct {
	User    struct{ Name string }
	Methods []string
	Roles   []struct{ Name string }
	Catalog []tokens.CatalogEntry
	Trust   struct{ ID string } `json:"OS-TRUST:trust"`
}

// credential reads the account's token.
func (s *session) credential() (c credential, err error) {
	result, ok := s.provider.GetAuthResult().(interface{ ExtractInto(any) error })
	if !ok {
		return c, fault.New(fault.Invalid, "the cloud's identity service has no version 3")
	}
	return c, said("read the token", result.ExtractInto(&c))
}

func (c credential) roles() (names []string) {
	for _, r := range c.Roles {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names
}

// account says who the account is, and how it signs in.
func (e *examination) account() {
	c, err := e.d.credential()
	if err != nil {
		e.missing("account", "sign in", err, signInRemedy(err))
		return
	}
	e.met("account", "sign in", "user %s for project %s, roles %s", c.User.Name, e.d.projectName, strings.Join(c.roles(), ", "))
	e.renewal(c)
	e.encryption()
	e.add(mayMake(c.roles()))
}

func (e *examination) renewal(c credential) {
	const need = "a new token when one expires"
	switch {
	case e.d.provider.ReauthFunc == nil:
		e.limited("account", need, "the account is a token, which ends, and with it what the broker can do", "sign in with an application credential, or a password")
	case slices.Contains(c.Methods, "application_credential"):
		e.met("account", need, "by application credential")
	case c.Trust.ID != "":
		e.met("account", need, "by password, with trust %s", c.Trust.ID)
	default:
		e.met("account", need, "by password")
	}
}

func (e *examination) encryption() {
	const need = "encrypted connections"
	switch {
	case strings.HasPrefix(e.d.provider.IdentityBase, "http:"):
		e.limited("account", need, "auth_url begins with http: passwords and tokens can be read on the way", "have the cloud's endpoints offer TLS, and use them")
	case e.d.unverified():
		e.limited("account", need, "certificates are not verified (verify: false): whoever is in between can read passwords and tokens", "name the cloud's authority instead: cacert in clouds.yaml, OS_CACERT, or cloud.ca")
	default:
		e.met("account", need, "TLS, certificates are verified")
	}
}

// mayMake judges the roles of an account as far as they tell: the services' policies
// say what a role may, and nobody can read these.
func mayMake(roles []string) cloud.Finding {
	f := cloud.Finding{Area: "rights", Need: "make networks, ports and servers", Verdict: cloud.Met, Found: fmt.Sprintf("by role %s, if the services' policies are the usual ones", strings.Join(roles, ", "))}
	if !slices.ContainsFunc(roles, func(r string) bool { return r != "reader" }) {
		f.Verdict, f.Kind = cloud.Missing, fault.Forbidden
		f.Found, f.Remedy = "the account's only role is reader", "give it the role member in its project, or admin to serve all projects"
	}
	return f
}
