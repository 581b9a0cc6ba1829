//go:build linux

package main

import (
	"time"

	"github.com/bumpwire/bumpwire/broker/api"
)

// report is what `bumpwire demo --output json` ends with.
type report struct {
	PathBefore []string `json:"path_before"` // what a packet of the tenant passes, from its network to the gateway
	PathAfter  []string `json:"path_after"`
	Allowed    bool     `json:"allowed"` // a connection to a port that the firewall lets through went through
	Blocked    bool     `json:"blocked"` // one to a blocked port went through before, and not after

	SentPackets   int       `json:"sent_packets"` // echo requests, over the whole story
	LostPackets   int       `json:"lost_packets"` // of them, without an answer
	Insertion     disturbed `json:"insertion"`
	Service       disturbed `json:"service"` // while the service was in path
	Removal       disturbed `json:"removal"`
	StreamBytes   int64     `json:"stream_bytes"`   // over one TCP connection that lived through all of it
	StreamBroken  bool      `json:"stream_broken"`  // the connection did not
	StreamSilence float64   `json:"stream_silence"` // seconds: its longest pause

	BillingRecords []api.BillingRecord `json:"billing_records"`
	Restored       bool                `json:"restored"`  // topology, path and reachability are what they were
	Leftovers      []string            `json:"leftovers"` // what the demo could not remove; empty

	Accelerator string   `json:"accelerator,omitempty"`
	Pictures    []string `json:"pictures"`
	Seconds     float64  `json:"seconds"`
	Failed      string   `json:"failed,omitempty"` // why the story stopped early
}

// disturbed is one phase of the story as the pinger saw it.
type disturbed struct {
	Seconds float64 `json:"seconds"`
	Sent    int     `json:"sent"`
	Lost    int     `json:"lost"`
}

func phase(p *pinger, from, to time.Time) disturbed {
	sent, lost := p.count(from, to)
	return disturbed{Seconds: to.Sub(from).Seconds(), Sent: sent, Lost: lost}
}

// good says whether everything that the demo promises came true.
func (r *report) good() bool {
	return r.Failed == "" && r.Allowed && r.Blocked && r.Restored && !r.StreamBroken &&
		len(r.Leftovers) == 0 && len(r.BillingRecords) > 0
}
