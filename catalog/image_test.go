package catalog_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func gzipped(t testing.TB, plain string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, plain)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

// ovaIn is the example with its payload as the members given.
func ovaIn(t testing.TB, attributes string, payload ...string) []byte {
	t.Helper()
	descriptor := strings.Replace(untar(t, ova(t))["example.ovf"], `ovf:href="payload.bin"`, `ovf:href="payload.bin" `+attributes, 1)
	return archive(t, append([]string{"example.ovf", descriptor}, payload...)...)
}

// An image is stored as the package holds it and opened as it is booted.
func TestImagesAreOpenedAsTheyAreBooted(t *testing.T) {
	t.Parallel()
	const plain = "payload of every version"
	zipped := gzipped(t, plain)
	for name, c := range map[string]struct {
		ova  []byte
		file int // stored files beside the descriptor
	}{
		"as it is":              {ovaIn(t, "", "payload.bin", plain), 1},
		"compressed":            {ovaIn(t, `ovf:compression="gzip"`, "payload.bin", zipped), 1},
		"in pieces":             {ovaIn(t, `ovf:chunkSize="20"`, "payload.bin.000000000", plain[:20], "payload.bin.000000001", plain[20:]), 2},
		"compressed, in pieces": {ovaIn(t, `ovf:compression="gzip" ovf:chunkSize="30"`, "payload.bin.000000000", zipped[:30], "payload.bin.000000001", zipped[30:]), 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			pushed, draft := s.push(t, "example", c.ova)
			require.Empty(t, draft.Missing)
			p, err := s.Package(t.Context(), pushed.ID)
			require.NoError(t, err)
			require.Len(t, p.Files, 1+c.file)
			i, err := p.Image("payload.bin")
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(plain))), i.Digest)
			require.EqualValues(t, len(plain), i.Size)
			require.Equal(t, plain, s.image(t, p, i))
			s.requireSound(t)

			_, err = p.Image("payload")
			require.ErrorIs(t, err, fault.NotFound)
			require.NoError(t, s.Remove(t.Context(), p.ID))
			_, err = s.OpenImage(t.Context(), p, i)
			require.ErrorIs(t, err, fault.NotFound)
		})
	}
}

func (s shelf) image(t testing.TB, p catalog.Package, i catalog.Image) string {
	t.Helper()
	r, err := s.OpenImage(t.Context(), p, i)
	require.NoError(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(data)
}

// Bytes that have rotted since are noticed, and not handed on as if they were whole.
func TestARottenImageIsNoImage(t *testing.T) {
	t.Parallel()
	const plain = "payload of every version"
	zipped := gzipped(t, plain)
	for name, rotten := range map[string]string{
		"cut off":   zipped[:len(zipped)-1],
		"no gzip":   "payload",
		"longer":    zipped + gzipped(t, "x"),
		"shorter":   gzipped(t, plain[1:]),
		"bad check": zipped[:len(zipped)-8] + "12345678",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			p, _ := s.push(t, "example", ovaIn(t, `ovf:compression="gzip"`, "payload.bin", zipped))
			sum := strings.TrimPrefix(p.Files[len(p.Files)-1].Digest, "sha256:")
			require.NoError(t, os.WriteFile(s.dir+"/blobs/"+sum[:2]+"/"+sum, []byte(rotten), 0o600))
			i, err := p.Image("payload.bin")
			require.NoError(t, err)
			r, err := s.OpenImage(t.Context(), p, i)
			if err == nil {
				_, err = io.ReadAll(r)
				require.NoError(t, r.Close())
			}
			require.Error(t, err)
		})
	}
}

// A delta holds what differs from another disk and boots nothing.
func TestADeltaOfADiskCannotBePublished(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	const disks = `<DiskSection><Info/><Disk ovf:diskId="base" ovf:capacity="1" ovf:capacityAllocationUnits="byte * 2^30"/>` +
		`<Disk ovf:diskId="delta" ovf:parentRef="base" ovf:capacity="1" ovf:capacityAllocationUnits="byte * 2^30"/></DiskSection><NetworkSection>`
	_, draft := s.push(t, "example", ova(t, "<NetworkSection>", disks, "</VirtualHardwareSection>", "<Item><rasd:ElementName>disk</rasd:ElementName>"+
		"<rasd:HostResource>ovf:/disk/delta</rasd:HostResource><rasd:InstanceID>99</rasd:InstanceID><rasd:ResourceType>17</rasd:ResourceType></Item></VirtualHardwareSection>"))
	require.Contains(t, strings.Join(draft.Missing, "\n"), `disk "delta" of configuration "small" is a delta of disk "base"`)
}

// What is pushed is written whole also when another vendor has the same bytes
// here: neither the answer nor the work done tells a vendor of another's files.
func TestAPushDoesNotTellOfOtherVendorsFiles(t *testing.T) {
	t.Parallel()
	alone, beside := newShelf(t), newShelf(t)
	secret := strings.Repeat("an unreleased image ", 1000)
	theirs, _ := beside.push(t, "other", ovaWith(t, secret))
	before, err := os.Stat(beside.blob(theirs, "payload.bin"))
	require.NoError(t, err)
	p, service := beside.push(t, "example", ovaWith(t, secret))
	q, same := alone.push(t, "example", ovaWith(t, secret))
	after, err := os.Stat(beside.blob(p, "payload.bin"))
	require.NoError(t, err)
	require.False(t, os.SameFile(before, after), "the bytes were written anew")

	p.Pushed, service.Changed = q.Pushed, same.Changed
	require.Equal(t, q, p)
	require.Equal(t, same, service)

	require.NoError(t, beside.Remove(t.Context(), p.ID))
	require.Equal(t, secret, string(beside.read(t, theirs.Files[len(theirs.Files)-1].Digest)), "and outlive each other")
}

func (s shelf) blob(p catalog.Package, name string) string {
	for _, f := range p.Files {
		if f.Name == name {
			sum := strings.TrimPrefix(f.Digest, "sha256:")
			return s.dir + "/blobs/" + sum[:2] + "/" + sum
		}
	}
	return ""
}
