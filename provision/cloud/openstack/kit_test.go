package openstack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// newStock is a tenant on a cloud on which servers are made from what they say.
func newStock(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.d.prepare, s.d.discard, s.d.listed = s.d.equip, s.d.strip, s.d.inventory
	s.fake.put("flavors", thing{"id": "9", "name": "huge", "vcpus": 64, "ram": 1 << 20, "disk": 1000, "os-flavor-access:is_public": true})
	return s
}

// diskOf is a disk with an image.
func diskOf(id, content string) cloud.Disk {
	sum := sha256.Sum256([]byte(content))
	return cloud.Disk{ID: id, Digest: "sha256:" + hex.EncodeToString(sum[:]), Format: "raw", CapacityBytes: 3 << 29, SizeBytes: int64(len(content)),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }}
}

func machine() cloud.Server {
	return cloud.Server{VCPUs: 2, MemoryBytes: 256<<20 - 1, Environment: []byte("the secrets of an environment"),
		Disks: []cloud.Disk{diskOf("system", "what boots"), {ID: "log", CapacityBytes: 5 << 30, Bus: "scsi"}}}
}

// boot does the steps to a state, with each appliance made from a machine.
func (s *site) boot(m cloud.Server, services ...topology.Service) error {
	for _, step := range s.plan(services...) {
		var err error
		if step.Verb == topology.Boot {
			err = s.d.Boot(s.t.Context(), s.tenant, *step.Appliance, m)
		} else {
			err = s.do(step)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// kinds counts what the cloud has of each of them.
func (s *site) kinds() string {
	var list []string
	for _, c := range []string{"images", "volumes", "flavors", "server_groups", "servers"} {
		list = append(list, fmt.Sprint(len(s.fake.list(c)), " ", c))
	}
	return strings.Join(list, ", ")
}

const bare = "0 images, 0 volumes, 1 flavors, 0 server_groups, 0 servers"

func (s *site) volume(disk string) thing {
	for _, v := range s.fake.list("volumes") {
		if v["metadata"].(map[string]any)[metaDisk] == disk {
			return v
		}
	}
	return nil
}

func TestAnApplianceIsMadeFromItsPackage(t *testing.T) {
	t.Parallel()
	s := newStock(t)
	m := machine()
	m.NICModels = []string{"virtio", "E1000", "virtio"}
	m.Group = cloud.Group{ID: "pair", Policy: cloud.Apart}
	require.NoError(t, s.boot(m, s.fw))

	server := s.fake.list("servers")[0]
	require.Equal(t, "bumpwire."+s.d.scope+".2-256-2", server["flavorRef"], "neither a larger one nor one that has too little")
	require.Equal(t, false, server["config_drive"], "a guest must not take it for the environment")
	image := s.fake.list("images")[0]
	require.Equal(t, []any{"what boots", "raw", "bare", "virtio", "e1000", "pc"},
		[]any{image["content"], image["disk_format"], image["container_format"], image["hw_disk_bus"], image["hw_vif_model"], image["hw_machine_type"]})
	require.Equal(t, []any{"anti-affinity"}, s.fake.list("server_groups")[0]["policies"])

	var devices []string
	for _, d := range server["block_device_mapping_v2"].([]any) {
		d := thing(d.(map[string]any))
		devices = append(devices, fmt.Sprint(d["source_type"], " ", d["device_type"], " ", d["disk_bus"], " ", d["boot_index"], " ", d["delete_on_termination"]))
	}
	require.Equal(t, []string{"image disk virtio 0 true", "volume disk scsi 1 false", "volume cdrom ide -1 false"}, devices)
	require.Equal(t, "the secrets of an environment", s.volume(environmentDisk)["content"])
	require.EqualValues(t, 5, s.volume("1 log")["size"])
	require.Equal(t, "1 images, 2 volumes, 2 flavors, 1 server_groups, 1 servers", s.kinds(), "the image with secrets is gone")

	require.NoError(t, s.boot(m))
	require.Equal(t, bare, s.kinds())
	left, err := s.d.Resources(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestAppliancesOfOnePackageShareItsImage(t *testing.T) {
	t.Parallel()
	s := newStock(t)
	m := machine()
	m.Environment, m.Disks = nil, m.Disks[:1]
	require.NoError(t, s.boot(m, s.fw, s.wo))
	require.Equal(t, 1, s.fake.uploads)
	require.Equal(t, "1 images, 0 volumes, 2 flavors, 0 server_groups, 2 servers", s.kinds())
	require.Equal(t, true, s.fake.list("servers")[0]["config_drive"])
	require.NoError(t, s.boot(m, s.fw))
	require.Equal(t, "1 images, 0 volumes, 2 flavors, 0 server_groups, 1 servers", s.kinds(), "the other one needs them")
	require.NoError(t, s.boot(m))
	require.Equal(t, bare, s.kinds())
}

func TestADataDiskSurvivesARespin(t *testing.T) {
	t.Parallel()
	s := newStock(t)
	require.NoError(t, s.boot(machine(), s.fw))
	s.volume("1 log")["content"] = "written by the appliance"
	old := s.volume(environmentDisk).text("id")

	f, err := s.d.Observe(t.Context(), s.tenant)
	require.NoError(t, err)
	a := f.Appliances[0]
	require.NoError(t, s.do(topology.Step{Verb: topology.Shutdown, Appliance: &a}))
	require.Equal(t, "0 images, 1 volumes, 1 flavors, 0 server_groups, 0 servers", s.kinds())
	a.Start++
	require.NoError(t, s.d.Boot(t.Context(), s.tenant, a, machine()))
	require.Equal(t, "written by the appliance", s.volume("1 log")["content"])
	require.NotEqual(t, old, s.volume(environmentDisk).text("id"), "the environment may be another one")
}

func TestDataDisksAreKeptWhereTheOperatorWantsIt(t *testing.T) {
	t.Parallel()
	s := newStock(t)
	s.d.depot.retain = true
	require.NoError(t, s.boot(machine(), s.fw))
	require.NoError(t, s.boot(machine()))
	require.Equal(t, "0 images, 1 volumes, 1 flavors, 0 server_groups, 0 servers", s.kinds())
	kept := s.fake.list("volumes")[0]
	require.Equal(t, "kept fw 1 log", kept["name"])
	require.Equal(t, map[string]any{metaKept: s.d.scope, metaTenant: string(s.tenant), metaAppliance: kept["metadata"].(map[string]any)[metaAppliance], metaDisk: "1 log"}, kept["metadata"])
	left, err := s.d.Resources(t.Context())
	require.NoError(t, err)
	require.Empty(t, left, "it is the operator's now")
}

func TestImagesThatAreNotWhatTheyShouldBe(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*site, *cloud.Disk)
		kind   fault.Kind
		says   string
	}{
		"damaged in the store": {func(_ *site, d *cloud.Disk) {
			d.Open = diskOf("system", "what boats").Open
		}, fault.Invalid, `the image of disk "system" is damaged`},
		"longer than the store says": {func(_ *site, d *cloud.Disk) {
			d.Open = diskOf("system", "what boots and more").Open
		}, fault.Invalid, "is damaged"},
		"unreadable": {func(_ *site, d *cloud.Disk) {
			d.Open = func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(bytes.NewReader(make([]byte, cloud.HeaderBytes)), broken{})), nil
			}
		}, fault.Internal, "the store broke"},
		"a qcow2 that is said to be raw": {func(_ *site, d *cloud.Disk) {
			*d = diskOf("system", "QFI\xfb"+strings.Repeat("\x00", 200))
		}, fault.Invalid, "is said to be raw and begins like a qcow2"},
		"a VMDK whose descriptor is far behind": {func(_ *site, d *cloud.Disk) {
			*d = diskOf("system", "KDMV\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10"+strings.Repeat("\x00", 1<<20))
			d.Format = "vmdk"
		}, fault.Invalid, "does not say at its beginning what it is"},
		"spoilt by the cloud": {func(s *site, _ *cloud.Disk) { s.fake.spoil = true }, fault.Unavailable, "has not kept the image"},
		"without a digest":    {func(_ *site, d *cloud.Disk) { d.Digest = "" }, fault.Invalid, "no sha256 digest"},
		"on a bus of old":     {func(_ *site, d *cloud.Disk) { d.Bus = "mfm" }, fault.Invalid, `no disk bus "mfm"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, m := newStock(t), machine()
			test.change(s, &m.Disks[0])
			err := s.boot(m, s.fw)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.Equal(t, bare, s.kinds())
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the store broke") }

func TestFlavors(t *testing.T) {
	t.Parallel()
	public := func(id string, vcpus, ram, disk int) thing {
		return thing{"id": id, "name": id, "vcpus": vcpus, "ram": ram, "disk": disk, "os-flavor-access:is_public": true}
	}
	fit, roomy, small := public("fit", 2, 256, 2), public("roomy", 2, 512, 10), public("small", 2, 256, 1)
	theirs := thing{"id": "bumpwire.other.2-256-2", "name": "bumpwire.other.2-256-2", "vcpus": 2, "ram": 256, "disk": 2, "os-flavor-access:is_public": false}
	for name, test := range map[string]struct {
		plain bool
		has   []thing
		takes string // with %s for the scope
		fails string
	}{
		"one that fits": {has: []thing{roomy, fit, small}, takes: "fit"},
		"one is made":   {has: []thing{roomy, small, theirs}, takes: "bumpwire.%s.2-256-2"},
		"the next larger one, where none is made":    {plain: true, has: []thing{roomy, small, theirs}, takes: "roomy"},
		"none is large enough, and none can be made": {plain: true, has: []thing{small}, fails: "no flavor with 2 vCPUs, 256 MiB of memory and a disk of 2 GiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			d := onFake(t, f)
			f.plain = test.plain
			for _, has := range test.has {
				f.put("flavors", thing{"id": has["id"], "name": has["name"], "vcpus": has["vcpus"], "ram": has["ram"], "disk": has["disk"], "os-flavor-access:is_public": has["os-flavor-access:is_public"]})
			}
			got, err := d.flavor(t.Context(), boot{}, size{2, 256, 2})
			if test.fails != "" {
				require.ErrorContains(t, err, test.fails)
				require.Equal(t, fault.Full, fault.KindOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, strings.ReplaceAll(test.takes, "%s", d.scope), got.ID)
		})
	}
}

func TestHardwareThatNovaHasNot(t *testing.T) {
	t.Parallel()
	for _, m := range []cloud.Server{{NICModels: []string{"ne2000"}}, {Firmware: "openfirmware"}} {
		m.Disks = machine().Disks
		_, err := hardware(boot{server: m})
		require.ErrorContains(t, err, "this cloud has no ")
		require.Equal(t, fault.Invalid, fault.KindOf(err))
	}
	efi, err := hardware(boot{server: cloud.Server{Firmware: "efi", Disks: []cloud.Disk{{Bus: "scsi"}}}})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"hw_disk_bus": "scsi", "hw_scsi_model": "virtio-scsi", "hw_vif_model": "virtio", "hw_firmware_type": "uefi", "hw_machine_type": "q35"}, efi)
}

func TestAPlanThatTheQuotasHaveNoRoomFor(t *testing.T) {
	t.Parallel()
	s := newStock(t)
	quota := func(most, used int) thing { return thing{"limit": most, "used": used, "reserved": 0} }
	s.fake.limits = map[string]thing{
		"network": {"network": quota(100, 0), "subnet": quota(-1, 500), "port": quota(50, 48)},
		"compute": {"maxTotalInstances": 10, "totalInstancesUsed": 9, "maxTotalCores": 20, "totalCoresUsed": 19, "maxTotalRAMSize": -1, "maxServerGroups": 10},
		"volume":  {"maxTotalVolumes": 10, "totalVolumesUsed": 0, "maxTotalVolumeGigabytes": 1000, "totalGigabytesUsed": 0},
	}
	before := s.all()
	steps := s.plan(s.fw)
	machines := map[topology.ApplianceID]cloud.Server{}
	for _, step := range steps {
		if step.Verb == topology.Boot {
			machines[step.Appliance.ID] = machine()
		}
	}
	err := s.d.Afford(t.Context(), steps, machines)
	require.EqualError(t, err, "quota for ports is 50, 48 used, this plan needs 4; quota for vCPUs is 20, 19 used, this plan needs 2")
	require.Equal(t, fault.Full, fault.KindOf(err))
	require.Equal(t, before, s.all(), "nothing is made")

	s.fake.limits["network"]["port"] = quota(52, 48)
	s.fake.limits["compute"]["maxTotalCores"] = 21
	require.NoError(t, s.d.Afford(t.Context(), steps, machines))
}

func TestShort(t *testing.T) {
	t.Parallel()
	require.NoError(t, short([]limit{{ofPorts, -1, 48}, {ofVolumes, 2, 1}}, need{ofPorts: 500, ofVolumes: 1}))
	require.NoError(t, short([]limit{{ofPorts, 10, 48}}, need{}), "what is over its quota already and takes no more")
	err := short([]limit{{ofPorts, 50, 48}}, need{ofPorts: 5})
	require.EqualError(t, err, "quota for ports is 50, 48 used, this plan needs 5")
	require.True(t, slices.Contains([]fault.Kind{fault.Full}, fault.KindOf(err)))
}
