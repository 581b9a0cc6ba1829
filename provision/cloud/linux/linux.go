//go:build linux

package linux

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Cloud is the embedded cloud. It is safe for concurrent use by different
// tenants; see cloud.Cloud. It keeps nothing in memory but caches.
type Cloud struct {
	scope    string
	dir      string
	names    string // where named namespaces are bound: the ip command's folder where possible
	log      *slog.Logger
	machines launcher
	places   sync.RWMutex // see tenant.go
}

var _ cloud.Testbed = (*Cloud)(nil)

var scopes = regexp.MustCompile(`^[a-z0-9]{1,16}$`)

// New opens the cloud of a scope. It makes nothing but Options.Dir; whether the
// machine can carry the rest is Check's to say. Errors: Invalid for wrong
// options, Full or internal when Dir cannot be made.
func New(ctx context.Context, o Options) (*Cloud, error) {
	if !scopes.MatchString(o.Scope) {
		return nil, fault.New(fault.Invalid, "the scope %q must be 1 to 16 letters a-z and digits", o.Scope)
	}
	if o.Dir == "" {
		return nil, fault.New(fault.Invalid, "the linux cloud needs a directory for images and disks")
	}
	switch o.Accelerator {
	case "", "kvm", "tcg":
	default:
		return nil, fault.New(fault.Invalid, "the accelerator %q must be kvm, tcg or empty", o.Accelerator)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	// Disks and environments hold tenants' secrets.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, noSpace(err)
	}
	c := &Cloud{scope: o.Scope, dir: dir, names: namesDir(dir), log: o.Log}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.machines = newQEMU(c, o.Accelerator)
	return c, nil
}

// Name is "linux".
func (c *Cloud) Name() string { return "linux" }

// Interruption is about none: a plug changes its bridge while its addresses are
// announced. Of 10,000 packets at 1,000 a second over two moves none or one is lost.
func (c *Cloud) Interruption() time.Duration { return time.Millisecond }

// Close has nothing to release: no socket, process or goroutine outlives a call.
func (c *Cloud) Close() error { return nil }

// token is the readable and unmistakable short form of an id that appears in
// names. It never holds a dash, so that names made of it are read one way only.
func token(id string) string {
	slug := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, id)
	return slug[:min(len(slug), 20)] + "." + digest(id)[:8]
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// tenantDir holds a tenant's facts and appliances.
func (c *Cloud) tenantDir(t topology.TenantID) string {
	return filepath.Join(c.dir, "tenants", token(string(t)))
}

func (c *Cloud) fabricName(t topology.TenantID) string {
	return "bw-" + c.scope + "-" + token(string(t))
}

// gatewayName is the namespace of one of a tenant's gateways; the default one's bears
// no name of its own.
func (c *Cloud) gatewayName(t topology.TenantID, g topology.GatewayID) string {
	if g == defaultGateway {
		return c.fabricName(t) + "-gw"
	}
	return c.fabricName(t) + "-gw-" + string(g)
}

func (c *Cloud) hostName(t topology.TenantID, host string) string {
	return c.fabricName(t) + "-h-" + host
}
