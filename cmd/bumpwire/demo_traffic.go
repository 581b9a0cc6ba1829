//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// The demo's ports. Both have a server behind the gateway; the firewall is told
// to block the second one.
const (
	allowedPort = "8080"
	blockedPort = "23"
)

// traffic keeps a ping and a TCP stream going between the tenant's hosts and a
// server behind their gateway.
type traffic struct {
	ground  ground
	servers []*streamServer
	ping    *pinger
	stream  *download
}

// startTraffic opens all sockets in the namespaces they belong to.
func startTraffic(ctx context.Context, g ground, pinging, streaming string, rate int) (*traffic, error) {
	t := &traffic{ground: g}
	if err := t.serve(ctx); err != nil {
		t.close(0)
		return nil, err
	}
	err := g.inHost(ctx, pinging, func() (err error) {
		t.ping, err = listenPing(net.ParseIP(g.public()), rate)
		return err
	})
	if err == nil {
		err = g.inHost(ctx, streaming, func() error {
			conn, err := net.DialTimeout("tcp4", net.JoinHostPort(g.public(), allowedPort), 5*time.Second)
			t.stream = &download{conn: conn}
			return err
		})
	}
	if err != nil {
		t.stream = nil
		t.close(0)
		return nil, err
	}
	t.ping.start(ctx)
	t.stream.start()
	return t, nil
}

func (t *traffic) serve(ctx context.Context) error {
	return t.ground.inPublic(ctx, func() error {
		for _, port := range []string{allowedPort, blockedPort} {
			s, err := serveStream(net.JoinHostPort(t.ground.public(), port))
			if err != nil {
				return err
			}
			t.servers = append(t.servers, s)
		}
		return nil
	})
}

// reaches says whether a host gets through to a port behind the gateway.
func (t *traffic) reaches(ctx context.Context, host, port string) (through bool, err error) {
	err = t.ground.inHost(ctx, host, func() error {
		through, err = connects(ctx, net.JoinHostPort(t.ground.public(), port), 3*time.Second)
		return err
	})
	return through, err
}

// close ends the traffic; late is how long the last answers may take.
func (t *traffic) close(late time.Duration) {
	if t.ping != nil {
		t.ping.close(late)
	}
	if t.stream != nil {
		t.stream.close()
	}
	for _, s := range t.servers {
		s.close()
	}
}

// path is what a packet of the tenant really passes, by name.
func path(ctx context.Context, g ground, f topology.Fabric, host, network string) ([]string, error) {
	passed, reached, err := g.trace(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("cannot trace a packet of %s: %w", host, err)
	}
	if !reached {
		return nil, fmt.Errorf("%s does not reach its gateway", host)
	}
	names := []string{network}
	for _, id := range passed {
		names = append(names, applianceName(f, id))
	}
	return append(names, f.Gateways[0].Name), nil
}

func applianceName(f topology.Fabric, id topology.ApplianceID) string {
	for _, a := range f.Appliances {
		if a.ID == id {
			return a.Name
		}
	}
	return string(id)
}
