// Package ovn lets a router's port move between two networks of Neutron with OVN
// without a gap in traffic, and has routers send flows through appliances (see Rule), by
// access to OVN's northbound database.
//
// Neutron moves a router's port by two calls, and between them the network has no
// gateway. Here a stand-in carries the traffic meanwhile: a port of the same router
// with the same MAC and addresses, on the network that the port goes to, which takes
// the old port's place in one transaction and goes when Neutron has made the new one.
//
//	Hold    in the database: stand-in comes, old port goes
//	        in Neutron:      remove the old port, add the new one
//	Settle  in the database: stand-in goes
//
// A stand-in has our mark and, in external_ids, the rows that it took the place of.
// So a swap that was cut off anywhere goes on or is undone without a memory: both
// calls look at what there is and do what is left.
package ovn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/model"
	"github.com/ovn-kubernetes/libovsdb/ovsdb"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Options say where the northbound database is.
type Options struct {
	// Address is as OVN has it: tcp:HOST:PORT, ssl:HOST:PORT or unix:PATH, the members
	// of a cluster with commas between them.
	Address string

	// PEM files for ssl: who may have signed the server's certificate, and what this
	// client shows. As OVN does, the chain is verified and not the host's name.
	CA, Certificate, Key string
}

// Northbound is a northbound database. It holds no connection between calls.
type Northbound struct {
	scope   string
	address string
	options []client.Option
}

// Plug is a router's port. Its ids are Neutron's.
type Plug struct {
	ID        string         // the broker's: the same wherever the plug is
	Router    string         // its router
	MAC       string         // its, and the stand-in's
	Addresses []netip.Prefix // with the lengths of their ranges
	Port      string         // the port that the router has in Neutron; empty between the two calls
	Network   string         // that port's
}

// patience is the most that one call to the database may take, and that Neutron may
// take to write there what it has answered.
const patience = 10 * time.Second

// New is the database that options name; scope tells this broker's marks from
// another's. It does not connect.
func New(o Options, scope string) (*Northbound, error) {
	logger := logr.Discard()
	n := &Northbound{scope: scope, address: o.Address, options: []client.Option{client.WithLogger(&logger)}}
	secure := false
	for _, address := range strings.Split(o.Address, ",") {
		method, place, _ := strings.Cut(address, ":")
		if place == "" || method != "tcp" && method != "ssl" && method != "unix" {
			return nil, fault.New(fault.Invalid, "the northbound database's address %.80q is not tcp:HOST:PORT, ssl:HOST:PORT or unix:PATH", address)
		}
		secure = secure || method == "ssl"
		n.options = append(n.options, client.WithEndpoint(address))
	}
	if !secure {
		return n, nil
	}
	config, err := secureBy(o)
	n.options = append(n.options, client.WithTLSConfig(config))
	return n, err
}

// secureBy is a configuration of TLS that verifies the server's chain.
func secureBy(o Options) (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(o.Certificate, o.Key)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the northbound database's client certificate %q and key %q", o.Certificate, o.Key)
	}
	pem, err := os.ReadFile(o.CA)
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.Invalid, "%q holds no certificates that the northbound database's could be signed by", o.CA)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		Certificates:       []tls.Certificate{own},
		InsecureSkipVerify: true, // the host's name only: OVN's certificates have none
		VerifyConnection: func(s tls.ConnectionState) error {
			between := x509.NewCertPool()
			for _, c := range s.PeerCertificates[1:] {
				between.AddCert(c)
			}
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
			return err
		},
	}, nil
}

// Hold has a stand-in on network to carry a plug's traffic from now on. Again it does
// nothing. It fails before it changes anything with Unavailable when the database is
// not reached, and with Conflict when router or network are not OVN's.
func (n *Northbound) Hold(ctx context.Context, p Plug, to string) error {
	return n.holding(ctx, p, to, n.commit)
}

// Ready says whether Hold would succeed, and changes nothing.
func (n *Northbound) Ready(ctx context.Context, p Plug, to string) error {
	return n.holding(ctx, p, to, func(context.Context, client.Client, []ovsdb.Operation) error { return nil })
}

func (n *Northbound) holding(ctx context.Context, p Plug, to string, do func(context.Context, client.Client, []ovsdb.Operation) error) error {
	return n.session(ctx, func(ctx context.Context, c client.Client) error {
		s, err := n.snapshot(ctx, c, p, to)
		if err != nil {
			return err
		}
		ops, err := hold(s, p, to, n.scope)
		if err != nil {
			return err
		}
		return do(ctx, c, ops)
	})
}

// Settle ends what Hold began: the plug's port carries its traffic again, which is
// the one that Neutron has made since, or the old one if that is still there. Without
// a stand-in it does nothing.
func (n *Northbound) Settle(ctx context.Context, p Plug) error {
	return n.session(ctx, func(ctx context.Context, c client.Client) error {
		for {
			s, err := n.snapshot(ctx, c, p, p.Network)
			if err != nil {
				return err
			}
			ops, err := settle(s, p)
			if err == nil {
				return n.commit(ctx, c, ops)
			}
			select {
			case <-ctx.Done():
				return err
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
}

// Left lists the names of this scope's stand-ins.
func (n *Northbound) Left(ctx context.Context) (names []string, err error) {
	err = n.session(ctx, func(ctx context.Context, c client.Client) error {
		results, err := n.transact(ctx, c, chosen(tableRouterPort, ovsdb.NewCondition("external_ids", ovsdb.ConditionIncludes, texts(map[string]string{keyScope: n.scope}))))
		if err != nil {
			return err
		}
		for _, r := range results[0].Rows {
			names = append(names, text(r, "name"))
		}
		return nil
	})
	return names, err
}

// Knows says how many of Neutron's routers are in the database.
func (n *Northbound) Knows(ctx context.Context, routers ...string) (known int, err error) {
	var asked []ovsdb.Operation
	for _, id := range routers {
		asked = append(asked, chosen(tableRouter, named(nameOf(id))))
	}
	if len(asked) == 0 {
		return 0, nil
	}
	err = n.session(ctx, func(ctx context.Context, c client.Client) error {
		results, err := n.transact(ctx, c, asked...)
		for _, r := range results {
			known += min(len(r.Rows), 1)
		}
		return err
	})
	return known, err
}

// session connects for as long as do takes.
func (n *Northbound) session(ctx context.Context, do func(context.Context, client.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	database, err := model.NewClientDBModel("OVN_Northbound", nil)
	if err != nil {
		return err
	}
	c, err := client.NewOVSDBClient(database, n.options...)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Connect(ctx); err != nil {
		return n.unreachable(err)
	}
	return do(ctx, c)
}

func (n *Northbound) unreachable(err error) error {
	return &fault.Error{Kind: fault.Unavailable, Err: err, Message: "OVN's northbound database at " + n.address +
		" is not reached: try again when it is, or let the operator choose cutover: api, with which traffic stops for seconds when a gateway's port moves and no flows are redirected"}
}

// commit carries out a transaction; one without operations is done.
func (n *Northbound) commit(ctx context.Context, c client.Client, ops []ovsdb.Operation) error {
	if len(ops) == 0 {
		return nil
	}
	_, err := n.transact(ctx, c, ops...)
	return err
}

func (n *Northbound) transact(ctx context.Context, c client.Client, ops ...ovsdb.Operation) ([]ovsdb.OperationResult, error) {
	results, err := c.Transact(ctx, ops...)
	if err != nil {
		return nil, n.unreachable(err)
	}
	if failed, err := ovsdb.CheckOperationResults(results, ops); err != nil {
		for _, f := range failed {
			err = errors.Join(err, f)
		}
		return nil, &fault.Error{Kind: fault.Unavailable, Message: "OVN's northbound database has changed in the meantime: try again", Err: err}
	}
	return results, nil
}
