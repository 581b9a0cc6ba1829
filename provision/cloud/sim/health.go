package sim

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Dial opens a connection to an appliance's management address, where every port
// answers what serve does once the appliance is up. Unavailable when nothing
// there does.
func (c *Cloud) Dial(ctx context.Context, tenant topology.TenantID, to netip.AddrPort) (conn net.Conn, err error) {
	err = c.call(ctx, Call{Verb: Dial, Tenant: tenant}, func() error {
		at, err := c.listener(tenant, to)
		if err != nil {
			return err
		}
		client, server := net.Pipe()
		conn = client
		// Serve takes up the one connection and returns: the listener has no second.
		if err := c.health.Serve(&oneConn{conn: applianceConn{server, at}}); errors.Is(err, http.ErrServerClosed) {
			return fault.New(fault.Unavailable, "cannot connect to %s: this side is closed", to)
		}
		return nil
	})
	if err != nil && conn != nil {
		_ = conn.Close()
		conn = nil
	}
	return conn, err
}

// listener finds the appliance that listens at a management address.
func (c *Cloud) listener(tenant topology.TenantID, to netip.AddrPort) (at address, err error) {
	err = c.view(func(w *world) error {
		e, err := w.tenant(tenant)
		if err != nil {
			return err
		}
		for _, a := range e.Fabric.Appliances {
			listens := func(l topology.Leg) bool {
				return l.Role == topology.Management && l.At != "" && l.Address.Addr() == to.Addr()
			}
			if a.Booted && slices.ContainsFunc(a.Legs, listens) && e.Machines[a.ID].forwards(c.options) {
				at = address{tenant, a.ID, to}
				return nil
			}
		}
		return fault.New(fault.Unavailable, "cannot connect to %s: connection refused", to)
	})
	return at, err
}

// address is where a connection leads.
type address struct {
	tenant    topology.TenantID
	appliance topology.ApplianceID
	to        netip.AddrPort
}

type applianceKey struct{}

func withAppliance(ctx context.Context, conn net.Conn) context.Context {
	if a, ok := conn.(applianceConn); ok {
		return context.WithValue(ctx, applianceKey{}, a.at)
	}
	return ctx
}

// applianceConn is the appliance's end of a connection.
type applianceConn struct {
	net.Conn
	at address
}

// oneConn is a listener with a single connection.
type oneConn struct{ conn net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	return nil, net.ErrClosed
}

// Close drops the connection if nobody accepted it.
func (l *oneConn) Close() error {
	if l.conn != nil {
		return l.conn.Close()
	}
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }
