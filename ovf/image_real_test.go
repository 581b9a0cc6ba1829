package ovf_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// What qemu-img writes is read, and so is what it says of it: images that are made
// by hand show only that we agree with ourselves.
func TestRealImagesAreRead(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	const size = 8 << 20
	plain := make([]byte, size)
	for i := range 300_000 { // some of it empty, some not compressible
		plain[2<<20+i] = byte(rand.Uint32())
	}
	plainFile := filepath.Join(t.TempDir(), "plain")
	require.NoError(t, os.WriteFile(plainFile, plain, 0o600))
	for _, c := range []struct {
		args   string // of qemu-img convert
		format ovf.Format
	}{
		{"-O raw", ovf.FormatRaw},
		{"-O vmdk -o subformat=streamOptimized", ovf.FormatVMDK},
		{"-O vmdk -o subformat=monolithicSparse", ovf.FormatVMDK},
		{"-O qcow2", ovf.FormatQCOW2},
		{"-O qcow2 -c -o compat=0.10", ovf.FormatQCOW2},
		{"-O qcow2 -c -o compression_type=zstd,extended_l2=on", ovf.FormatQCOW2},
		{"-O qcow2 -o cluster_size=512,preallocation=metadata", ovf.FormatQCOW2},
		{"-O vdi", ovf.FormatVDI},
		{"-O vdi -o static=on", ovf.FormatVDI},
		{"-O vpc", ovf.FormatVHD},
		{"-O vpc -o subformat=fixed,force_size=on", ovf.FormatVHD},
		{"-O vhdx", ovf.FormatVHDX},
		{"-O vhdx -o subformat=fixed,block_size=1M", ovf.FormatVHDX},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "image")
			args := append([]string{"convert", "-f", "raw"}, append(strings.Fields(c.args), plainFile, path)...)
			out, err := exec.CommandContext(t.Context(), "qemu-img", args...).CombinedOutput()
			require.NoError(t, err, "%s", out)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			pkg := ingestDisk(t, string(data), size)
			require.True(t, pkg.Valid(), pkg.Findings.String())
			require.Equal(t, c.format, pkg.Images[0].Format)
			require.InDelta(t, size, pkg.Images[0].VirtualBytes, 16*255*512)
		})
	}
	for name, c := range map[string]struct {
		args string
		code ovf.Code
	}{
		"backing file":       {"-f qcow2 -b BASE -F raw IMAGE", ovf.CodeDiskBacking},
		"external data":      {"-f qcow2 -o data_file=IMAGE.data IMAGE 8M", ovf.CodeDiskBacking},
		"encrypted":          {"-f qcow2 --object secret,id=s,data=x -o encrypt.format=aes,encrypt.key-secret=s IMAGE 8M", ovf.CodeDiskUnsupported},
		"flat VMDK":          {"-f vmdk -o subformat=monolithicFlat IMAGE 8M", ovf.CodeDiskBacking},
		"VMDK in two files":  {"-f vmdk -o subformat=twoGbMaxExtentSparse IMAGE 8M", ovf.CodeDiskBacking},
		"VMDK with a parent": {"-f vmdk -b PARENT -F vmdk IMAGE", ovf.CodeDiskBacking},
		"QED":                {"-f qed IMAGE 8M", ovf.CodeDiskFormat},
		"Parallels":          {"-f parallels IMAGE 8M", ovf.CodeDiskFormat},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path, parent := filepath.Join(dir, "image.vmdk"), filepath.Join(dir, "parent.vmdk")
			if strings.Contains(c.args, "PARENT") {
				out, err := exec.CommandContext(t.Context(), "qemu-img", "create", "-f", "vmdk", parent, "8M").CombinedOutput()
				require.NoError(t, err, "%s", out)
			}
			args := strings.NewReplacer("BASE", plainFile, "IMAGE", path, "PARENT", parent).Replace(c.args)
			out, err := exec.CommandContext(t.Context(), "qemu-img", append([]string{"create"}, strings.Fields(args)...)...).CombinedOutput()
			require.NoError(t, err, "%s", out)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			pkg := ingestDisk(t, string(data), size)
			require.Equal(t, []ovf.Code{c.code}, codes(pkg.Findings.Errors()), pkg.Findings.String())
		})
	}
}

func needQEMU(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		const text = "NOT TESTED WITH REAL IMAGES: qemu-img is not installed (apt-get install qemu-utils)"
		if os.Getenv("BUMPWIRE_REQUIRE_LINUX") == "1" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
}

// Grains are not inflated while a package comes in, because who reads them stops
// where a grain must end.
func TestQEMUStopsAtTheSizeOfAGrain(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	for name, c := range map[string]struct {
		image string
		works bool
	}{"sound": {stream(nil), true}, "bomb": {bombed(), false}} {
		dir := t.TempDir()
		path := filepath.Join(dir, "image")
		require.NoError(t, os.WriteFile(path, []byte(c.image), 0o600))
		out, err := exec.CommandContext(t.Context(), "qemu-img", "convert", "-f", "vmdk", "-O", "raw", path, filepath.Join(dir, "raw")).CombinedOutput()
		require.Equal(t, c.works, err == nil, "%s: %s", name, out)
	}
}

// ingestDisk reads a package whose one disk, of that capacity, is in a file of
// these bytes.
func ingestDisk(t testing.TB, data string, capacity int64) *ovf.Package {
	t.Helper()
	text := strings.Replace(oneDisk, `"4096"`, fmt.Sprintf(`"%d"`, capacity), 1)
	pkg, _, _ := ingest(t, archive(raw{name: "p.ovf", data: text}, raw{name: "disk.img", data: data}), ovf.Options{})
	require.NotNil(t, pkg)
	return pkg
}
