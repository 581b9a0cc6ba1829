// Package monitor watches appliances from outside: it asks each one's health
// endpoint on the management network and keeps a verdict. Flows move away from a
// member of a cluster that is failing. One missed answer is
// no verdict yet; Config.Failures in a row are.
package monitor

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Monitor probes the active instances of a provision.Service.
type Monitor struct {
	provision *provision.Service
	log       *slog.Logger
	config    Config

	mu     sync.Mutex
	missed map[member]int // probes without an answer, in a row
}

// member is one appliance of an instance, by number.
type member struct {
	instance topology.InstanceID
	number   int
}

// Config sets the pace; zero values mean the defaults.
type Config struct {
	Every    time.Duration // between two rounds of probes; 5 s
	Timeout  time.Duration // of one probe; 2 s
	Failures int           // probes in a row that make an appliance failing; 3
	Parallel int           // probes at the same time; 16
}

// New makes a monitor.
func New(p *provision.Service, log *slog.Logger, c Config) *Monitor {
	if c.Every <= 0 {
		c.Every = 5 * time.Second
	}
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Second
	}
	if c.Failures <= 0 {
		c.Failures = 3
	}
	if c.Parallel <= 0 {
		c.Parallel = 16
	}
	return &Monitor{provision: p, log: log, config: c, missed: map[member]int{}}
}

// Run probes in rounds until ctx ends.
func (m *Monitor) Run(ctx context.Context) error {
	tick := time.NewTicker(m.config.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := m.Round(ctx); err != nil && ctx.Err() == nil {
				m.log.Error("cannot probe the appliances", "error", err)
			}
		}
	}
}

// Round probes every active instance once and records the verdicts.
func (m *Monitor) Round(ctx context.Context) error {
	active, err := m.provision.Instances(ctx, provision.Filter{State: provision.Active})
	if err != nil {
		return err
	}
	m.forget(active)
	var wg sync.WaitGroup
	slots := make(chan struct{}, m.config.Parallel)
	for _, i := range active {
		if i.Insertion.Health == nil || !i.Management.IsValid() {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			m.probe(ctx, i)
		})
	}
	wg.Wait()
	return nil
}

// probe asks all appliances of an instance. The members of a cluster are judged one
// by one, too, and the instance is failing while any of them is.
func (m *Monitor) probe(ctx context.Context, i provision.Instance) {
	answers := m.askAll(ctx, i)
	if ctx.Err() != nil {
		return
	}
	var failing []string
	all := true // are known
	for n, detail := range answers {
		status, known := m.verdict(member{i.ID, n}, detail == "")
		all = all && known
		if !known {
			continue
		}
		if len(answers) > 1 {
			detail = fmt.Sprintf("%s: %s", topology.ReplicaOf(i.ID, i.Generation, n), detail)
			if err := m.provision.RecordMember(ctx, i.ID, n, status == provision.HealthOK); err != nil && ctx.Err() == nil {
				m.log.Error("cannot record the health of a member", "instance", i.ID, "member", n, "error", err)
			}
		}
		if status == provision.HealthFailing {
			failing = append(failing, detail)
		}
	}
	status := provision.HealthFailing
	if len(failing) == 0 {
		if !all {
			return
		}
		status = provision.HealthOK
	}
	if err := m.provision.RecordHealth(ctx, i.ID, status, strings.Join(failing, "; ")); err != nil && ctx.Err() == nil {
		m.log.Error("cannot record the health of an instance", "instance", i.ID, "error", err)
	}
}

// askAll asks an instance's appliances at the same time; their answers by number.
func (m *Monitor) askAll(ctx context.Context, i provision.Instance) []string {
	addresses := i.Appliances()
	answers := make([]string, len(addresses))
	var wg sync.WaitGroup
	for n, address := range addresses {
		wg.Go(func() { answers[n] = m.ask(ctx, i, address.Addr()) })
	}
	wg.Wait()
	return answers
}

// verdict counts the missed probes; known is false while there are too few.
func (m *Monitor) verdict(of member, answered bool) (status provision.HealthStatus, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if answered {
		m.missed[of] = 0
		return provision.HealthOK, true
	}
	m.missed[of]++
	return provision.HealthFailing, m.missed[of] >= m.config.Failures
}

// forget drops the counts of instances that are no longer active.
func (m *Monitor) forget(active []provision.Instance) {
	keep := map[topology.InstanceID]bool{}
	for _, i := range active {
		keep[i.ID] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for of := range m.missed {
		if !keep[of.instance] {
			delete(m.missed, of)
		}
	}
}

// ask is empty when the appliance answers its health endpoint with a 2xx status,
// and otherwise says what is wrong. An appliance's own words are not repeated:
// they are untrusted.
func (m *Monitor) ask(ctx context.Context, i provision.Instance, at netip.Addr) string {
	ctx, cancel := context.WithTimeout(ctx, m.config.Timeout)
	defer cancel()
	h := i.Insertion.Health
	to := netip.AddrPortFrom(at, uint16(h.Port))
	conn, err := m.provision.DialManagement(ctx, i.Tenant, to)
	if err != nil {
		return fmt.Sprintf("port %d on the management address does not answer", h.Port)
	}
	defer conn.Close()
	if h.Protocol != "http" {
		return ""
	}
	return get(ctx, conn, to, h.Path)
}

func get(ctx context.Context, conn net.Conn, to netip.AddrPort, path string) string {
	one := http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }, DisableKeepAlives: true}
	defer one.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+to.String()+path, nil)
	if err != nil {
		return "the package names an impossible health path"
	}
	resp, err := one.RoundTrip(req)
	if err != nil {
		return "the health endpoint gives no answer"
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // the status is the verdict, the body only has to end
	if resp.StatusCode/100 != 2 {
		return "the health endpoint answers with status " + strconv.Itoa(resp.StatusCode)
	}
	return ""
}
