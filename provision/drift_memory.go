package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// memory is what is known of a tenant's drift from before: one document in the
// collection "drift", key: the place, as long as there is any.
type memory struct {
	Tenant topology.TenantID `json:"tenant"`
	Region string            `json:"region,omitempty"`
	Digest string            `json:"digest"`
	Since  time.Time         `json:"since"`

	// Of repairs that failed: how many in a row, why the latest did, and when the
	// schedule may try again.
	Failures  int       `json:"failures,omitempty"`
	Error     string    `json:"error,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
}

// report makes known what was found.
func (s *Service) report(ctx context.Context, d Drift) (memory, error) {
	m, err := s.remember(ctx, d)
	if err != nil {
		return m, err
	}
	return m, s.noteDrift(ctx, d)
}

// remember keeps what was found, and logs it when it is news.
func (s *Service) remember(ctx context.Context, d Drift) (memory, error) {
	news := false
	m, err := s.drifts.Upsert(ctx, d.key(), func(old memory, exists bool) (memory, error) {
		news = !exists || old.Digest != d.digest()
		if !news {
			return old, store.Unchanged
		}
		return memory{Tenant: d.Tenant, Region: d.Region, Digest: d.digest(), Since: time.Now().UTC()}, nil
	})
	if err != nil || !news {
		return m, err
	}
	for _, x := range d.Differences {
		s.driftCounts.difference(x.Kind)
	}
	s.log.Warn("the cloud is not as it should be", "tenant", d.Place, "differences", len(d.Differences), "what", summary(d.sentences("")), "obstacle", d.Obstacle)
	return m, nil
}

// sentences are the differences that concern an instance; all, when it is "".
func (d Drift) sentences(i topology.InstanceID) []string {
	var list []string
	for _, x := range d.Differences {
		if i == "" || x.Instance == i {
			list = append(list, x.String())
		}
	}
	return list
}

// summary keeps an entry of a history or a log short, however much differs.
func summary(sentences []string) string {
	const most = 5
	if more := len(sentences) - most; more > 0 {
		sentences = append(slices.Clone(sentences[:most]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(sentences, "; ")
}

// noteDrift enters what was found into the histories of the instances concerned,
// each as often as it changes.
func (s *Service) noteDrift(ctx context.Context, d Drift) error {
	what := func(i Instance) string { return summary(d.sentences(i.ID)) }
	return s.eachLive(ctx, d.Place, func(i Instance) bool { return what(i) != i.Drift }, func(i *Instance) {
		if i.Drift = what(*i); i.Drift == "" {
			i.note("", "the cloud is as it should be again", "")
			return
		}
		i.note("", "the cloud is not as it should be: "+i.Drift, "")
	})
}
