package ovf

import (
	"io"
	"strings"
)

// sightingKey tells a file from one of the same name in pieces.
type sightingKey struct {
	file   string
	pieces bool
}

// lookAt is what sees the bytes of a member. The pieces of one file are seen as
// one stream, so they must come one after another.
func (in *intake) lookAt(name string, kind MemberKind) io.Writer {
	if kind != KindExtra {
		return io.Discard
	}
	file, n, piece := pieceOf(name)
	if !piece || !in.mayBePiece(file) {
		in.endLook()
		in.look = in.newLook(name)
		return in.look
	}
	if in.look == nil || in.look.file != file || in.look.pieces == nil {
		in.endLook()
		in.look = in.newLook(file)
	}
	if n != len(in.look.pieces) && in.look.outOfOrder == "" {
		in.look.outOfOrder = name
	}
	in.look.pieces = append(in.look.pieces, name)
	return in.look
}

// endLook settles what was seen of the file that streamed by last. It may be
// called more often than needed.
func (in *intake) endLook() {
	if in.look != nil {
		in.seen[sightingKey{in.look.file, in.look.pieces != nil}] = in.look.end()
	}
	in.look = nil
}

// mayBePiece reports whether the members FILE.000000000 and so on are to be
// joined. Before the descriptor has come nobody knows better than their names.
func (in *intake) mayBePiece(file string) bool {
	f, ok := in.referenced(file)
	return in.reader == nil || ok && f.ChunkSize > 0
}

// newLook begins to look at a file, knowing what the descriptor says of it.
func (in *intake) newLook(file string) *joined {
	j := &joined{file: file, bound: inflation{ratio: maxRatio}}
	f, ok := in.referenced(file)
	switch {
	case in.reader == nil:
		j.mode = compressionGuess
	case ok && f.Compression == "gzip":
		j.mode = compressionGzip
	}
	if !ok {
		return j
	}
	for _, d := range in.reader.pkg.Disks {
		if d.FileRef != f.ID {
			continue
		}
		capacity := d.Capacity
		if d.CapacityProperty != "" {
			capacity = in.limits.Disk
		}
		j.bound = inflation{bytes: max(j.bound.bytes, 2*capacity+imageOverhead)}
		if j.mode == compressionNone && compressedAlias(d.Format) {
			j.mode = compressionGuess
		}
	}
	return j
}

const (
	// imageOverhead is what formats add to a disk's bytes beside what grows with it.
	imageOverhead = 64 * mib
	// maxRatio bounds what is inside a compressed file of which no disk says its
	// capacity. Real files are below 20; a disk may be nothing but zeros.
	maxRatio = 100
)

// compressedAlias reports whether a format says, in the old way, that its file
// may be compressed.
func compressedAlias(format string) bool {
	return strings.HasSuffix(strings.ToLower(format), "#compressed")
}

// referenced finds the entry of References for a file, by the name as written or
// as decoded.
func (in *intake) referenced(file string) (File, bool) {
	if in.reader == nil {
		return File{}, false
	}
	if in.references == nil {
		in.references = map[string]int{}
		for i, f := range in.reader.pkg.Files {
			in.references[f.Name] = i
		}
		for i, f := range in.reader.pkg.Files {
			if raw, err := memberName(f.Href); err == nil && f.Name != "" {
				in.references[raw] = i
			}
		}
	}
	i, ok := in.references[file]
	if !ok {
		return File{}, false
	}
	return in.reader.pkg.Files[i], true
}
