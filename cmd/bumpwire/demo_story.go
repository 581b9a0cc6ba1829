//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// The demo's names.
const (
	demoTenant   = "acme"
	demoNetwork  = "lan"
	demoInstance = "demo-firewall"
	demoBinding  = "demo-binding"
	pingingHost  = "alice"
	streamHost   = "bob"
)

// play tells the story. What came true goes into the report as it happens.
func (s *stage) play(ctx context.Context, r *report) error {
	before, err := s.tenantNetwork(ctx, r)
	if err != nil {
		return err
	}
	s.traffic, err = startTraffic(ctx, s.ground, pingingHost, streamHost, s.options.rate)
	if err != nil {
		return err
	}
	begin := time.Now()
	s.say("From now on %s pings %s at %d/s, and %s downloads over one TCP connection.", pingingHost, s.public(), s.options.rate, streamHost)
	if err := s.control(ctx); err != nil {
		return err
	}
	offer, err := s.vendor(ctx)
	if err != nil {
		return err
	}
	removed, err := s.lifecycle(ctx, r, offer)
	if err != nil {
		return err
	}
	if err := s.compare(ctx, r, before); err != nil {
		return err
	}
	s.measure(r, begin, removed)
	return nil
}

// tenantNetwork makes the tenant's side of the world and shows it.
func (s *stage) tenantNetwork(ctx context.Context, r *report) (before topology.Fabric, err error) {
	s.title("A tenant has a network with two hosts behind a gateway")
	var hosts []cloud.Host
	for n, name := range []string{pingingHost, streamHost} {
		hosts = append(hosts, cloud.Host{Name: name, Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 20, 0, byte(11 + n)}), demoRange.Bits())})
	}
	if err := s.ground.build(ctx, s, hosts); err != nil {
		return before, err
	}
	if before, err = s.picture(ctx, r, "before"); err != nil {
		return before, err
	}
	if r.PathBefore, err = path(ctx, s.ground, before, pingingHost, demoNetwork); err != nil {
		return before, err
	}
	s.say("A packet of %s passes: %s", pingingHost, arrows(r.PathBefore))
	return before, nil
}

// control proves that both ports answer while no firewall is in the way;
// otherwise "blocked" would prove nothing.
func (s *stage) control(ctx context.Context) error {
	for _, port := range []string{allowedPort, blockedPort} {
		through, err := s.traffic.reaches(ctx, pingingHost, port)
		if err != nil {
			return err
		}
		if !through {
			return fmt.Errorf("port %s of %s does not answer although nothing is in the way", port, s.public())
		}
	}
	s.say("Ports %s and %s of %s both answer: nothing is in the way yet.", allowedPort, blockedPort, s.public())
	return nil
}

// offer is what the platform picks out of the catalog.
type offer struct {
	service, plan, serviceName, planName string
	eulas                                []string // digests of the licences to accept
}

// vendor pushes and publishes the package, and looks at the result as a platform.
func (s *stage) vendor(ctx context.Context) (offer, error) {
	s.title("A vendor pushes a package and publishes it")
	pushed, err := s.push(ctx)
	if err != nil {
		return offer{}, err
	}
	s.say("Stored as %s: %d files, manifest %s, signature %s.", pushed.Package.ID, len(pushed.Package.Files),
		pushed.Package.Verification.Manifest, pushed.Package.Verification.Signature)
	if _, err := s.admin.Publish(ctx, string(pushed.Service.ID), api.Publication{}); err != nil {
		return offer{}, err
	}
	c, err := s.platform.Catalog(ctx)
	if err != nil {
		return offer{}, err
	}
	for _, service := range c.Services {
		if service.ID != string(pushed.Service.ID) {
			continue
		}
		s.say("The platform's catalog now lists %q:", service.Name)
		for _, p := range service.Plans {
			s.say("  plan %-8s %s", p.Name, p.Description)
		}
		o := offer{service: service.ID, plan: service.Plans[0].ID, serviceName: service.Name, planName: service.Plans[0].Name}
		for _, e := range service.Metadata.EULAs {
			s.say("  to be accepted: %s, %s", e.Title, e.Digest)
			o.eulas = append(o.eulas, e.Digest)
		}
		return o, nil
	}
	return offer{}, fmt.Errorf("the catalog does not list service %q", pushed.Service.Name)
}

// compare says whether the tenant has exactly what it had.
func (s *stage) compare(ctx context.Context, r *report, before topology.Fabric) error {
	s.title("The tenant has what it had")
	after, err := s.picture(ctx, r, "")
	if err != nil {
		return err
	}
	now, err := path(ctx, s.ground, after, pingingHost, demoNetwork)
	if err != nil {
		return err
	}
	open, err := s.traffic.reaches(ctx, pingingHost, blockedPort)
	if err != nil {
		return err
	}
	r.Restored = reflect.DeepEqual(before, after) && reflect.DeepEqual(now, r.PathBefore) && open
	s.say("A packet of %s passes: %s; port %s %s.", pingingHost, arrows(now), blockedPort, yesNo(open, "answers again", "STILL DOES NOT ANSWER"))
	s.say("Networks, gateway, addresses and MACs are %s.", yesNo(reflect.DeepEqual(before, after), "the same, field by field", "NOT THE SAME"))
	return nil
}

// measure ends the traffic and counts.
func (s *stage) measure(r *report, begin time.Time, t phases) {
	end := time.Now()
	s.traffic.close(2 * time.Second)
	r.SentPackets, r.LostPackets = s.traffic.ping.count(begin, end)
	r.Insertion = phase(s.traffic.ping, t.asked, t.inserted)
	r.Service = phase(s.traffic.ping, t.inserted, t.removing)
	r.Removal = phase(s.traffic.ping, t.removing, t.removed)
	r.StreamBytes = s.traffic.stream.bytes.Load()
	r.StreamBroken = s.traffic.stream.broken.Load()
	r.StreamSilence = time.Duration(s.traffic.stream.longest.Load()).Seconds()
	s.traffic = nil
}

// picture shows the topology and, with a name, keeps it as SVG, and as JSON to plan
// from.
func (s *stage) picture(ctx context.Context, r *report, name string) (topology.Fabric, error) {
	scene, err := s.admin.Topology(ctx, s.ground.tenant())
	if err != nil {
		return scene.Fabric, err
	}
	s.show(topology.Draw(scene))
	if name == "" {
		return scene.Fabric, nil
	}
	scene.Title = strings.ToUpper(name[:1]) + name[1:]
	scene.States = nil // whether it was asked for its health already is chance
	facts, err := json.MarshalIndent(scene, "", " ")
	if err != nil {
		return scene.Fabric, fmt.Errorf("cannot encode the topology: %w", err)
	}
	file := filepath.Join(s.options.pictures, name)
	for _, f := range []struct {
		name string
		text []byte
	}{{file + ".svg", topology.SVG(scene)}, {file + ".json", append(facts, '\n')}} {
		if err := os.WriteFile(f.name, f.text, 0o644); err != nil {
			return scene.Fabric, fmt.Errorf("cannot keep the picture: %w", err)
		}
		r.Pictures = append(r.Pictures, f.name)
	}
	s.say("The same as a drawing: %s.svg", file)
	return scene.Fabric, nil
}

func arrows(names []string) string { return strings.Join(names, " → ") }
