package ovf_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// accepted is the verdict on a disk that is as it should be.
const accepted ovf.Code = ""

// verdicts checks what becomes of disks, each one the file of a package of its
// own. A code is an error; one with a question mark is a warning.
func verdicts(t *testing.T, images map[string]diskCase) {
	t.Helper()
	for name, c := range images {
		pkg := c.read(t)
		if warning, ok := strings.CutSuffix(string(c.want), "?"); ok {
			require.True(t, pkg.Valid(), "%s: %s", name, pkg.Findings)
			require.Contains(t, codes(pkg.Findings), ovf.Code(warning), name)
			continue
		}
		if c.want == accepted {
			require.Empty(t, pkg.Findings.Errors(), name)
			continue
		}
		require.Equal(t, []ovf.Code{c.want}, codes(pkg.Findings.Errors()), "%s: %s", name, pkg.Findings)
	}
}

// diskCase is one disk image and what the descriptor says of it.
type diskCase struct {
	data string
	want ovf.Code
	file string // further attributes of the File
	disk string // further attributes of the Disk, which otherwise has 4096 bytes
	cd   bool   // it is not a disk but in the drive
}

func (c diskCase) read(t testing.TB) *ovf.Package {
	t.Helper()
	text := oneDisk
	if c.cd {
		text = strings.NewReplacer(`<DiskSection><Info/><Disk ovf:diskId="d" ovf:fileRef="f" ovf:capacity="4096"/></DiskSection>`, "",
			"ovf:/disk/d", "ovf:/file/f", `>17<`, `>15<`).Replace(text)
	}
	text = strings.Replace(text, `"disk.img"`, `"disk.img" `+c.file, 1)
	if strings.Contains(c.disk, "capacity") {
		text = strings.Replace(text, ` ovf:capacity="4096"`, "", 1)
	}
	text = strings.Replace(text, `ovf:diskId="d"`, `ovf:diskId="d" `+c.disk, 1)
	pkg, _, err := ingest(t, archive(raw{name: "p.ovf", data: text}, raw{name: "disk.img", data: c.data}), ovf.Options{})
	if refused := (*ovf.Refused)(nil); err != nil && !errors.As(err, &refused) {
		require.NoError(t, err)
	}
	return pkg
}

const (
	claimsVMDK = `ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"`
	claimsRaw  = `ovf:format="http://example.com/raw"`
	room       = `ovf:capacity="131072"` // what stream needs
)

// edited is a VMDK with its descriptor changed.
func edited(old, text string) string { return vmdk(8, strings.Replace(goodVMDK, old, text, 1)) }

// spoilt is a streamOptimized VMDK with bytes of one part changed.
func spoilt(part int, edit func([]byte)) string {
	return stream(func(parts [][]byte) [][]byte {
		edit(parts[part])
		return parts
	})
}

func le64(at int, v uint64) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint64(b[at:], v) }
}

func le32(at int, v uint32) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint32(b[at:], v) }
}

func TestHostileDisks(t *testing.T) {
	t.Parallel()
	backed := func(name string) string {
		return qcow2(func(b []byte) {
			put64(8, 512)(b)
			put32(16, uint32(len(name)))(b)
			copy(b[512:], name)
		})
	}
	adversarial(t, "G", 12,
		hostile{"G01 says VMDK, is QCOW2 with a backing file or a json: address", func(t *testing.T) {
			verdicts(t, map[string]diskCase{
				"a file":           {data: backed("/etc/passwd"), want: ovf.CodeDiskBacking, disk: claimsVMDK},
				"a pseudo-address": {data: backed(`json:{"driver":"file","filename":"/etc/passwd"}`), want: ovf.CodeDiskBacking, disk: claimsVMDK},
				"in gzip":          {data: zipped(backed("/etc/passwd")), want: ovf.CodeDiskBacking, disk: claimsVMDK, file: `ovf:compression="gzip"`},
				"in the drive":     {data: backed("/etc/passwd"), want: ovf.CodeDiskBacking, cd: true},
				"none":             {data: qcow2(nil), want: ovf.CodeDiskFormat, disk: claimsVMDK},
			})
		}},
		hostile{"G02 QCOW2 with external data, encryption, unknown bits, snapshots, dirt, absurd sizes", func(t *testing.T) {
			verdicts(t, map[string]diskCase{
				"sound":                      {data: qcow2(nil)},
				"external data, by its bit":  {data: qcow2(put64(72, 4)), want: ovf.CodeDiskBacking},
				"external data, raw":         {data: qcow2(put64(88, 2)), want: ovf.CodeDiskBacking},
				"external data, by its name": {data: qcow2(func(b []byte) { copy(b[104:], "DATA\x00\x00\x00\x0b/etc/passwd") }), want: ovf.CodeDiskBacking},
				"the name behind others": {data: qcow2(func(b []byte) {
					copy(b[104:], "\x68\x03\xf8\x57\x00\x00\x00\x01x_______DATA\x00\x00\x00\x0b/etc/passwd")
				}), want: ovf.CodeDiskBacking},
				"an extension beyond":        {data: qcow2(func(b []byte) { copy(b[104:], "\x68\x03\xf8\x57\xff\xff\xff\xff") }), want: ovf.CodeDiskHeader},
				"encrypted with AES":         {data: qcow2(put32(32, 1)), want: ovf.CodeDiskUnsupported},
				"encrypted with LUKS":        {data: qcow2(put32(32, 2)), want: ovf.CodeDiskUnsupported},
				"a LUKS header":              {data: qcow2(func(b []byte) { copy(b[104:], "\x05\x37\xbe\x77\x00\x00\x00\x10") }), want: ovf.CodeDiskUnsupported},
				"an unknown bit":             {data: qcow2(put64(72, 1<<5)), want: ovf.CodeDiskHeader},
				"snapshots":                  {data: qcow2(put32(60, 1)), want: ovf.CodeDiskUnsupported},
				"dirty":                      {data: qcow2(put64(72, 1)), want: ovf.CodeDiskHeader},
				"corrupt":                    {data: qcow2(put64(72, 2)), want: ovf.CodeDiskHeader},
				"L1 of 2^31":                 {data: qcow2(put32(36, 1<<31)), want: ovf.CodeDiskHeader},
				"L1 too short for the disk":  {data: qcow2(put32(36, 0)), want: ovf.CodeDiskHeader},
				"L1 beyond the end":          {data: qcow2(put64(40, 1<<40)), want: ovf.CodeDiskHeader},
				"L1 out of step":             {data: qcow2(put64(40, 3*65536+8)), want: ovf.CodeDiskHeader},
				"refcounts of 2^32 clusters": {data: qcow2(put32(56, 1<<32-1)), want: ovf.CodeDiskHeader},
				"refcounts beyond the end":   {data: qcow2(put64(48, 1<<62)), want: ovf.CodeDiskHeader},
				"refcount order":             {data: qcow2(put32(96, 31)), want: ovf.CodeDiskHeader},
				"header length":              {data: qcow2(put32(100, 1<<31)), want: ovf.CodeDiskHeader},
				"clusters of 2^63":           {data: qcow2(put32(20, 63)), want: ovf.CodeDiskHeader},
				"size of 2^63":               {data: qcow2(put64(24, 1<<63)), want: ovf.CodeDiskHeader},
				"version 1":                  {data: qcow2(put32(4, 1)), want: ovf.CodeDiskHeader},
				"version 4":                  {data: qcow2(put32(4, 4)), want: ovf.CodeDiskHeader},
				"cut off":                    {data: qcow2(nil)[:71], want: ovf.CodeDiskHeader},
			})
		}},
		hostile{"G03 VMDK descriptor alone, extents elsewhere, a parent, other types", func(t *testing.T) {
			// QEMU looks for the parent's name anywhere in 20 sectors, whatever the header says.
			hidden := vmdk(8, goodVMDK+strings.Repeat("#\n", 400)+"#parentFileNameHint=\"/etc/passwd\"\n")
			hidden = hidden[:36] + "\x01" + hidden[37:]
			verdicts(t, map[string]diskCase{
				"sound":                    {data: vmdk(8, goodVMDK)},
				"descriptor alone":         {data: goodVMDK, want: ovf.CodeDiskBacking},
				"ESX":                      {data: "COWD" + strings.Repeat("\x00", 600), want: ovf.CodeDiskBacking},
				"RW FLAT /etc/passwd":      {data: edited(`RW 8 SPARSE "disk.vmdk"`, `RW 100 FLAT "/etc/passwd" 0`), want: ovf.CodeDiskBacking},
				"the same, alone":          {data: strings.Replace(goodVMDK, `RW 8 SPARSE "disk.vmdk"`, `RW 100 FLAT "/etc/passwd" 0`, 1), want: ovf.CodeDiskBacking},
				"a second extent":          {data: edited("RW 8", "RW 100 FLAT \"/etc/passwd\" 0\nRW 8"), want: ovf.CodeDiskBacking},
				"a second extent, behind":  {data: edited("ddb.", "\x00\nrw 100 flat \"/etc/passwd\" 0\n"), want: ovf.CodeDiskBacking},
				"no extent":                {data: edited(`RW 8 SPARSE "disk.vmdk"`, ""), want: ovf.CodeDiskBacking},
				"twoGbMaxExtentSparse":     {data: edited("streamOptimized", "twoGbMaxExtentSparse"), want: ovf.CodeDiskBacking},
				"monolithicFlat":           {data: edited("streamOptimized", "monolithicFlat"), want: ovf.CodeDiskBacking},
				"custom":                   {data: edited("streamOptimized", "custom"), want: ovf.CodeDiskBacking},
				"fullDevice":               {data: edited("streamOptimized", "fullDevice"), want: ovf.CodeDiskBacking},
				"no type":                  {data: edited("createType", "type"), want: ovf.CodeDiskBacking},
				"a second type":            {data: edited("# Extent", "#createType=\"monolithicFlat\"\n# Extent"), want: ovf.CodeDiskBacking},
				"parentFileNameHint":       {data: edited("version=1", `parentFileNameHint="/etc/passwd"`), want: ovf.CodeDiskBacking},
				"the hint in a comment":    {data: edited("version=1", `#parentFileNameHint="/etc/passwd"`), want: ovf.CodeDiskBacking},
				"the hint in other case":   {data: edited("version=1", `PARENTFILENAMEHINT="/etc/passwd"`), want: ovf.CodeDiskBacking},
				"the hint behind its size": {data: hidden, want: ovf.CodeDiskBacking},
				"parentCID":                {data: edited("parentCID=ffffffff", "parentCID=12345678"), want: ovf.CodeDiskBacking},
				"capacity 0":               {data: vmdk(0, goodVMDK), want: ovf.CodeDiskHeader},
				"no descriptor inside":     {data: vmdk(8, goodVMDK)[:28] + strings.Repeat("\x00", 16) + vmdk(8, goodVMDK)[44:], want: ovf.CodeDiskBacking},
				"descriptor far inside":    {data: string(altered(vmdk(8, goodVMDK), le64(28, 1<<60))), want: ovf.CodeDiskHeader},
			})
		}},
		hostile{"G04 streamOptimized: footer, markers, grains", func(t *testing.T) {
			without := func(part int) string {
				return stream(func(p [][]byte) [][]byte { return append(p[:part:part], p[part+1:]...) })
			}
			verdicts(t, map[string]diskCase{
				"grain directory at the end":      {data: stream(nil), disk: room},
				"no grain directory":              {data: without(4), want: ovf.CodeDiskHeader, disk: room},
				"no footer":                       {data: without(5), want: ovf.CodeDiskHeader, disk: room},
				"no end of stream":                {data: without(6), want: ovf.CodeDiskHeader, disk: room},
				"cut off in a grain":              {data: stream(nil)[:21*512+30], want: ovf.CodeDiskHeader, disk: room},
				"cut off in a marker":             {data: stream(nil)[:21*512+5], want: ovf.CodeDiskHeader, disk: room},
				"data behind the end":             {data: stream(nil) + strings.Repeat("x", 512), want: ovf.CodeDiskHeader, disk: room},
				"zeros behind the end":            {data: stream(nil) + strings.Repeat("\x00", 512), want: ovf.CodeDiskHeader, disk: room},
				"the footer has another capacity": {data: spoilt(5, le64(512+12, 512)), want: ovf.CodeDiskHeader, disk: room},
				"the footer points elsewhere":     {data: spoilt(5, le64(512+56, 3)), want: ovf.CodeDiskHeader, disk: room},
				"a grain table of 2^60 sectors":   {data: spoilt(3, le64(0, 1<<60)), want: ovf.CodeDiskHeader, disk: room},
				"a grain of 4 GiB":                {data: spoilt(1, le32(8, 1<<32-1)), want: ovf.CodeDiskHeader, disk: room},
				"a grain past the capacity":       {data: spoilt(2, le64(0, 256)), want: ovf.CodeDiskHeader, disk: room},
				"a grain out of step":             {data: spoilt(2, le64(0, 129)), want: ovf.CodeDiskHeader, disk: room},
				"a grain twice":                   {data: spoilt(2, le64(0, 0)), want: ovf.CodeDiskHeader, disk: room},
				"a grain that is no zlib":         {data: spoilt(2, le32(12, 0)), want: ovf.CodeDiskHeader, disk: room},
				"an unknown marker":               {data: spoilt(3, le32(12, 99)), want: ovf.CodeDiskHeader, disk: room},
				"compressed without markers":      {data: spoilt(0, le32(8, 3|1<<16)), want: ovf.CodeDiskHeader, disk: room},
				"changed by a transfer as text":   {data: spoilt(0, func(b []byte) { copy(b[73:], "\r\n \r") }), want: ovf.CodeDiskHeader, disk: room},
				"grains of 2^40 sectors":          {data: spoilt(0, le64(20, 1<<40)), want: ovf.CodeDiskHeader, disk: room},
				// Grains are not inflated here; QEMU stops at the size of one (see
				// TestQEMUStopsAtTheSizeOfAGrain).
				"a grain that inflates to 64 MiB": {data: bombed(), disk: room},
			})
		}},
		hostile{"G05 raw that begins like QCOW2", func(t *testing.T) {
			verdicts(t, map[string]diskCase{
				"said to be raw":       {data: qcow2(nil), want: ovf.CodeDiskFormat, disk: claimsRaw},
				"nothing but magic":    {data: "QFI\xfb" + strings.Repeat("\x00", 4092), want: ovf.CodeDiskHeader, disk: claimsRaw},
				"as QEMU tells a VMDK": {data: "\n#\n# any comment\n version=1\n", want: ovf.CodeDiskBacking, disk: claimsRaw},
				"begins like a VMDK":   {data: goodVMDK, want: ovf.CodeDiskBacking, disk: claimsRaw},
				"plain":                {data: "\xeb\x63\x90" + strings.Repeat("\x00", 4093), disk: claimsRaw},
			})
		}},
		hostile{"G06 VHD, VHDX, VDI: deltas, absurd headers, a log to replay", func(t *testing.T) {
			const dynamic = `ovf:capacity="4194304"`
			metadata := func(edit func([]byte)) string { return vhdx(func(p vhdxParts) { edit(p.metadata) }) }
			regions := func(edit func([]byte)) string { return vhdx(func(p vhdxParts) { edit(p.regions) }) }
			verdicts(t, map[string]diskCase{
				"VHD":                           {data: vhd(2)},
				"VHD, a delta":                  {data: vhd(4), want: ovf.CodeDiskBacking},
				"VHD of an unknown type":        {data: vhd(9), want: ovf.CodeDiskHeader},
				"VHD, damaged":                  {data: string(altered(vhd(2), put32(4096+24, 7))), want: ovf.CodeDiskHeader},
				"VHD, cut off":                  {data: vhd(2)[1:], want: ovf.CodeDiskHeader},
				"VHD of 2^63 bytes":             {data: vhd(2)[:4096] + string(vhdFooter(2, 1<<63, 1<<64-1)), want: ovf.CodeDiskHeader},
				"dynamic VHD":                   {data: dynamicVHD(4<<20, nil), disk: dynamic},
				"dynamic VHD, a delta":          {data: dynamicVHD(4<<20, func(b []byte) { b[40] = 1 }), want: ovf.CodeDiskBacking, disk: dynamic},
				"dynamic VHD, a parent's place": {data: dynamicVHD(4<<20, func(b []byte) { copy(b[576:], "W2ku") }), want: ovf.CodeDiskBacking, disk: dynamic},
				"dynamic VHD, 2^32 blocks":      {data: dynamicVHD(4<<20, put32(28, 1<<32-1)), want: ovf.CodeDiskHeader, disk: dynamic},
				"dynamic VHD, no blocks":        {data: dynamicVHD(4<<20, put32(28, 0)), want: ovf.CodeDiskHeader, disk: dynamic},
				"dynamic VHD, blocks of 0":      {data: dynamicVHD(4<<20, put32(32, 0)), want: ovf.CodeDiskHeader, disk: dynamic},
				"dynamic VHD, table beyond":     {data: dynamicVHD(4<<20, put64(16, 1<<63)), want: ovf.CodeDiskHeader, disk: dynamic},
				"dynamic VHD, no header":        {data: dynamicVHD(4<<20, func(b []byte) { clear(b) }), want: ovf.CodeDiskHeader, disk: dynamic},
				"dynamic VHD, two footers":      {data: "conectiX" + dynamicVHD(4<<20, nil)[8:], want: ovf.CodeDiskHeader, disk: dynamic},
				"a footer at the start alone":   {data: dynamicVHD(4<<20, nil)[:1024], want: ovf.CodeDiskHeader, disk: dynamic},
				"VDI":                           {data: vdi(1, nil)},
				"VDI, undoable":                 {data: vdi(3, nil), want: ovf.CodeDiskBacking},
				"VDI, a delta":                  {data: vdi(4, nil), want: ovf.CodeDiskBacking},
				"VDI, a delta by its link":      {data: vdi(1, func(b []byte) { b[424] = 1 }), want: ovf.CodeDiskBacking},
				"VDI, a delta by its parent":    {data: vdi(1, func(b []byte) { b[440] = 1 }), want: ovf.CodeDiskBacking},
				"VDI of 2^63 bytes":             {data: vdi(1, le64(368, 1<<63)), want: ovf.CodeDiskHeader},
				"VDI of 2^32 blocks":            {data: vdi(1, le32(384, 1<<32-1)), want: ovf.CodeDiskHeader},
				"VDI, blocks of 0":              {data: vdi(1, le32(376, 0)), want: ovf.CodeDiskHeader},
				"VDI of another version":        {data: vdi(1, le32(68, 2)), want: ovf.CodeDiskHeader},
				"VDI, cut off":                  {data: vdi(1, nil)[:100], want: ovf.CodeDiskHeader},
				"VHDX":                          {data: vhdx(nil)},
				"VHDX, has parent":              {data: metadata(func(b []byte) { b[65536+4] |= 2 }), want: ovf.CodeDiskBacking},
				"VHDX, parent locator":          {data: metadata(func(b []byte) { copy(b[96:], guid("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C")) }), want: ovf.CodeDiskBacking},
				"VHDX, a log":                   {data: vhdx(func(p vhdxParts) { p.header[48] = 1 }), want: ovf.CodeDiskHeader},
				"VHDX, no header":               {data: vhdx(func(p vhdxParts) { clear(p.header[:4]) }), want: ovf.CodeDiskHeader},
				"VHDX, damaged regions":         {data: string(altered(vhdx(nil), func(b []byte) { b[192<<10+100] ^= 1 })), want: ovf.CodeDiskHeader},
				"VHDX, an unknown region":       {data: regions(func(b []byte) { b[16] ^= 1 }), want: ovf.CodeDiskHeader},
				"VHDX, a region in the head":    {data: regions(le64(48+16, 0)), want: ovf.CodeDiskHeader},
				"VHDX, a region at 2^63":        {data: regions(le64(48+16, 1<<63)), want: ovf.CodeDiskHeader},
				"VHDX, metadata beyond the end": {data: regions(le64(48+16, 1<<40)), want: ovf.CodeDiskHeader},
				"VHDX, 2^32 regions":            {data: regions(le32(8, 1<<32-1)), want: ovf.CodeDiskHeader},
				"VHDX, item at 2^32":            {data: metadata(le32(32+16, 1<<32-1)), want: ovf.CodeDiskHeader},
				"VHDX, 2^16 items":              {data: metadata(func(b []byte) { b[10], b[11] = 0xff, 0xff }), want: ovf.CodeDiskHeader},
				"VHDX, blocks of 0":             {data: metadata(le32(65536, 0)), want: ovf.CodeDiskHeader},
				"VHDX of 2^63 bytes":            {data: metadata(le64(65536+16, 1<<63)), want: ovf.CodeDiskHeader},
				"VHDX without a size":           {data: metadata(func(b []byte) { b[10] = 1 }), want: ovf.CodeDiskHeader},
				"VHDX, an unknown item":         {data: metadata(func(b []byte) { b[96] ^= 1 }), want: ovf.CodeDiskHeader},
				"VHDX, cut off":                 {data: vhdx(nil)[:2<<20+100], want: ovf.CodeDiskHeader},
			})
		}},
		hostile{"G07 CD as a disk, disk as a CD, two formats at once", func(t *testing.T) {
			verdicts(t, map[string]diskCase{
				"CD as a disk":     {data: cd(), want: ovf.CodeDiskFormat},
				"CD as a CD":       {data: cd(), cd: true},
				"disk as a CD":     {data: qcow2(nil), want: ovf.CodeDiskFormat, cd: true},
				"VMDK as a CD":     {data: vmdk(8, goodVMDK), want: ovf.CodeDiskFormat, cd: true},
				"nobody knows":     {data: strings.Repeat("x", 4096), want: ovf.CodeDiskFormat + "?", cd: true},
				"CD, cut off":      {data: cd()[:34000], want: ovf.CodeDiskHeader, cd: true},
				"CD + QCOW2":       {data: "QFI\xfb" + cd()[4:], want: ovf.CodeDiskFormat},
				"CD + QCOW2 as CD": {data: "QFI\xfb" + cd()[4:], want: ovf.CodeDiskFormat, cd: true},
				"CD + VHD":         {data: cd() + string(vhdFooter(2, 4096, 1<<64-1)), want: ovf.CodeDiskFormat},
				"CD + VDI":         {data: string(altered(cd(), le32(64, 0xbeda107f))), want: ovf.CodeDiskFormat},
				"QCOW2 + VHD":      {data: qcow2(nil) + string(vhdFooter(2, 4096, 1<<64-1)), want: ovf.CodeDiskFormat},
				"gzip + tar":       {data: "\x1f\x8b" + strings.Repeat("\x00", 255) + "ustar" + strings.Repeat("\x00", 300), want: ovf.CodeDiskFormat},
				"tar":              {data: string(archive(descriptor)), want: ovf.CodeDiskFormat},
				"tar in gzip":      {data: zipped(string(archive(descriptor))), want: ovf.CodeDiskFormat, file: `ovf:compression="gzip"`},
				"zip":              {data: "PK\x03\x04" + strings.Repeat("\x00", 100), want: ovf.CodeDiskFormat},
				"web page":         {data: "<!DOCTYPE html><title>404</title>", want: ovf.CodeDiskFormat},
				"Apple":            {data: strings.Repeat("\x00", 512) + "koly" + strings.Repeat("\x00", 508), want: ovf.CodeDiskFormat},
			})
		}},
		hostile{"G08 LUKS, GPT alone, empty", func(t *testing.T) {
			verdicts(t, map[string]diskCase{
				"LUKS":               {data: "LUKS\xba\xbe\x00\x02" + strings.Repeat("\x00", 4000), want: ovf.CodeDiskUnsupported},
				"GPT without MBR":    {data: strings.Repeat("\x00", 512) + "EFI PART" + strings.Repeat("\x00", 504), want: ovf.CodeDiskHeader + "?"},
				"GPT behind its MBR": {data: strings.Repeat("\x00", 510) + "\x55\xaaEFI PART" + strings.Repeat("\x00", 504)},
				"empty":              {data: "", want: ovf.CodeDiskEmpty},
				"empty inside":       {data: zipped(""), want: ovf.CodeDiskEmpty, file: `ovf:compression="gzip"`},
			})
		}},
		hostile{"G09 gzip: none, undeclared, members, checksum, bomb, cut off", hostileGzip},
		hostile{"G10 chunks: gaps, wrong sizes, order, compression", hostileChunks},
		hostile{"G11 claims that cost nothing", func(t *testing.T) {
			verdicts(t, map[string]diskCase{
				"smaller than the capacity":      {data: strings.Repeat("x", 2<<20), disk: `ovf:capacity="2000000000"`},
				"1000 times smaller":             {data: strings.Repeat("x", 2<<20), want: ovf.CodeDiskCapacity, disk: `ovf:capacity="20000000000"`},
				"capacity of 16 EiB":             {data: "x", want: ovf.CodeResourceLimit, disk: `ovf:capacity="16" ovf:capacityAllocationUnits="byte * 2^60"`},
				"image of 16 EiB":                {data: vmdk(1<<55, goodVMDK), want: ovf.CodeDiskHeader},
				"image of 512 PiB":               {data: vmdk(1<<50, goodVMDK), want: ovf.CodeDiskCapacity},
				"image larger than the capacity": {data: vmdk(9, goodVMDK), want: ovf.CodeDiskCapacity},
				"populated beyond the image":     {data: strings.Repeat("x", 1024), want: ovf.CodePopulatedSize + "?", disk: `ovf:populatedSize="4096"`},
			})
		}},
		hostile{"G12 a disk identical to another's", func(t *testing.T) {
			// Two files of the same bytes are two disks. That a store which keeps them
			// once does not tell is tested where it is: in package catalog.
			text := strings.NewReplacer(`<File ovf:id="f" ovf:href="disk.img"/>`, `<File ovf:id="f" ovf:href="disk.img"/><File ovf:id="g" ovf:href="copy.img"/>`,
				`</DiskSection>`, `<Disk ovf:diskId="e" ovf:fileRef="g" ovf:capacity="4096"/></DiskSection>`).Replace(oneDisk)
			pkg, sink, err := ingest(t, archive(raw{name: "p.ovf", data: text}, diskFile, raw{name: "copy.img", data: diskFile.data}), ovf.Options{})
			require.NoError(t, err)
			require.Equal(t, pkg.Images[0].SHA256, pkg.Images[1].SHA256)
			require.Equal(t, sink.files["disk.img"].String(), sink.files["copy.img"].String())
		}},
	)
}

func altered(data string, edit func([]byte)) []byte {
	b := []byte(data)
	edit(b)
	return b
}

// bombed is a streamOptimized VMDK whose first grain inflates to 64 MiB.
func bombed() string {
	var data bytes.Buffer
	z := zlib.NewWriter(&data)
	_, _ = io.Copy(z, io.LimitReader(zeros{}, 64<<20))
	_ = z.Close()
	g := append(marker(0, uint32(data.Len()), 0)[:12], data.Bytes()...)
	return string(bytes.Join(streamParts(append(g, make([]byte, 512-len(g)%512)...)), nil))
}

func hostileGzip(t *testing.T) {
	const declared = `ovf:compression="gzip"`
	const alias = `ovf:format="http://www.vmware.com/specifications/vmdk.html#compressed"`
	plain := strings.Repeat("plain bytes of a disk\n", 100)
	good := zipped(plain)
	bomb := zipped(strings.Repeat("\x00", 80<<20))
	verdicts(t, map[string]diskCase{
		"sound":                 {data: good, file: declared},
		"two members":           {data: zipped(plain[:1000]) + zipped(plain[1000:]), file: declared},
		"identity":              {data: plain, file: `ovf:compression="identity"`},
		"not gzip":              {data: plain, want: ovf.CodeCompression, file: declared},
		"nothing":               {data: "", want: ovf.CodeCompression, file: declared},
		"half of its magic":     {data: "\x1f", want: ovf.CodeCompression, file: declared},
		"undeclared":            {data: good, want: ovf.CodeCompression},
		"undeclared, in drive":  {data: zipped(cd()), want: ovf.CodeCompression, cd: true},
		"declared, in drive":    {data: zipped(cd()), file: declared, cd: true},
		"twice":                 {data: zipped(good), want: ovf.CodeCompression, file: declared},
		"by the old name":       {data: zipped(vmdk(8, goodVMDK)), disk: alias},
		"old name, not at all":  {data: vmdk(8, goodVMDK), disk: alias},
		"wrong checksum":        {data: string(altered(good, func(b []byte) { b[len(b)-8] ^= 1 })), want: ovf.CodeCompression, file: declared},
		"wrong length":          {data: string(altered(good, func(b []byte) { b[len(b)-1] ^= 1 })), want: ovf.CodeCompression, file: declared},
		"damaged":               {data: string(altered(good, func(b []byte) { b[len(b)/2] ^= 0xff; b[len(b)/2+1] ^= 0xff })), want: ovf.CodeCompression, file: declared},
		"cut off":               {data: good[:len(good)-1], want: ovf.CodeCompression, file: declared},
		"cut off at a member":   {data: good + "\x1f\x8b\x08", want: ovf.CodeCompression, file: declared},
		"garbage behind":        {data: good + "garbage", want: ovf.CodeCompression, file: declared},
		"larger than capacity":  {data: zipped(strings.Repeat("x", 5000)), want: ovf.CodeDiskCapacity, file: declared},
		"bomb of a disk":        {data: bomb, want: ovf.CodeSizeLimit, file: declared},
		"bomb of a CD":          {data: bomb, want: ovf.CodeSizeLimit, file: declared, cd: true},
		"zeros of a large disk": {data: bomb, file: declared, disk: `ovf:capacity="83886080"`},
		"bzip2":                 {data: "BZh9", want: ovf.CodeUnsupportedCompression, file: `ovf:compression="bzip2"`},
		"undeclared bzip2":      {data: "BZh9", want: ovf.CodeDiskFormat},
		"unknown":               {data: plain, want: ovf.CodeValue, file: `ovf:compression="zstd"`},
	})
	// Not before all of the stream is there is anything known to be right, also
	// when the descriptor comes last.
	for _, c := range []diskCase{{data: good, file: declared}, {data: bomb, want: ovf.CodeSizeLimit, file: declared}, {data: good, want: ovf.CodeCompression}} {
		text := strings.Replace(oneDisk, `"disk.img"`, `"disk.img" `+c.file, 1)
		pkg, _, _ := ingest(t, archive(raw{name: "disk.img", data: c.data}, raw{name: "p.ovf", data: text}), ovf.Options{})
		if c.want == accepted {
			require.True(t, pkg.Valid(), pkg.Findings.String())
			require.Equal(t, "gzip", pkg.Images[0].Compression)
			continue
		}
		require.Equal(t, []ovf.Code{c.want}, codes(pkg.Findings.Errors()))
	}
}

func hostileChunks(t *testing.T) {
	const size = `ovf:size="25" `
	piece := func(n int, data string) raw { return raw{name: fmt.Sprintf("disk.img.%09d", n), data: data} }
	zip := zipped(vmdk(8, goodVMDK))
	cut := func(data string, size int) (pieces []raw) {
		for n := 0; len(data) > 0; n++ {
			k := min(size, len(data))
			pieces, data = append(pieces, piece(n, data[:k])), data[k:]
		}
		return pieces
	}
	ten := strings.Repeat("x", 10)
	for name, c := range map[string]struct {
		file   string
		pieces []raw
		want   ovf.Code
	}{
		"sound":                      {size + `ovf:chunkSize="10"`, cut(ten+ten+"xxxxx", 10), accepted},
		"no size":                    {`ovf:chunkSize="10"`, cut(ten+ten+"xxxxx", 10), accepted},
		"a QCOW2":                    {`ovf:chunkSize="1000"`, cut(qcow2(nil), 1000), accepted},
		"a QCOW2 with backing":       {`ovf:chunkSize="1000"`, cut(qcow2(put64(8, 512)), 1000), ovf.CodeDiskBacking},
		"magic cut in two":           {`ovf:chunkSize="2"`, cut("QFI\xfb"+ten, 2), ovf.CodeDiskHeader},
		"the first is missing":       {size + `ovf:chunkSize="10"`, []raw{piece(1, ten), piece(2, "xxxxx")}, ovf.CodeFileMissing},
		"a gap":                      {size + `ovf:chunkSize="10"`, []raw{piece(0, ten), piece(2, "xxxxx")}, ovf.CodeFileMissing},
		"a gap, no size":             {`ovf:chunkSize="10"`, []raw{piece(0, ten), piece(2, "xxxxx")}, ovf.CodeFileMissing},
		"the last is missing":        {size + `ovf:chunkSize="10"`, []raw{piece(0, ten), piece(1, ten)}, ovf.CodeFileMissing},
		"none":                       {size + `ovf:chunkSize="10"`, nil, ovf.CodeFileMissing},
		"one too many":               {size + `ovf:chunkSize="10"`, append(cut(ten+ten+"xxxxx", 10), piece(3, "x")), ovf.CodePieceSize},
		"a whole one too many":       {size + `ovf:chunkSize="5"`, append(cut(ten+ten+"xxxxx", 5), piece(5, "xxxxx")), ovf.CodeFileSize},
		"longer than the size":       {`ovf:chunkSize="10"`, []raw{piece(0, ten), piece(1, ten+"x")}, ovf.CodePieceSize},
		"shorter in the middle":      {`ovf:chunkSize="10"`, []raw{piece(0, ten), piece(1, "x"), piece(2, ten)}, ovf.CodePieceSize},
		"out of order":               {size + `ovf:chunkSize="10"`, []raw{piece(1, ten), piece(0, ten), piece(2, "xxxxx")}, ovf.CodeMemberOrder},
		"another file in between":    {size + `ovf:chunkSize="10"`, []raw{piece(0, ten), {name: "README", data: "x"}, piece(1, ten), piece(2, "xxxxx")}, ovf.CodeMemberOrder},
		"of size 0":                  {`ovf:chunkSize="0"`, []raw{piece(0, ten)}, ovf.CodeNumber},
		"of a negative size":         {`ovf:chunkSize="-1"`, []raw{piece(0, ten)}, ovf.CodeNumber},
		"of size 1, 10^9 pieces":     {`ovf:size="1000000000" ovf:chunkSize="1"`, cut(ten, 1), ovf.CodeCountLimit},
		"of size 1, as many as fit":  {`ovf:chunkSize="1"`, cut(ten, 1), accepted},
		"compressed, then cut":       {`ovf:compression="gzip" ovf:chunkSize="100"`, cut(zip, 100), accepted},
		"compressed, size as stored": {fmt.Sprintf(`ovf:compression="gzip" ovf:size="%d" ovf:chunkSize="100"`, len(zip)), cut(zip, 100), accepted},
		"compressed, cut off":        {`ovf:compression="gzip" ovf:chunkSize="100"`, cut(zip[:len(zip)-3], 100), ovf.CodeCompression},
		"compressed with backing":    {`ovf:compression="gzip" ovf:chunkSize="7"`, cut(zipped(qcow2(put64(8, 512))), 7), ovf.CodeDiskBacking},
		"not compressed":             {`ovf:compression="gzip" ovf:chunkSize="10"`, cut(ten+ten, 10), ovf.CodeCompression},
		"compressed, undeclared":     {`ovf:chunkSize="100"`, cut(zip, 100), ovf.CodeCompression},
	} {
		text := strings.Replace(oneDisk, `"disk.img"`, `"disk.img" `+c.file, 1)
		members := append([]raw{{name: "p.ovf", data: text}}, c.pieces...)
		pkg, _, _ := ingest(t, archive(members...), ovf.Options{})
		require.NotNil(t, pkg, name)
		if c.want == accepted {
			require.True(t, pkg.Valid(), "%s: %s", name, pkg.Findings)
			require.Equal(t, "disk.img", pkg.Plans()[0].Systems[0].Disks[0].Member)
			require.Len(t, pkg.Images[0].Members, len(c.pieces), name)
			continue
		}
		require.Contains(t, codes(pkg.Findings.Errors()), c.want, "%s: %s", name, pkg.Findings)
	}
	// More pieces than members are taken end the reading, whatever they hold.
	_, _, err := ingest(t, archive(append([]raw{{name: "p.ovf", data: strings.Replace(oneDisk, `"disk.img"`, `"disk.img" ovf:chunkSize="1"`, 1)}}, cut(strings.Repeat("x", 1000), 1)...)...), ovf.Options{})
	refusedWith(t, err, ovf.CodeCountLimit)
	// Before the descriptor has come, pieces are known by their names.
	early := append(cut(ten+ten+"xxxxx", 10), raw{name: "p.ovf", data: strings.Replace(oneDisk, `"disk.img"`, `"disk.img" ovf:chunkSize="10"`, 1)})
	pkg, _, err := ingest(t, archive(early...), ovf.Options{})
	require.NoError(t, err)
	require.EqualValues(t, 25, pkg.Images[0].Size)
	alone := raw{name: "p.ovf", data: strings.Replace(oneDisk, `"disk.img"`, `"disk.img.000000001"`, 1)}
	_, _, err = ingest(t, archive(piece(0, "QFI\xfb"), piece(1, ten), alone), ovf.Options{})
	refusedWith(t, err, ovf.CodeMemberOrder)
}
