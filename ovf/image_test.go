package ovf_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// The bytes of a disk decide what it is; whatever refers to another file, and
// whatever is not what the descriptor says, is refused.
func TestDiskImagesAreJudgedByTheirBytes(t *testing.T) {
	t.Parallel()
	const anyFormat, claimVMDK, isGzip = "", ` ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"`, "gzip"
	edit := func(old, new string) string { return vmdk(8, strings.Replace(goodVMDK, old, new, 1)) }
	for _, c := range []struct {
		name, data, claim string
		format            ovf.Format
		code              ovf.Code // "" when it is accepted
	}{
		{"raw", "plain bytes", anyFormat, ovf.FormatRaw, ""},
		{"VMDK", vmdk(8, goodVMDK), claimVMDK, ovf.FormatVMDK, ""},
		{"monolithicSparse", edit("streamOptimized", "monolithicSparse"), claimVMDK, ovf.FormatVMDK, ""},
		{"QCOW2", qcow2(nil), anyFormat, ovf.FormatQCOW2, ""},
		{"QCOW2 version 2", qcow2(put32(4, 2)), anyFormat, ovf.FormatQCOW2, ""},
		{"VHD", vhd(2), anyFormat, ovf.FormatVHD, ""},
		{"VHD rounded up", vhdOf(2, 4096+2_000_000), anyFormat, ovf.FormatVHD, ""},
		{"larger than it claims, streamOptimized", stream(nil), claimVMDK, ovf.FormatVMDK, ovf.CodeDiskCapacity},
		{"dynamic VHD", dynamicVHD(4096, nil), anyFormat, ovf.FormatVHD, ""},
		{"VHDX", vhdx(nil), anyFormat, ovf.FormatVHDX, ""},
		{"VDI", vdi(1, nil), anyFormat, ovf.FormatVDI, ""},
		{"compressed VMDK", zipped(vmdk(8, goodVMDK)), isGzip, ovf.FormatVMDK, ""},

		{"raw as VMDK", "plain bytes", claimVMDK, ovf.FormatRaw, ovf.CodeDiskFormat},
		{"QCOW2 as VMDK", qcow2(nil), claimVMDK, ovf.FormatQCOW2, ovf.CodeDiskFormat},
		{"CD as a disk", cd(), anyFormat, ovf.FormatISO, ovf.CodeDiskFormat},
		{"empty", "", anyFormat, ovf.FormatRaw, ovf.CodeDiskEmpty},
		{"two formats at once", "QFI\xfb" + cd()[4:], anyFormat, ovf.FormatQCOW2, ovf.CodeDiskFormat},
		{"undeclared gzip", zipped("x"), anyFormat, ovf.FormatGzip, ovf.CodeCompression},
		{"declared gzip that is none", "plain", isGzip, ovf.FormatGzip, ovf.CodeCompression},
		{"damaged gzip", zipped("x")[:10] + "\xff\xff\xff\xff\xff", isGzip, ovf.FormatGzip, ovf.CodeCompression},
		{"larger than it claims", vmdk(9, goodVMDK), claimVMDK, ovf.FormatVMDK, ovf.CodeDiskCapacity},
		{"larger than it claims, raw", strings.Repeat("x", 5000), anyFormat, ovf.FormatRaw, ovf.CodeDiskCapacity},

		{"VMDK descriptor alone", goodVMDK, anyFormat, ovf.FormatVMDK, ovf.CodeDiskBacking},
		{"VMDK of ESX", "COWD" + strings.Repeat("\x00", 600), anyFormat, ovf.FormatVMDK, ovf.CodeDiskBacking},
		{"VMDK flat extent", edit("RW 8 SPARSE \"disk.vmdk\"", "RW 8 FLAT \"/etc/passwd\" 0"), claimVMDK, ovf.FormatVMDK, ovf.CodeDiskBacking},
		{"VMDK two extents", edit("RW 8", "RW 8 SPARSE \"a\"\nRW 8"), claimVMDK, ovf.FormatVMDK, ovf.CodeDiskBacking},
		{"VMDK no extent", edit("RW 8 SPARSE \"disk.vmdk\"", ""), claimVMDK, ovf.FormatVMDK, ovf.CodeDiskBacking},
		{"VMDK split", edit("streamOptimized", "twoGbMaxExtentSparse"), claimVMDK, ovf.FormatVMDK, ovf.CodeDiskBacking},
		{"VMDK device", edit("streamOptimized", "fullDevice"), claimVMDK, ovf.FormatVMDK, ovf.CodeDiskBacking},
		{"VMDK delta", edit("parentCID=ffffffff", "parentCID=12345678"), claimVMDK, ovf.FormatVMDK, ovf.CodeDiskBacking},
		{"VMDK parent", edit("version=1", "parentFileNameHint=\"/etc/passwd\""), claimVMDK, ovf.FormatVMDK, ovf.CodeDiskBacking},
		{"VMDK of another version", "KDMV\x09" + vmdk(8, goodVMDK)[5:], claimVMDK, ovf.FormatVMDK, ovf.CodeDiskHeader},
		{"VMDK of 16 EB", vmdk(1<<62, goodVMDK), claimVMDK, ovf.FormatVMDK, ovf.CodeDiskHeader},
		{"VMDK cut", vmdk(8, goodVMDK)[:20], claimVMDK, ovf.FormatVMDK, ovf.CodeDiskHeader},
		{"VMDK cut in its descriptor", vmdk(8, goodVMDK)[:1024], claimVMDK, ovf.FormatVMDK, ovf.CodeDiskHeader},
		{"compressed VMDK with a flat extent", zipped(edit("SPARSE", "FLAT")), isGzip, ovf.FormatVMDK, ovf.CodeDiskBacking},

		{"QCOW2 backing file", qcow2(put64(8, 512)), anyFormat, ovf.FormatQCOW2, ovf.CodeDiskBacking},
		{"QCOW2 backing size alone", qcow2(put32(16, 11)), anyFormat, ovf.FormatQCOW2, ovf.CodeDiskBacking},
		{"QCOW2 external data", qcow2(put64(72, 4)), anyFormat, ovf.FormatQCOW2, ovf.CodeDiskBacking},
		{"QCOW2 encrypted", qcow2(put32(32, 2)), anyFormat, ovf.FormatQCOW2, ovf.CodeDiskUnsupported},
		{"QCOW2 snapshots", qcow2(put32(60, 1)), anyFormat, ovf.FormatQCOW2, ovf.CodeDiskUnsupported},
		{"QCOW2 corrupt", qcow2(put64(72, 2)), anyFormat, ovf.FormatQCOW2, ovf.CodeDiskHeader},
		{"QCOW2 dirty", qcow2(put64(72, 1)), anyFormat, ovf.FormatQCOW2, ovf.CodeDiskHeader},
		{"QCOW2 unknown feature", qcow2(put64(72, 1<<40)), anyFormat, ovf.FormatQCOW2, ovf.CodeDiskHeader},
		{"QCOW2 clusters", qcow2(put32(20, 63)), anyFormat, ovf.FormatQCOW2, ovf.CodeDiskHeader},
		{"QCOW2 size", qcow2(put64(24, 1<<63)), anyFormat, ovf.FormatQCOW2, ovf.CodeDiskHeader},
		{"QCOW2 L1", qcow2(put32(36, 1<<31)), anyFormat, ovf.FormatQCOW2, ovf.CodeDiskHeader},
		{"QCOW1", qcow2(put32(4, 1)), anyFormat, ovf.FormatQCOW2, ovf.CodeDiskHeader},
		{"QCOW2 cut", qcow2(nil)[:30], anyFormat, ovf.FormatQCOW2, ovf.CodeDiskHeader},
		{"larger than it claims, VHD", vhdOf(2, 8<<20), anyFormat, ovf.FormatVHD, ovf.CodeDiskCapacity},
		{"VHD delta", vhd(4), anyFormat, ovf.FormatVHD, ovf.CodeDiskBacking},
		{"VHD of an unknown type", vhd(9), anyFormat, ovf.FormatVHD, ovf.CodeDiskHeader},
		{"VDI delta", vdi(4, nil), anyFormat, ovf.FormatVDI, ovf.CodeDiskBacking},
		{"VDI cut", vdi(1, nil)[:100], anyFormat, ovf.FormatVDI, ovf.CodeDiskHeader},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := oneDisk
			if c.claim == isGzip {
				text = strings.Replace(text, `"disk.img"`, `"disk.img" ovf:compression="gzip"`, 1)
			} else {
				text = strings.Replace(text, `ovf:capacity="4096"`, `ovf:capacity="4096"`+c.claim, 1)
			}
			pkg, _, err := ingest(t, archive(raw{name: "p.ovf", data: text}, raw{name: "disk.img", data: c.data}), ovf.Options{})
			m, _ := pkg.Member("disk.img")
			require.Equal(t, c.format, m.Format)
			if c.code == "" {
				require.NoError(t, err)
				require.Equal(t, c.format, pkg.Plans()[0].Systems[0].Disks[0].Format)
				return
			}
			require.Error(t, err)
			require.Equal(t, []ovf.Code{c.code}, codes(pkg.Findings.Errors()), pkg.Findings.String())
		})
	}
}

// An image that no disk is made of may still be given to a converter one day.
func TestDangerousImagesAreRefusedWhereverTheyAre(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer(`<DiskSection><Info/><Disk ovf:diskId="d" ovf:fileRef="f" ovf:capacity="4096"/></DiskSection>`, "",
		"ovf:/disk/d", "ovf:/file/f", `>17<`, `>15<`).Replace(oneDisk)
	pkg, _, err := ingest(t, archive(raw{name: "p.ovf", data: text}, raw{name: "disk.img", data: cd()}), ovf.Options{})
	require.NoError(t, err)
	require.Equal(t, "disk.img", pkg.Plans()[0].Systems[0].Drives[0].Member)
	_, _, err = ingest(t, archive(raw{name: "p.ovf", data: text}, raw{name: "disk.img", data: qcow2(put64(8, 512))}), ovf.Options{})
	require.ErrorContains(t, err, "backing file")
}
