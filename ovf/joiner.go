package ovf

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
)

// joined is one file of References while its members stream by: pieces joined,
// compression undone, the image inside examined. As an io.Writer it never fails.
type joined struct {
	file   string // the name of the file, without the number of a piece
	pieces []string
	size   int64 // bytes as stored
	mode   compressionMode
	bound  inflation

	start      []byte // what came before it was clear what to do with it
	examiner   *examiner
	digest     hash.Hash // nil where the plain bytes are those of one member
	gunzip     *gunzip
	to         io.Writer
	outOfOrder string // the piece that came when another was due
}

// compressionMode is what is known, when a file comes, of its compression.
type compressionMode int

const (
	compressionNone  compressionMode = iota
	compressionGzip                  // its reference says so
	compressionGuess                 // the descriptor comes later, or calls the format #compressed
)

// sighting is what was seen of a file.
type sighting struct {
	image      image
	compressed bool
	outOfOrder string
	file       Image
}

// pieceOf splits the name of a piece, NAME.000000000 and so on (DSP0243 7.1).
func pieceOf(member string) (file string, n int, ok bool) {
	at := len(member) - len(".000000000")
	if at < 1 || member[at] != '.' {
		return "", 0, false
	}
	for _, c := range []byte(member[at+1:]) {
		if c < '0' || c > '9' {
			return "", 0, false
		}
	}
	n, err := strconv.Atoi(member[at+1:])
	return member[:at], n, err == nil
}

func pieceName(file string, n int) string { return fmt.Sprintf("%s.%09d", file, n) }

func (j *joined) Write(p []byte) (int, error) {
	n := len(p)
	j.size += int64(n)
	if j.to == nil {
		j.start = append(j.start, p...)
		if len(j.start) < len(gzipMagic) {
			return n, nil
		}
		p = j.start
		j.decide()
	}
	_, _ = j.to.Write(p)
	return n, nil
}

// decide chooses, by the first bytes, what happens to all.
func (j *joined) decide() {
	j.examiner = newExaminer()
	j.to = j.examiner
	compressed := j.mode == compressionGzip || j.mode == compressionGuess && at(j.start, 0, gzipMagic)
	if compressed || len(j.pieces) > 0 {
		j.digest = sha256.New()
		j.to = plainWriter{j.examiner, j.digest}
	}
	if compressed {
		j.gunzip = newGunzip(j.to, j.bound)
		j.to = j.gunzip
	}
	j.start = nil
}

// plainWriter passes the plain bytes of a file to who looks at them.
type plainWriter struct {
	examiner *examiner
	digest   hash.Hash
}

func (w plainWriter) Write(p []byte) (int, error) {
	_, _ = w.digest.Write(p)
	return w.examiner.Write(p)
}

// end is what was seen, once the last byte has come.
func (j *joined) end() sighting {
	if j.to == nil {
		start := j.start
		j.decide()
		_, _ = j.to.Write(start)
	}
	s := sighting{compressed: j.gunzip != nil, outOfOrder: j.outOfOrder}
	var err error
	if j.gunzip != nil {
		err = j.gunzip.Close()
	}
	switch s.image = j.examiner.judge(); {
	case errors.Is(err, errInflated):
		s.image = image{format: FormatGzip}.refuse(CodeSizeLimit, "%v", err)
	case err != nil:
		s.image = image{format: FormatGzip}.refuse(CodeCompression, "%v", err)
	}
	s.file = Image{Name: j.file, Members: j.pieces, Size: j.examiner.size, Format: s.image.format, VirtualBytes: s.image.virtual}
	if s.compressed {
		s.file.Compression = "gzip"
	}
	if j.digest != nil {
		s.file.SHA256 = hex.EncodeToString(j.digest.Sum(nil))
	}
	return s
}
