package broker

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// account is a platform or a user as stored.
type account struct {
	Name    string    `json:"name"`
	Role    api.Role  `json:"role,omitempty"` // empty: a platform
	Vendor  string    `json:"vendor,omitempty"`
	Tenant  string    `json:"tenant,omitempty"`
	Rules   rules     `json:"rules,omitzero"` // of a platform
	Hashes  []string  `json:"hashes"`         // bcrypt, the newest first; at most two
	Created time.Time `json:"created"`
	Rotated time.Time `json:"rotated,omitzero"`
}

// Accounts knows platforms and users. A password that was right once is
// recognised again by a keyed digest in memory, so that a busy platform costs
// microseconds; a change made by any broker counts at once.
type Accounts struct {
	Cost int // bcrypt's, for new passwords; set before use

	platforms store.Collection[account]
	users     store.Collection[account]
	key       []byte        // of the digests; new with every process
	hashing   chan struct{} // bounds what wrong passwords may cost

	mu    sync.Mutex
	right map[[32]byte]string // digest of name and password: the hash it matched
}

const (
	maxRemember  = 10_000 // digests; then all are forgotten
	maxPassword  = 72     // bytes that bcrypt looks at
	platformKind = "platform"
	userKind     = "user"
)

// NewAccounts keeps accounts in a store.
func NewAccounts(s *store.Store) *Accounts {
	return &Accounts{
		platforms: store.In[account](s, "platforms", nil),
		users:     store.In[account](s, "users", nil),
		Cost:      bcrypt.DefaultCost,
		key:       []byte(rand.Text()),
		hashing:   make(chan struct{}, 2),
		right:     map[[32]byte]string{},
	}
}

// Empty says whether there is neither a platform nor a user yet.
func (a *Accounts) Empty(ctx context.Context) (bool, error) {
	for _, c := range []store.Collection[account]{a.platforms, a.users} {
		one, err := c.List(ctx, store.Query{Limit: 1})
		if err != nil || len(one) > 0 {
			return false, err
		}
	}
	return true, nil
}

// SetPlatform makes a platform with this password, or gives it to the one there is.
func (a *Accounts) SetPlatform(ctx context.Context, name, password string) error {
	return a.set(ctx, platformKind, account{Name: name}, password)
}

// SetOperator makes an operator with this password, or gives it to the one there is.
func (a *Accounts) SetOperator(ctx context.Context, name, password string) error {
	return a.set(ctx, userKind, account{Name: name, Role: api.Operator}, password)
}

func (a *Accounts) set(ctx context.Context, kind string, fresh account, password string) error {
	if err := checkAccount(kind, fresh); err != nil {
		return err
	}
	if _, err := a.check(ctx, kind, fresh.Name, password); err == nil {
		return nil
	}
	hash, err := a.hash(password)
	if err != nil {
		return err
	}
	_, err = a.in(kind).Upsert(ctx, fresh.Name, func(old account, exists bool) (account, error) {
		if !exists {
			old = fresh
			old.Created = now()
		}
		old.Hashes = []string{hash}
		return old, nil
	})
	return err
}

// add makes a new account with a new password and gives that.
func (a *Accounts) add(ctx context.Context, kind string, fresh account) (string, error) {
	if err := checkAccount(kind, fresh); err != nil {
		return "", err
	}
	password := rand.Text()
	hash, err := a.hash(password)
	if err != nil {
		return "", err
	}
	fresh.Hashes, fresh.Created = []string{hash}, now()
	err = a.in(kind).Create(ctx, fresh.Name, fresh)
	if errors.Is(err, fault.Conflict) {
		return "", fault.New(fault.Conflict, "%s %q exists already", kind, fresh.Name)
	}
	return password, err
}

// rotate gives an account a new password beside the one before.
func (a *Accounts) rotate(ctx context.Context, kind, name string) (string, error) {
	password := rand.Text()
	hash, err := a.hash(password)
	if err != nil {
		return "", err
	}
	_, err = a.in(kind).Update(ctx, name, func(old account) (account, error) {
		old.Hashes = append([]string{hash}, old.Hashes[:min(1, len(old.Hashes))]...)
		old.Rotated = now()
		return old, nil
	})
	return password, absent(err, kind, name)
}

// setRules replaces a platform's rules.
func (a *Accounts) setRules(ctx context.Context, name string, r rules) (account, error) {
	acc, err := a.platforms.Update(ctx, name, func(old account) (account, error) {
		old.Rules = r
		return old, nil
	})
	return acc, absent(err, platformKind, name)
}

func (a *Accounts) remove(ctx context.Context, kind, name string) error {
	if _, err := a.in(kind).Get(ctx, name); err != nil {
		return absent(err, kind, name)
	}
	return a.in(kind).Delete(ctx, name)
}

func absent(err error, kind, name string) error {
	if errors.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "there is no %s %q", kind, name)
	}
	return err
}

// check gives the account whose password this is, or Unauthorized.
func (a *Accounts) check(ctx context.Context, kind, name, password string) (account, error) {
	acc, err := a.lookup(ctx, kind, name)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return account{}, err
	}
	digest := a.digest(kind, name, password)
	for _, hash := range acc.Hashes {
		if a.recognised(digest, hash) {
			return acc, nil
		}
	}
	if a.compare(ctx, acc.Hashes, digest, password) {
		return acc, nil
	}
	return account{}, fault.New(fault.Unauthorized, "the credentials are not right")
}

// compare does the slow comparison, also for a name that does not exist, so that
// the time it takes does not tell which names do.
func (a *Accounts) compare(ctx context.Context, hashes []string, digest [32]byte, password string) bool {
	select {
	case a.hashing <- struct{}{}:
		defer func() { <-a.hashing }()
	case <-ctx.Done():
		return false
	}
	if len(hashes) == 0 {
		_, _ = bcrypt.GenerateFromPassword([]byte("nobody"), a.Cost)
		return false
	}
	for _, hash := range hashes {
		if len(password) <= maxPassword && bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil {
			a.remember(digest, hash)
			return true
		}
	}
	return false
}

func (a *Accounts) lookup(ctx context.Context, kind, name string) (account, error) {
	if !goodName(name) {
		return account{}, fault.NotFound
	}
	acc, err := a.in(kind).Look(ctx, name)
	if err != nil {
		return account{}, err
	}
	return *acc, nil
}

func (a *Accounts) recognised(digest [32]byte, hash string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.right[digest] == hash
}

func (a *Accounts) remember(digest [32]byte, hash string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.right) >= maxRemember {
		clear(a.right)
	}
	a.right[digest] = hash
}

// digest is keyed, so that who sees memory cannot try passwords elsewhere. Neither
// a kind nor a good name holds a NUL.
func (a *Accounts) digest(kind, name, password string) [32]byte {
	text := make([]byte, 0, 256) // on the stack
	text = append(append(text, a.key...), kind...)
	text = append(append(text, 0), name...)
	text = append(append(text, 0), password...)
	return sha256.Sum256(text)
}

func (a *Accounts) hash(password string) (string, error) {
	if len(password) < 8 || len(password) > maxPassword {
		return "", fault.New(fault.Invalid, "a password has 8 to %d bytes", maxPassword)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), a.Cost)
	if err != nil {
		return "", fmt.Errorf("cannot hash a password: %w", err)
	}
	return string(hash), nil
}

func (a *Accounts) in(kind string) store.Collection[account] {
	if kind == platformKind {
		return a.platforms
	}
	return a.users
}

// goodName says whether a text is 1 to 63 letters, digits and, but for the first,
// dots, hyphens and underscores. It is asked at each request.
func goodName(name string) bool {
	for n, c := range []byte(name) {
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !plain && (n == 0 || c != '.' && c != '-' && c != '_') {
			return false
		}
	}
	return name != "" && len(name) <= 63
}

// checkAccount refuses names that would not survive a Basic header or a listing.
func checkAccount(kind string, a account) error {
	if !goodName(a.Name) {
		return fault.New(fault.Invalid, "%q cannot be a %s's name: it has 1 to 63 letters, digits, dots, hyphens or underscores", a.Name, kind)
	}
	if kind == platformKind {
		return nil
	}
	switch {
	case a.Role == api.Operator && a.Vendor == "" && a.Tenant == "",
		a.Role == api.Vendor && a.Vendor != "" && a.Tenant == "",
		a.Role == api.Tenant && a.Tenant != "" && a.Vendor == "":
		return nil
	}
	return fault.New(fault.Invalid, "a user is an operator, a vendor's (with a vendor) or a tenant's (with a tenant)")
}

func now() time.Time { return time.Now().UTC() }
