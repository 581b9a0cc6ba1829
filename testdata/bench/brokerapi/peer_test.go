package brokerapi_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"code.cloudfoundry.org/brokerapi/v13"
	"code.cloudfoundry.org/brokerapi/v13/domain"
	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"
	"github.com/stretchr/testify/require"
)

// inMemory is the least broker that the library serves: a catalog and a map.
type inMemory struct {
	services []domain.Service

	mu        sync.Mutex
	instances map[string]domain.ProvisionDetails
}

var _ domain.ServiceBroker = (*inMemory)(nil)

// newPeer serves a catalog, given as JSON, by the library.
func newPeer(b *testing.B, catalog []byte) (address string) {
	b.Helper()
	m := &inMemory{instances: map[string]domain.ProvisionDetails{}}
	var c struct {
		Services []domain.Service `json:"services"`
	}
	require.NoError(b, json.Unmarshal(catalog, &c))
	m.services = c.Services
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	server := httptest.NewServer(brokerapi.New(m, log, brokerapi.BrokerCredentials{Username: user, Password: password}))
	b.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func (m *inMemory) Services(context.Context) ([]domain.Service, error) { return m.services, nil }

func (m *inMemory) Provision(_ context.Context, id string, d domain.ProvisionDetails, async bool) (domain.ProvisionedServiceSpec, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !async {
		return domain.ProvisionedServiceSpec{}, apiresponses.ErrAsyncRequired
	}
	if _, exists := m.instances[id]; exists {
		return domain.ProvisionedServiceSpec{}, apiresponses.ErrInstanceAlreadyExists
	}
	m.instances[id] = d
	return domain.ProvisionedServiceSpec{IsAsync: true, OperationData: id}, nil
}

func (m *inMemory) LastOperation(_ context.Context, id string, _ domain.PollDetails) (domain.LastOperation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, exists := m.instances[id]; !exists {
		return domain.LastOperation{}, apiresponses.ErrInstanceDoesNotExist
	}
	return domain.LastOperation{State: domain.InProgress, Description: "waiting for its turn"}, nil
}

// What is not measured is not there.

func (m *inMemory) Deprovision(context.Context, string, domain.DeprovisionDetails, bool) (domain.DeprovisionServiceSpec, error) {
	return domain.DeprovisionServiceSpec{}, apiresponses.ErrInstanceDoesNotExist
}

func (m *inMemory) GetInstance(context.Context, string, domain.FetchInstanceDetails) (domain.GetInstanceDetailsSpec, error) {
	return domain.GetInstanceDetailsSpec{}, apiresponses.ErrInstanceDoesNotExist
}

func (m *inMemory) Update(context.Context, string, domain.UpdateDetails, bool) (domain.UpdateServiceSpec, error) {
	return domain.UpdateServiceSpec{}, apiresponses.ErrInstanceDoesNotExist
}

func (m *inMemory) Bind(context.Context, string, string, domain.BindDetails, bool) (domain.Binding, error) {
	return domain.Binding{}, apiresponses.ErrInstanceDoesNotExist
}

func (m *inMemory) Unbind(context.Context, string, string, domain.UnbindDetails, bool) (domain.UnbindSpec, error) {
	return domain.UnbindSpec{}, apiresponses.ErrInstanceDoesNotExist
}

func (m *inMemory) GetBinding(context.Context, string, string, domain.FetchBindingDetails) (domain.GetBindingSpec, error) {
	return domain.GetBindingSpec{}, apiresponses.ErrBindingDoesNotExist
}

func (m *inMemory) LastBindingOperation(context.Context, string, string, domain.PollDetails) (domain.LastOperation, error) {
	return domain.LastOperation{}, apiresponses.ErrBindingDoesNotExist
}
