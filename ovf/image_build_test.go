package ovf_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"time"

	"github.com/bumpwire/bumpwire/ovf"
)

// The images here are written by hand, byte by byte, so that each can be wrong in
// one thing. That the sound ones are what real programs write is shown by
// TestRealImagesAreRead.

const goodVMDK = `# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=ffffffff
createType="streamOptimized"
# Extent description
RW 8 SPARSE "disk.vmdk"
# The Disk Data Base
ddb.adapterType = "lsilogic"
`

// vmdk is a sparse VMDK, without markers, of that many sectors with that text inside.
func vmdk(sectors uint64, text string) string {
	b := vmdkHeader(sectors, 1, 3)
	copy(b[512:], text)
	binary.LittleEndian.PutUint64(b[56:], 26) // grain directory
	return string(append(b, make([]byte, (128-21)*512)...))
}

// vmdkHeader is a header with room for a descriptor of 20 sectors.
func vmdkHeader(sectors uint64, version, flags uint32) []byte {
	b := make([]byte, 21*512)
	copy(b, "KDMV")
	binary.LittleEndian.PutUint32(b[4:], version)
	binary.LittleEndian.PutUint32(b[8:], flags)
	binary.LittleEndian.PutUint64(b[12:], sectors)
	binary.LittleEndian.PutUint64(b[20:], 128) // grain
	binary.LittleEndian.PutUint64(b[28:], 1)   // descriptor
	binary.LittleEndian.PutUint64(b[36:], 20)
	binary.LittleEndian.PutUint32(b[44:], 512) // entries of a grain table
	binary.LittleEndian.PutUint64(b[64:], 21)  // overhead
	copy(b[73:], "\n \r\n")
	return b
}

// marker precedes a grain or metadata in a streamOptimized VMDK.
func marker(value uint64, size, kind uint32) []byte {
	b := make([]byte, 512)
	binary.LittleEndian.PutUint64(b, value)
	binary.LittleEndian.PutUint32(b[8:], size)
	binary.LittleEndian.PutUint32(b[12:], kind)
	return b
}

// grain is a grain of zeros at a sector.
func grain(sector uint64) []byte {
	var data bytes.Buffer
	z := zlib.NewWriter(&data)
	_, _ = z.Write(make([]byte, 65536))
	_ = z.Close()
	b := marker(sector, uint32(data.Len()), 0)[:12]
	b = append(b, data.Bytes()...)
	return append(b, make([]byte, 512-len(b)%512)...)
}

// stream is a streamOptimized VMDK with its parts changed.
func stream(edit func(parts [][]byte) [][]byte) string {
	parts := streamParts(grain(0))
	if edit != nil {
		parts = edit(parts)
	}
	return string(bytes.Join(parts, nil))
}

// streamParts are the parts of a streamOptimized VMDK of two grains: header, grain
// 0, which is given, grain 128, grain table, grain directory, footer, end of stream.
func streamParts(first []byte) [][]byte {
	const sectors = 256
	head := vmdkHeader(sectors, 3, 3|1<<16|1<<17)
	copy(head[512:], goodVMDK)
	head[77] = 1 // deflate
	binary.LittleEndian.PutUint64(head[56:], 1<<64-1)
	second := grain(128)
	at := func(parts ...[]byte) uint32 { return uint32(len(bytes.Join(parts, nil)) / 512) }
	table := append(marker(4, 0, 1), make([]byte, 4*512)...)
	binary.LittleEndian.PutUint32(table[512:], at(head))
	binary.LittleEndian.PutUint32(table[516:], at(head, first))
	directory := append(marker(1, 0, 2), make([]byte, 512)...)
	binary.LittleEndian.PutUint32(directory[512:], at(head, first, second)+1)
	footer := bytes.Clone(head[:512])
	binary.LittleEndian.PutUint64(footer[56:], uint64(at(head, first, second, table))+1)
	return [][]byte{head, first, second, table, directory, append(marker(1, 0, 3), footer...), marker(0, 0, 0)}
}

// qcow2 is an empty QCOW2 of 4096 bytes with one thing changed.
func qcow2(edit func([]byte)) string {
	b := make([]byte, 4*65536)
	copy(b, "QFI\xfb")
	binary.BigEndian.PutUint32(b[4:], 3)
	binary.BigEndian.PutUint32(b[20:], 16) // cluster bits
	binary.BigEndian.PutUint64(b[24:], 4096)
	binary.BigEndian.PutUint32(b[36:], 1)       // L1 entries
	binary.BigEndian.PutUint64(b[40:], 3*65536) // L1
	binary.BigEndian.PutUint64(b[48:], 65536)   // refcount table
	binary.BigEndian.PutUint32(b[56:], 1)       // its clusters
	binary.BigEndian.PutUint32(b[96:], 4)       // refcount order
	binary.BigEndian.PutUint32(b[100:], 104)    // header length
	if edit != nil {
		edit(b)
	}
	return string(b)
}

func put32(at int, v uint32) func([]byte) {
	return func(b []byte) { binary.BigEndian.PutUint32(b[at:], v) }
}

func put64(at int, v uint64) func([]byte) {
	return func(b []byte) { binary.BigEndian.PutUint64(b[at:], v) }
}

func vhd(kind uint32) string { return vhdOf(kind, 4096) }

// vhdOf is a fixed VHD of that size.
func vhdOf(kind uint32, size uint64) string {
	return strings.Repeat("\x00", int(size)) + string(vhdFooter(kind, size, 1<<64-1))
}

func vhdFooter(kind uint32, size, header uint64) []byte {
	b := make([]byte, 512)
	copy(b, "conectix")
	binary.BigEndian.PutUint32(b[8:], 2)
	binary.BigEndian.PutUint32(b[12:], 1<<16)
	binary.BigEndian.PutUint64(b[16:], header)
	binary.BigEndian.PutUint64(b[40:], size)
	binary.BigEndian.PutUint64(b[48:], size)
	binary.BigEndian.PutUint32(b[60:], kind)
	seal(b, 64)
	return b
}

// seal writes the checksum of a VHD structure.
func seal(b []byte, at int) {
	sum := uint32(0)
	for i, c := range b {
		if i < at || i >= at+4 {
			sum += uint32(c)
		}
	}
	binary.BigEndian.PutUint32(b[at:], ^sum)
}

// dynamicVHD is a VHD without any block, with its dynamic header changed.
func dynamicVHD(size uint64, edit func([]byte)) string {
	footer := vhdFooter(3, size, 512)
	header := make([]byte, 1024)
	copy(header, "cxsparse\xff\xff\xff\xff\xff\xff\xff\xff")
	binary.BigEndian.PutUint64(header[16:], 1536)
	binary.BigEndian.PutUint32(header[24:], 1<<16)
	binary.BigEndian.PutUint32(header[28:], 2) // entries
	binary.BigEndian.PutUint32(header[32:], 2<<20)
	if edit != nil {
		edit(header)
	}
	seal(header, 36)
	return string(bytes.Join([][]byte{footer, header, bytes.Repeat([]byte{0xff}, 512), footer}, nil))
}

// vdi is a VDI without any block.
func vdi(kind uint32, edit func([]byte)) string {
	b := make([]byte, 1024)
	copy(b, "<<< Oracle VM VirtualBox Disk Image >>>\n")
	for at, v := range map[int]uint32{64: 0xbeda107f, 68: 0x10001, 72: 400, 76: kind, 340: 512, 344: 1024, 360: 512, 376: 1 << 20, 384: 1} {
		binary.LittleEndian.PutUint32(b[at:], v)
	}
	binary.LittleEndian.PutUint64(b[368:], 4096)
	if edit != nil {
		edit(b)
	}
	return string(b)
}

// vhdxParts are the places of a VHDX that tests change, before the checksums are made.
type vhdxParts struct{ header, regions, metadata []byte }

// vhdx is an empty VHDX of 4096 bytes with one thing changed.
func vhdx(edit func(vhdxParts)) string {
	b := make([]byte, 4<<20)
	copy(b, "vhdxfile")
	p := vhdxParts{b[64<<10:][:4<<10], b[192<<10:][:64<<10], b[2<<20:][:1<<20]}
	copy(p.header, "head")
	binary.LittleEndian.PutUint16(p.header[66:], 1)
	copy(p.regions, "regi")
	binary.LittleEndian.PutUint32(p.regions[8:], 2)
	region := func(at int, id string, offset uint64) {
		copy(p.regions[at:], id)
		binary.LittleEndian.PutUint64(p.regions[at+16:], offset)
		binary.LittleEndian.PutUint32(p.regions[at+24:], 1<<20)
		p.regions[at+28] = 1
	}
	region(16, guid("2DC27766-F623-4200-9D64-115E9BFD4A08"), 3<<20)
	region(48, guid("8B7CA206-4790-4B9A-B8FE-575F050F886E"), 2<<20)
	copy(p.metadata, "metadata")
	for i, item := range []struct {
		id    string
		value []byte
	}{
		{"CAA16737-FA36-4D43-B3B6-33F0AA44E76B", binary.LittleEndian.AppendUint64(nil, 8<<20)},
		{"2FA54224-CD1B-4876-B211-5DBED83BF4B8", binary.LittleEndian.AppendUint64(nil, 4096)},
		{"8141BF1D-A96F-4709-BA47-F233A8FAAB5F", []byte{0, 2, 0, 0}},
	} {
		entry, at := p.metadata[32+32*i:], 65536+16*i
		copy(entry, guid(item.id))
		binary.LittleEndian.PutUint32(entry[16:], uint32(at))
		binary.LittleEndian.PutUint32(entry[20:], uint32(len(item.value)))
		entry[24] = 4 // required
		copy(p.metadata[at:], item.value)
		p.metadata[10] = byte(i + 1)
	}
	if edit != nil {
		edit(p)
	}
	for _, sealed := range [][]byte{p.header, p.regions} {
		binary.LittleEndian.PutUint32(sealed[4:], crc32.Checksum(sealed, crc32.MakeTable(crc32.Castagnoli)))
	}
	return string(b)
}

// guid is a GUID as files have it: its first three parts are little-endian.
func guid(text string) string {
	var b []byte
	for i, part := range strings.Split(text, "-") {
		var raw []byte
		for ; len(part) > 0; part = part[2:] {
			raw = append(raw, hexByte(part[0])<<4|hexByte(part[1]))
		}
		for j := range raw {
			if i < 3 {
				b = append(b, raw[len(raw)-1-j])
			} else {
				b = append(b, raw[j])
			}
		}
	}
	return string(b)
}

func hexByte(c byte) byte { return byte(strings.IndexByte("0123456789ABCDEF", c)) }

// cd is a CD image with one small file.
func cd() string {
	var b bytes.Buffer
	if err := ovf.WriteISO(&b, "TEST", time.Time{}, []ovf.ISOFile{{Name: "a", Data: []byte("a")}}); err != nil {
		panic(err)
	}
	return b.String()
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}
