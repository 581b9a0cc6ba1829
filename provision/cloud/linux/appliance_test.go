//go:build linux

package linux

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/cloudtest"
)

// managed is where a firewall answers that was booted by firewallServer.
var managed = netip.MustParseAddrPort("10.99.0.10:8080")

// firewall is the OVA that testdata/appliance builds; the variable
// BUMPWIRE_APPLIANCE names another.
func firewall(t *testing.T) string {
	t.Helper()
	path := os.Getenv("BUMPWIRE_APPLIANCE")
	if path == "" {
		path = filepath.Join("..", "..", "..", "build", "appliance", "bumpwire-firewall.ova")
	}
	if _, err := os.Stat(path); err != nil {
		text := fmt.Sprintf("NOT TESTED WITH A REAL APPLIANCE: %v; testdata/appliance/build makes it", err)
		if os.Getenv("BUMPWIRE_REQUIRE_LINUX") == "1" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	return path
}

// openDisk opens the disk image within an OVA.
func openDisk(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	in := tar.NewReader(f)
	for {
		h, err := in.Next()
		if err != nil {
			return nil, fmt.Errorf("no disk in %s: %w", path, err)
		}
		if strings.HasSuffix(h.Name, ".vmdk") {
			return struct {
				io.Reader
				io.Closer
			}{in, f}, nil
		}
	}
}

func firewallServer(t *testing.T) cloud.Server {
	t.Helper()
	path := firewall(t)
	in, err := openDisk(path)
	require.NoError(t, err)
	defer in.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, in)
	require.NoError(t, err)

	var iso bytes.Buffer
	require.NoError(t, ovf.WriteISO(&iso, "OVF ENV", time.Time{}, []ovf.ISOFile{{Name: "ovf-env.xml", Data: []byte(`<?xml version="1.0" encoding="UTF-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1" oe:id="bumpwire-firewall">
<PropertySection>
<Property oe:key="firewall.block-tcp-ports" oe:value="23"/>
<Property oe:key="management.password" oe:value="not a secret"/>
<Property oe:key="management.address" oe:value="10.99.0.10"/>
<Property oe:key="management.netmask" oe:value="255.255.255.0"/>
</PropertySection>
</Environment>`)}}))
	return cloud.Server{
		VCPUs: 1, MemoryBytes: 128 << 20, Environment: iso.Bytes(),
		NICModels: []string{"virtio", "virtio", "virtio", "virtio", "virtio"},
		Disks: []cloud.Disk{{
			ID: "disk1", Digest: "sha256:" + hex.EncodeToString(sum.Sum(nil)), Format: "vmdk", CapacityBytes: 32 << 20, Bus: "virtio",
			Open: func(context.Context) (io.ReadCloser, error) { return openDisk(path) },
		}},
	}
}

func newReal(t *testing.T) *Cloud {
	t.Helper()
	c := newCloud(t)
	able(t, c)
	return c
}

func TestContractWithRealAppliances(t *testing.T) {
	server := firewallServer(t)
	cloudtest.Run(t, func(t *testing.T) cloudtest.Bed {
		return cloudtest.Bed{
			Cloud:       newReal(t),
			Server:      func() cloud.Server { return server },
			BootTimeout: 2 * time.Minute,
			Health:      managed,
		}
	})
}
