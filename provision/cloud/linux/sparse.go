//go:build linux

package linux

import (
	"bytes"
	"os"
)

// sparseFile leaves holes where it is given nothing but zeros: a disk that is
// mostly empty takes no more space than it has content, whatever its size.
type sparseFile struct {
	*os.File
	size int64
}

var zeros [4096]byte

// Write passes over zeros block by block, and writes what is between them at once.
func (f *sparseFile) Write(p []byte) (int, error) {
	start := 0 // of what is to be written
	for at := 0; at < len(p); {
		next := min(at+len(zeros), len(p))
		if bytes.Equal(p[at:next], zeros[:next-at]) {
			if err := f.put(p, start, at); err != nil {
				return start, err
			}
			start = next
		}
		at = next
	}
	err := f.put(p, start, len(p))
	f.size += int64(len(p))
	return len(p), err
}

func (f *sparseFile) put(p []byte, from, to int) error {
	if from == to {
		return nil
	}
	_, err := f.WriteAt(p[from:to], f.size+int64(from))
	return err
}

// end gives the file its size, which ends in a hole when its last bytes are zero.
func (f *sparseFile) end() error { return f.Truncate(f.size) }
