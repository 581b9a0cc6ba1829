package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Acceptance records that a licence was accepted for a tenant. It is never altered.
type Acceptance struct {
	Digest string    `json:"digest"`        // of the text, as the catalog has it
	By     string    `json:"by"`            // platform or user who said so
	For    string    `json:"for,omitempty"` // on whose behalf, as the platform says
	At     time.Time `json:"at"`            // UTC
}

// accepted are the licences that a tenant has accepted for all its instances.
type accepted struct {
	EULAs []Acceptance `json:"eulas"`
}

// Acceptances are the licences that the tenant has accepted for all its instances,
// the oldest first. What was accepted for one instance is with that instance.
func (s *Service) Acceptances(ctx context.Context, tenant topology.TenantID) ([]Acceptance, error) {
	a, err := s.accepted.Get(ctx, string(tenant))
	if err != nil && !errors.Is(err, fault.NotFound) {
		return nil, err
	}
	return a.EULAs, nil
}

// Accept records that the tenant accepts licences for all its instances, and gives
// all that it has accepted. NotFound when a digest is of no licence, with nothing
// recorded. What was accepted before stays as it is.
func (s *Service) Accept(ctx context.Context, tenant topology.TenantID, by string, digests []string) ([]Acceptance, error) {
	for _, digest := range digests {
		if _, err := s.catalog.EULAText(ctx, digest); err != nil {
			return nil, err
		}
	}
	at := time.Now().UTC()
	a, err := s.accepted.Upsert(ctx, string(tenant), func(old accepted, _ bool) (accepted, error) {
		known := len(old.EULAs)
		for _, digest := range digests {
			if _, ok := acceptanceOf(old.EULAs, digest); !ok {
				old.EULAs = append(slices.Clone(old.EULAs), Acceptance{Digest: digest, By: by, At: at})
			}
		}
		if len(old.EULAs) == known {
			return old, store.Unchanged
		}
		return old, nil
	})
	return a.EULAs, err
}

// acceptances are those that an instance of a package with these licences rests on:
// its own earlier ones, those that the parameters give now, and the tenant's. It is
// Invalid while a licence is accepted by none of them; the sentence says which and
// how it is accepted.
func (s *Service) acceptances(ctx context.Context, i Instance, eulas []catalog.EULA, by string, origin Origin, parameters json.RawMessage) ([]Acceptance, error) {
	if len(eulas) == 0 {
		return nil, nil
	}
	given, err := acceptedIn(parameters)
	if err != nil {
		return nil, err
	}
	var tenants []Acceptance
	if !i.provided() { // what a tenant has accepted is not for the provider
		if tenants, err = s.Acceptances(ctx, i.Tenant); err != nil {
			return nil, err
		}
	}
	var list []Acceptance
	var missing []catalog.EULA
	for _, e := range eulas {
		a, ok := acceptanceOf(slices.Concat(i.EULAs, tenants), e.Digest)
		switch {
		case ok:
		case slices.Contains(given, e.Digest):
			a = Acceptance{Digest: e.Digest, By: by, For: origin.Identity, At: time.Now().UTC()}
		default:
			missing = append(missing, e)
			continue
		}
		list = append(list, a)
	}
	if len(missing) > 0 {
		return nil, notAccepted(missing)
	}
	return list, nil
}

// acceptedIn reads the digests out of checked parameters.
func acceptedIn(parameters json.RawMessage) ([]string, error) {
	var p struct {
		EULAs []string `json:"accept_eulas"`
	}
	if len(parameters) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(parameters, &p); err != nil {
		return nil, fault.New(fault.Invalid, "parameters: %s", jsonProblem(err))
	}
	return p.EULAs, nil
}

func acceptanceOf(list []Acceptance, digest string) (Acceptance, bool) {
	n := slices.IndexFunc(list, func(a Acceptance) bool { return a.Digest == digest })
	if n < 0 {
		return Acceptance{}, false
	}
	return list[n], true
}

func notAccepted(missing []catalog.EULA) error {
	names := make([]string, len(missing))
	for n, e := range missing {
		names[n] = fmt.Sprintf("%q (%s)", e.Title, e.Digest)
	}
	return fault.New(fault.Invalid, "the package's licences must be accepted first: %s. Give the digests in the parameter %q, or let the tenant accept them with `bumpwire eula accept`; the texts are at /v1/eulas/DIGEST of the broker",
		strings.Join(names, ", "), catalog.KeyEULAs)
}

// noteEULAs writes into the history which licences the instance rests on.
func (i *Instance) noteEULAs(list []Acceptance) {
	for _, a := range list {
		i.note(a.By, fmt.Sprintf("licence %s was accepted at %s", a.Digest, a.At.Format(time.RFC3339)), "")
		i.attribute(Origin{Identity: a.For})
	}
}
