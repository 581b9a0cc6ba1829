package provision_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
)

// firewallWith is the folder of the firewall with its descriptor edited and files
// beside it.
func firewallWith(t testing.TB, files map[string][]byte, edits ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "firewall", "firewall.ovf"))
	require.NoError(t, err)
	for n := 0; n < len(edits); n += 2 {
		require.Contains(t, string(text), edits[n])
		text = []byte(strings.ReplaceAll(string(text), edits[n], edits[n+1]))
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "firewall.ovf"), text, 0o600))
	for name, data := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return dir
}

const blankDisk = `<ovf:Disk ovf:diskId="system" ovf:capacity="1" ovf:capacityAllocationUnits="byte * 2^30"/>`

// However a package holds a disk, the cloud gets the same bytes under the same
// digest.
func TestTheCloudGetsTheImageItself(t *testing.T) {
	t.Parallel()
	image := make([]byte, 3<<20)
	for i := 0; i < len(image); i += 7 {
		image[i] = byte(i * i)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(image)
	require.NoError(t, z.Close())
	pieces := func(data []byte) map[string][]byte {
		files := map[string][]byte{}
		for n := 0; len(data) > 0; n++ {
			size := min(1_000, len(data))
			files[fmt.Sprintf("disk.img.%09d", n)], data = data[:size], data[size:]
		}
		return files
	}
	for name, c := range map[string]struct {
		attributes string
		files      map[string][]byte
	}{
		"as it is":              {"", map[string][]byte{"disk.img": image}},
		"compressed":            {`ovf:compression="gzip"`, map[string][]byte{"disk.img": zipped.Bytes()}},
		"in pieces":             {`ovf:chunkSize="1000000"`, map[string][]byte{"disk.img.000000000": image[:1e6], "disk.img.000000001": image[1e6:2e6], "disk.img.000000002": image[2e6:3e6], "disk.img.000000003": image[3e6:]}},
		"compressed, in pieces": {`ovf:compression="gzip" ovf:chunkSize="1000"`, pieces(zipped.Bytes())},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := firewallWith(t, c.files, blankDisk, strings.Replace(blankDisk, "/>", ` ovf:fileRef="f"/>`, 1),
				"<ovf:References/>", `<ovf:References><ovf:File ovf:id="f" ovf:href="disk.img" `+c.attributes+`/></ovf:References>`)
			w := newWorldOf(t, sim.Options{}, folder)
			w.broker(t, w.driver).provisioned(t, w.order("fw", "lan"))
			m, ok := w.cloud.Machine(tenant, "fw")
			require.True(t, ok)
			require.Equal(t, []sim.Image{{
				ID: "system", Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(image)), Bytes: int64(len(image)), Format: "raw", CapacityBytes: 1 << 30, Bus: "scsi",
			}}, m.Disks)
		})
	}
}

// A disk whose size a property decides has the size that the tenant gave it.
func TestTheTenantMayDecideTheSizeOfADisk(t *testing.T) {
	t.Parallel()
	folder := firewallWith(t, nil, `ovf:capacity="1"`, `ovf:capacity="${firewall.gigabytes}"`,
		`<ovf:Property ovf:key="firewall.block-tcp-ports"`, `<ovf:Property ovf:key="firewall.gigabytes" ovf:type="uint64" ovf:value="2" ovf:userConfigurable="true"/><ovf:Property ovf:key="firewall.block-tcp-ports"`)
	// Nothing is above 64 TiB.
	for given, want := range map[string]int64{"": 2 << 30, "20": 20 << 30, "0": 0, "1152921504606846976": 0, "65537": 0} {
		t.Run(given, func(t *testing.T) {
			t.Parallel()
			w := newWorldOf(t, sim.Options{}, folder)
			b, order := w.broker(t, w.driver), w.order("fw", "lan")
			if given != "" {
				order.Parameters = []byte(`{"networks":["lan"],"firewall.gigabytes":` + given + `}`)
			}
			if want == 0 {
				_, err := b.Provision(t.Context(), order)
				require.ErrorIs(t, err, fault.Invalid)
				require.ErrorContains(t, err, "firewall.gigabytes")
				return
			}
			b.provisioned(t, order)
			m, _ := w.cloud.Machine(tenant, "fw")
			require.Equal(t, want, m.Disks[0].CapacityBytes)
		})
	}
}
