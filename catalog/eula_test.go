package catalog_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func (s shelf) eula(t testing.TB, digest string) string {
	t.Helper()
	text, err := s.EULAText(t.Context(), digest)
	require.NoError(t, err)
	return text
}

func digestOf(text string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))) }

func TestALicenceIsKeptToTheLetter(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	text := "§ 1\tUse it.\n\n  § 2 Do not  resell it: 您好 <b>&amp;</b>."
	inside := strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(text)
	p, service := s.push(t, "example", ova(t, "Be good.", "\n  "+inside+"\n")) // what is around it is the document's layout
	require.Equal(t, []catalog.EULA{{Digest: digestOf(text), Title: "The licence"}}, p.EULAs)
	require.Equal(t, p.EULAs, service.EULAs)
	require.Equal(t, text, s.eula(t, p.EULAs[0].Digest))
	_, err := s.EULAText(t.Context(), digestOf("another"))
	require.ErrorIs(t, err, fault.NotFound)
}

func TestOneTextIsOneLicenceHoweverOftenItStands(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	p, service := s.push(t, "example", ova(t, "</EulaSection>", "</EulaSection>"+eulaSection("Again", "Be good.")+eulaSection("Support\nterms", "Pay.")+eulaSection("Nothing", "")))
	require.Equal(t, []catalog.EULA{{Digest: digestOf("Be good."), Title: "The licence"}, {Digest: digestOf("Pay."), Title: "Support"}}, p.EULAs)
	for _, plan := range service.Plans {
		requireDraft4(t, plan.Schema)
		require.True(t, valid(t, plan.Schema, parametersOf(t, p.EULAs[1].Digest, p.EULAs[0].Digest)))
		require.True(t, valid(t, plan.Schema, `{"licence":"abcd"}`), "the tenant may have accepted before")
		require.False(t, valid(t, plan.Schema, parametersOf(t, p.EULAs[0].Digest, p.EULAs[0].Digest)))
		require.False(t, valid(t, plan.Schema, parametersOf(t, digestOf("Something else."))))
	}
}

func eulaSection(info, text string) string {
	return "<EulaSection><Info>" + info + "</Info><License>" + text + "</License></EulaSection>"
}

func parametersOf(t testing.TB, digests ...string) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{catalog.KeyEULAs: digests, "licence": "abcd"})
	require.NoError(t, err)
	return string(text)
}

// An acceptance by digest must stay explainable when the package is gone.
func TestALicenceOutlivesItsPackage(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	p, _ := s.push(t, "example", ova(t))
	require.NoError(t, s.Remove(t.Context(), p.ID))
	require.Equal(t, "Be good.", s.eula(t, digestOf("Be good.")))
	s = openShelf(t, s.dir, s.d)
	require.Equal(t, "Be good.", s.eula(t, digestOf("Be good.")))
}

func TestALicenceHasALimit(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	_, _, err := s.Push(t.Context(), "example", bytes.NewReader(ova(t, "Be good.", strings.Repeat("a", 1<<20+1))))
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, "longer than 1048576 bytes")
	s.requireEmpty(t)
	longest := strings.Repeat("&", 1<<20) // the longest in JSON too
	p, _ := s.push(t, "example", ova(t, "Be good.", "<![CDATA["+longest+"]]>"))
	require.Equal(t, longest, s.eula(t, p.EULAs[0].Digest))
}

func TestAVersionWithAnotherTextHasAnotherLicence(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	old := s.publish(t, "example", ova(t))
	before, err := s.Version(t.Context())
	require.NoError(t, err)
	service := s.publish(t, "example", ova(t, append(version("2.0"), "Be good.", "Be better.")...))
	require.Equal(t, digestOf("Be good."), old.EULAs[0].Digest)
	require.Equal(t, digestOf("Be better."), service.EULAs[0].Digest)
	after, err := s.Version(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, before, after, "platforms see it")
}
