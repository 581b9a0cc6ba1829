package metering_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
)

// hook is a webhook that remembers what it took. It refuses so many requests first.
type hook struct {
	mu     sync.Mutex
	refuse int
	asked  int
	took   []string
	bodies [][]byte
	marks  []string
}

func (h *hook) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	answer := &http.Response{StatusCode: 204, Body: http.NoBody, Request: r}
	if h.asked++; h.asked <= h.refuse {
		answer.StatusCode = 503
		return answer, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var told struct {
		Type      string
		Threshold int
		Spent     string
	}
	if err := json.Unmarshal(body, &told); err != nil {
		return nil, err
	}
	h.took = append(h.took, fmt.Sprintf("%s %d %s", told.Type, told.Threshold, told.Spent))
	h.bodies, h.marks = append(h.bodies, body), append(h.marks, r.Header.Get("Bumpwire-Signature"))
	return answer, nil
}

func (h *hook) seen() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string{}, h.took...)
}

func derive(purpose string) []byte {
	sum := sha256.Sum256([]byte(purpose))
	return sum[:]
}

func budget(amount string, thresholds ...int) metering.Budget {
	return metering.Budget{Tenant: "tenant-a", Currency: "EUR", Amount: decimal.RequireFromString(amount), Thresholds: thresholds, Webhook: "https://hooks.example/budget"}
}

// 0.20 an hour: 4.80 a day.
func lasting() *fleet {
	return &fleet{list: []provision.Instance{instance("i", "2000-01-01T00:00:00Z active l")}}
}

func TestAThresholdIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, s := &hook{}, storetest.New(t)
		c := metering.Config{Window: 24 * time.Hour, Derive: derive, Webhooks: h}
		m := newMeter(t, s, lasting(), listPrices, c)
		set, err := m.SetBudget(t.Context(), budget("48", 50, 100, 200))
		require.NoError(t, err)
		all := func() {
			var working sync.WaitGroup
			for range 3 { // brokers on one store
				working.Go(func() {
					other := newMeter(t, s, lasting(), listPrices, c)
					issueAll(t, other)
					require.NoError(t, other.Alert(t.Context()))
				})
			}
			working.Wait()
		}
		require.NoError(t, m.Alert(t.Context()), "nothing is metered yet")
		time.Sleep(4*24*time.Hour + time.Minute)
		all()
		require.Empty(t, h.seen(), "19.20 of 48")
		time.Sleep(24 * time.Hour)
		all()
		require.Equal(t, []string{"budget.threshold 50 24"}, h.seen())
		time.Sleep(24 * time.Hour)
		all()
		require.Len(t, h.seen(), 1, "once")
		time.Sleep(4 * 24 * time.Hour)
		all()
		require.Equal(t, []string{"budget.threshold 50 24", "budget.threshold 100 48"}, h.seen())

		key, err := hex.DecodeString(set.Key)
		require.NoError(t, err)
		mac := hmac.New(sha256.New, key)
		mac.Write(h.bodies[0])
		require.Equal(t, hex.EncodeToString(mac.Sum(nil)), h.marks[0], "who has the budget's key can tell it from others'")
		require.NotContains(t, string(h.bodies[0]), "attempts")

		time.Sleep(february - 10*24*time.Hour)
		all() // issues January
		require.Len(t, h.seen(), 2, "of February there is a day")
		time.Sleep(5 * 24 * time.Hour)
		all()
		require.Equal(t, "budget.threshold 50 28.8", h.seen()[2], "each period anew")
		alerts, err := m.Alerts(t.Context(), "tenant-a")
		require.NoError(t, err)
		require.Len(t, alerts, 3)
		require.False(t, alerts[2].Delivered.IsZero())
	})
}

func TestAnAlertThatIsNotTakenIsSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hook{refuse: 3}
		m := newMeter(t, storetest.New(t), lasting(), listPrices, metering.Config{Window: 24 * time.Hour, Derive: derive, Webhooks: h})
		_, err := m.SetBudget(t.Context(), budget("1", 100))
		require.NoError(t, err)
		time.Sleep(24*time.Hour + time.Minute)
		issueAll(t, m)
		for range 4 {
			require.NoError(t, m.Alert(t.Context()))
			require.NoError(t, m.Alert(t.Context()), "not before its time")
			time.Sleep(5 * time.Minute)
		}
		require.Equal(t, 4, h.asked)
		require.Equal(t, []string{"budget.threshold 100 4.8"}, h.seen())
		alerts, err := m.Alerts(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, 4, alerts[0].Attempts)
		require.Empty(t, alerts[0].Problem)
	})
}

func TestAnAlertIsGivenUpInTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hook{refuse: 1000}
		m := newMeter(t, storetest.New(t), lasting(), listPrices, metering.Config{Window: 24 * time.Hour, Derive: derive, Webhooks: h})
		_, err := m.SetBudget(t.Context(), budget("1", 100))
		require.NoError(t, err)
		time.Sleep(24*time.Hour + time.Minute)
		issueAll(t, m)
		for range 40 {
			require.NoError(t, m.Alert(t.Context()))
			time.Sleep(6 * time.Hour)
		}
		require.Equal(t, 20, h.asked)
		alerts, err := m.Alerts(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, "given up: the webhook answered with status 503", alerts[0].Problem)
	})
}

func TestUnsoundBudgetsAreRefused(t *testing.T) {
	t.Parallel()
	m := newMeter(t, storetest.New(t), &fleet{}, listPrices, metering.Config{Window: 24 * time.Hour, Derive: derive})
	for name, alter := range map[string]func(*metering.Budget){
		"no tenant":     func(b *metering.Budget) { b.Tenant = "" },
		"no currency":   func(b *metering.Budget) { b.Currency = "EURO" },
		"negative":      func(b *metering.Budget) { b.Amount = decimal.New(-1, 0) },
		"no threshold":  func(b *metering.Budget) { b.Thresholds = nil },
		"descending":    func(b *metering.Budget) { b.Thresholds = []int{100, 50} },
		"twice":         func(b *metering.Budget) { b.Thresholds = []int{50, 50} },
		"none percent":  func(b *metering.Budget) { b.Thresholds = []int{0, 50} },
		"no webhook":    func(b *metering.Budget) { b.Webhook = "" },
		"in the clear":  func(b *metering.Budget) { b.Webhook = "http://hooks.example/" },
		"with a user":   func(b *metering.Budget) { b.Webhook = "https://me:secret@hooks.example/" },
		"a long one":    func(b *metering.Budget) { b.Webhook = "https://hooks.example/" + strings.Repeat("x", 500) },
		"not on HTTP":   func(b *metering.Budget) { b.Webhook = "file:///etc/passwd" },
		"no host in it": func(b *metering.Budget) { b.Webhook = "https:///x" },
	} {
		b := budget("5", 50, 100)
		alter(&b)
		_, err := m.SetBudget(t.Context(), b)
		require.ErrorIs(t, err, fault.Invalid, name)
	}
	_, err := m.SetBudget(t.Context(), budget("5", 50))
	require.NoError(t, err)
	_, err = m.SetBudget(t.Context(), budget("0"))
	require.NoError(t, err)
	all, err := m.Budgets(t.Context(), "tenant-a")
	require.NoError(t, err)
	require.Empty(t, all, "0 ends it")
}

// Tenants say where alerts go: not into the broker's own networks, whatever a name leads to.
func TestWebhooksAreOfPublicAddressesOnly(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 10)
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{} }))
	defer server.Close()
	m := newMeter(t, storetest.New(t), &fleet{list: []provision.Instance{recent()}}, listPrices, metering.Config{Window: 24 * time.Hour, Derive: derive})
	b := budget("0.01", 100)
	b.Webhook = server.URL
	_, err := m.SetBudget(t.Context(), b)
	require.NoError(t, err)
	issueAll(t, m)
	require.NoError(t, m.Alert(t.Context()))
	alerts, err := m.Alerts(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, alerts, 1)
	require.Equal(t, "the webhook's address is not a public one", alerts[0].Problem)
	require.Empty(t, asked)
}

// recent is an instance of this month or the last.
func recent() provision.Instance {
	start := time.Now().UTC().AddDate(0, 0, -3).Truncate(24 * time.Hour)
	return instance("i", start.Format(time.RFC3339)+" active l")
}
