package broker

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"github.com/bumpwire/bumpwire/provision"
)

// metrics counts requests by method, route template and status: words of ours
// only, so that no client can grow the table.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

func newMetrics(c Config) metrics {
	m := metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bumpwire_http_request_seconds", Help: "Time that requests took.",
			Buckets: []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 10},
		}, []string{"method", "route", "status"}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "bumpwire_info", Help: "The program's version.", ConstLabels: prometheus.Labels{"version": c.Version},
	})
	info.Set(1)
	m.registry.MustRegister(m.requests, info, drifts(c.Provision.DriftCounts), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if c.Rounds != nil {
		m.registry.MustRegister(rounds(c.Rounds)...)
	}
	return m
}

// rounds are the pace of the monitor.
func rounds(of func() (ended int, latest time.Duration)) []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "bumpwire_monitor_rounds_total", Help: "Rounds of probes of all active instances that have ended."},
			func() float64 { ended, _ := of(); return float64(ended) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "bumpwire_monitor_round_seconds", Help: "Time that the latest round of probes took."},
			func() float64 { _, latest := of(); return latest.Seconds() }),
	}
}

// drifts are the counters of reconciliation.
type drifts func() provision.DriftCounts

var (
	driftChecks      = prometheus.NewDesc("bumpwire_drift_checks_total", "Comparisons of a tenant's fabric with the records, by the schedule.", []string{"result"}, nil)
	driftDifferences = prometheus.NewDesc("bumpwire_drift_differences_total", "Differences found that were news.", []string{"kind"}, nil)
	driftRepairs     = prometheus.NewDesc("bumpwire_drift_repairs_total", "Repairs of drift that have ended.", []string{"result"}, nil)
)

// Describe implements prometheus.Collector.
func (d drifts) Describe(to chan<- *prometheus.Desc) {
	to <- driftChecks
	to <- driftDifferences
	to <- driftRepairs
}

// Collect implements prometheus.Collector.
func (d drifts) Collect(to chan<- prometheus.Metric) {
	c := d()
	for result, n := range c.Checks {
		to <- prometheus.MustNewConstMetric(driftChecks, prometheus.CounterValue, float64(n), result)
	}
	for kind, n := range c.Differences {
		to <- prometheus.MustNewConstMetric(driftDifferences, prometheus.CounterValue, float64(n), string(kind))
	}
	for result, n := range c.Repairs {
		to <- prometheus.MustNewConstMetric(driftRepairs, prometheus.CounterValue, float64(n), result)
	}
}

func (m metrics) count(method, route string, status int, took time.Duration) {
	switch method {
	case "GET", "PUT", "POST", "PATCH", "DELETE":
	default:
		method = "other"
	}
	m.requests.WithLabelValues(method, cmp.Or(route, "unknown"), strconv.Itoa(status)).Observe(took.Seconds())
}

// showMetrics is the Prometheus text format.
func (s *Server) showMetrics(context.Context, *call) (content, error) {
	families, err := s.metrics.registry.Gather()
	if err != nil {
		return content{}, fmt.Errorf("cannot gather metrics: %w", err)
	}
	var b bytes.Buffer
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	encoder := expfmt.NewEncoder(&b, format)
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return content{}, fmt.Errorf("cannot encode metrics: %w", err)
		}
	}
	return content{string(format), b.Bytes()}, nil
}
