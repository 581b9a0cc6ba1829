package broker_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
)

func TestCatalogSaysWhatPlatformsNeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, err := w.osb.Catalog(t.Context())
	require.NoError(t, err)
	require.Len(t, c.Services, 1)
	s := c.Services[0]
	require.Equal(t, string(w.service.ID), s.ID)
	require.NotEmpty(t, s.Description)
	require.True(t, s.Bindable && s.InstancesRetrievable && s.BindingsRetrievable)
	require.True(t, s.PlanUpdateable && s.AllowContextUpdates)
	require.Len(t, s.Plans, 2)
	small := s.Plans[0]
	require.Equal(t, "small", small.Name)
	require.False(t, small.Free)
	require.Equal(t, []api.Cost{{Amount: map[string]json.Number{"eur": "0.12"}, Unit: "HOUR"}}, small.Metadata.Costs)
	require.Equal(t, []string{"1 vCPU", "512 MiB memory", "1 GiB disk", "5 network interfaces"}, small.Metadata.Bullets)
	require.Equal(t, 3600, small.MaximumPollingDuration)
	require.Equal(t, "1.2.0", small.MaintenanceInfo.Version)
	for _, raw := range []json.RawMessage{small.Schemas.ServiceInstance.Create.Parameters, small.Schemas.ServiceInstance.Update.Parameters, small.Schemas.ServiceBinding.Create.Parameters} {
		var schema map[string]any
		require.NoError(t, json.Unmarshal(raw, &schema))
		require.Equal(t, "http://json-schema.org/draft-04/schema#", schema["$schema"], "the one that every platform reads")
		require.Less(t, len(raw), 64<<10)
	}
	require.True(t, s.Plans[1].Free, "the large plan has no price")
}

func TestRETAGCatalogIsRenderedOnceAndAskedAbout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.get("/v2/catalog")
	etag := first.header.Get("ETag")
	require.NotEmpty(t, etag)
	with := func(tag string) reply {
		return w.send("GET", "/v2/catalog", nil, func(r *http.Request) { r.Header.Set("If-None-Match", tag) })
	}
	for _, tag := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
		r := with(tag)
		require.Equal(t, 304, r.status, tag)
		require.Empty(t, r.text)
		require.Equal(t, etag, r.header.Get("ETag"))
	}
	require.Equal(t, 200, with(`"other"`).status)

	_, err := w.admin.SetPrice(t.Context(), w.service.Name, api.NewPrice{Plan: "small", Price: api.Price{
		Dimension: "instance", Unit: "hour", Amount: decimal.RequireFromString("0.2"), Currency: "EUR"}})
	require.NoError(t, err)
	r := with(etag)
	require.Equal(t, 200, r.status, "the catalog changed")
	require.NotEqual(t, etag, r.header.Get("ETag"))
	require.Contains(t, r.text, `"eur":0.2`)
}

func TestCatalogIsCompressedWhereAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plain := w.send("GET", "/v2/catalog", nil, func(r *http.Request) { r.Header.Set("Accept-Encoding", "identity") }).text
	r := w.send("GET", "/v2/catalog", nil, func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") })
	require.Equal(t, "gzip", r.header.Get("Content-Encoding"))
	require.Equal(t, strconv.Itoa(len(r.text)), r.header.Get("Content-Length"), "whole for the client at once")
	z, err := gzip.NewReader(strings.NewReader(r.text))
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	require.JSONEq(t, plain, string(text))
}

func TestRCATEOLRetiredServicesLeaveTheCatalogOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	_, err := w.admin.Deprecate(t.Context(), w.service.Name)
	require.NoError(t, err)
	c, err := w.osb.Catalog(t.Context())
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(c.Services[0].Description, "Deprecated."))
	_, err = w.admin.Retire(t.Context(), w.service.Name)
	require.NoError(t, err)
	require.Equal(t, []any{}, w.get("/v2/catalog").body["services"])

	require.Equal(t, 400, w.put("/v2/service_instances/two"+incomplete, w.order()).status, "no new instances")
	require.Equal(t, 200, w.get(one).status)
	require.Equal(t, 201, w.put(bound, w.bindOrder()).status)
	require.Equal(t, 200, w.patch(one+incomplete, map[string]any{"service_id": w.service.ID, "context": map[string]any{"platform": "cloudfoundry", "instance_name": "new"}}).status)
	require.Equal(t, 200, w.delete(bound+w.removal()).status)
	require.Equal(t, 202, w.delete(one+w.removal()).status)
	w.settled(one, "succeeded")
}

func TestCatalogShowsWhatThePackageSaysOfItsMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.edited("<ovf:Version>1.2.0</ovf:Version>", "<ovf:Version>2.0</ovf:Version><ovf:ProductUrl>https://example.net/fw</ovf:ProductUrl><ovf:VendorUrl>javascript:alert(1)</ovf:VendorUrl>",
		"<ovf:Network ovf:name=\"inside\"/>", "<ovf:Network ovf:name=\"inside\"><ovf:Description>Towards the hosts</ovf:Description></ovf:Network>",
		"    </ovf:VirtualHardwareSection>", `<ovf:Item ovf:bound="max"><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ElementName>Memory</rasd:ElementName>
			<rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>2048</rasd:VirtualQuantity></ovf:Item></ovf:VirtualHardwareSection>`)
	c, err := w.osb.Catalog(t.Context())
	require.NoError(t, err)
	about := c.Services[0].Metadata
	require.Equal(t, "https://example.net/fw", about.DocumentationURL)
	require.Empty(t, about.SupportURL, "only http and https")
	require.Contains(t, about.Networks, api.ServiceNetwork{Name: "inside", Description: "Towards the hosts"})
	machine := c.Services[0].Plans[0].Metadata.Systems[0]
	require.Equal(t, api.PlanLimits{Max: 2 << 30}, machine.MemoryLimits)
	require.Equal(t, []string{"management", "inside", "outside", "inside-2", "outside-2"}, machine.Networks)
}
