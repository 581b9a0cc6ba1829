package provision

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Account is a binding's own login on the appliance, where the package declares
// that there can be several.
type Account struct {
	User    string    `json:"user"`
	Secret  string    `json:"secret"`           // sealed
	Expires time.Time `json:"expires,omitzero"` // when the broker removes it; zero: with its binding
	Revoked bool      `json:"revoked,omitempty"`
}

// live says whether the appliance has the account, or may have it.
func (a *Account) live() bool { return a != nil && !a.Revoked }

// openAccount makes up a login for a binding. Its name follows from the binding's
// id, so that a rerun finds what an earlier run made.
func (s *Service) openAccount(i Instance, id BindingID) *Account {
	a := &Account{User: accountUser(id), Secret: s.key.Seal([]byte(password(ovf.Rules{})), accountName(i.ID, id))}
	if s.lifetime > 0 {
		a.Expires = time.Now().UTC().Add(s.lifetime).Truncate(time.Second)
	}
	return a
}

// accountUser is the name of a binding's account.
func accountUser(id BindingID) string {
	sum := sha256.Sum256([]byte(id))
	return "bw-" + hex.EncodeToString(sum[:6])
}

// accountName binds a sealed password to its place, so that it cannot be moved.
func accountName(i topology.InstanceID, b BindingID) string {
	return "binding/" + string(i) + "/" + string(b)
}

// The tasks on accounts.
const (
	taskGrant  work.TaskKind = "grant"
	taskRevoke work.TaskKind = "revoke"
)

type accountArgs struct {
	Instance topology.InstanceID `json:"instance"`
	Binding  BindingID           `json:"binding"`
	Member   int                 `json:"member,omitempty"` // which appliance
}

// accountTasks make or remove a binding's account, on each appliance that answers.
// The others are told when they do again.
func accountTasks(kind work.TaskKind, i Instance, b BindingID) []work.Task {
	var tasks []work.Task
	for n := range i.members() {
		if i.silent(n) {
			continue
		}
		tasks = append(tasks, accountTask(kind, i, b, n))
	}
	return tasks
}

func accountTask(kind work.TaskKind, i Instance, b BindingID, member int) work.Task {
	args, _ := json.Marshal(accountArgs{i.ID, b, member}) // strings always marshal
	return work.Task{Kind: kind, Summary: fmt.Sprintf("%s the login of a binding of %q", kind, i.firstOf(member)), Args: args}
}

// regrants are the tasks that give appliances which boot in these steps the
// accounts of their bindings again: they are not kept on a disk.
func (s *Service) regrants(ctx context.Context, steps []topology.Step) ([]work.Task, error) {
	var tasks []work.Task
	for _, step := range steps {
		if step.Verb != topology.Boot {
			continue
		}
		i, err := s.instances.Get(ctx, string(step.Appliance.Instance))
		member := 0
		if err == nil {
			i, member, err = i.owner(step.Appliance.ID)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot look up the logins of %q: %w", step.Appliance.Name, err)
		}
		for _, b := range i.sortedBindings() {
			if b.InPlace && b.Account.live() {
				tasks = append(tasks, accountTask(taskGrant, i, b.ID, member))
			}
		}
	}
	return tasks, nil
}

// grant tells the appliance a binding's login.
func (s *Service) grant(ctx context.Context, c work.Change, t work.Task) error {
	i, b, err := s.accountOf(ctx, c, t)
	if err != nil || b == nil || b.Account == nil {
		return err
	}
	plain, err := s.key.Open(b.Account.Secret, accountName(i.ID, b.ID))
	if err != nil {
		return fmt.Errorf("cannot open the sealed login of binding %q: %w", b.ID, err)
	}
	return s.tell(ctx, i, http.MethodPut, b.Account.User, plain)
}

// revoke has the appliance forget a binding's login.
func (s *Service) revoke(ctx context.Context, c work.Change, t work.Task) error {
	i, b, err := s.accountOf(ctx, c, t)
	if err != nil || b == nil {
		return err
	}
	return s.tell(ctx, i, http.MethodDelete, accountUser(b.ID), nil)
}

// ungrant undoes a grant. An appliance that does not answer is left alone: nobody
// has been told the login, which ends with the machine.
func (s *Service) ungrant(ctx context.Context, c work.Change, t work.Task) error {
	err := s.revoke(ctx, c, t)
	if fault.KindOf(err) == fault.Unavailable {
		s.log.Warn("an appliance may keep a login that was never handed out", "change", c.ID, "error", err)
		return nil
	}
	return err
}

// accountOf is what an account task is about; the binding is nil when it has gone.
// An update tells logins to the appliance that it has made.
func (s *Service) accountOf(ctx context.Context, c work.Change, t work.Task) (Instance, *Binding, error) {
	var args accountArgs
	if err := json.Unmarshal(t.Args, &args); err != nil {
		return Instance{}, nil, fmt.Errorf("cannot read a stored task: %w", err)
	}
	i, err := s.instances.Get(ctx, string(args.Instance))
	if err != nil {
		return i, nil, fmt.Errorf("cannot find instance %q: %w", args.Instance, err)
	}
	i = i.as(c.ID).member(args.Member)
	b := i.Bindings[args.Binding]
	if b == nil || !i.Insertion.Rotatable() || !i.Management.IsValid() {
		return i, nil, nil
	}
	return i, b, nil
}

const accountPatience = 10 * time.Second

// tell sends a request about a login to the appliance. What it answers is not
// repeated to anybody: it is untrusted.
func (s *Service) tell(ctx context.Context, i Instance, method, user string, password []byte) error {
	ctx, cancel := context.WithTimeout(ctx, accountPatience)
	defer cancel()
	m := i.Insertion.Management
	to := netip.AddrPortFrom(i.Management.Addr(), uint16(m.Port))
	var body io.Reader
	if password != nil {
		text, err := json.Marshal(map[string]string{"password": string(password)})
		if err != nil {
			return fmt.Errorf("cannot encode a login: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, m.Protocol+"://"+to.String()+strings.ReplaceAll(m.Accounts, "{user}", user), body)
	if err != nil {
		return fault.New(fault.Invalid, "the package names an impossible path for logins")
	}
	admin, err := s.secret(i, m.PasswordProperty)
	if err != nil {
		return err
	}
	req.SetBasicAuth(m.User, admin)
	req.Header.Set("Content-Type", "application/json")
	status, err := s.exchange(i.place(), to, req)
	switch {
	case err != nil:
		return &fault.Error{Kind: fault.Unavailable, Message: fmt.Sprintf("the appliance of %q does not answer on its management address", i.Name), Err: err}
	case status/100 == 2, method == http.MethodDelete && status == http.StatusNotFound:
		return nil
	case status/100 == 5, status == http.StatusTooManyRequests:
		return fault.New(fault.Unavailable, "the appliance of %q cannot change logins now: it answers %d", i.Name, status)
	}
	return fault.New(fault.Conflict, "the appliance of %q refuses a login with status %d", i.Name, status)
}

// exchange does one request over the tenant's management network.
func (s *Service) exchange(p Place, to netip.AddrPort, req *http.Request) (status int, err error) {
	at, err := s.in(p)
	if err != nil {
		return 0, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return at.Dial(ctx, p.Tenant, to) }
	one := http.Transport{
		DialContext: dial, DisableKeepAlives: true,
		// An appliance signs its own certificate at its first boot. The address is on
		// a network of the broker's making, with nobody else's machines in it.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	defer one.CloseIdleConnections()
	resp, err := one.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // the status says all, the body only has to end
	return resp.StatusCode, nil
}
