package ovf

import (
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"sync"
)

// chunkSize is how much is in memory of a member at a time.
const chunkSize = mib

// measurement is what is learnt about a member while it streams by.
type measurement struct {
	size    int64
	digests map[crypto.Hash]string // hex
}

// writeError marks a failure of the sink, as against one of the source.
type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }

// measure copies r to w once. Each digest is computed beside the writing of
// the same chunk; memory is that of buf, whatever the size.
func measure(ctx context.Context, w io.Writer, r io.Reader, buf []byte, algorithms []crypto.Hash) (measurement, error) {
	m := measurement{digests: map[crypto.Hash]string{}}
	hashers := make([]hash.Hash, len(algorithms))
	for i, a := range algorithms {
		hashers[i] = a.New()
	}
	for {
		if err := ctx.Err(); err != nil {
			return m, err
		}
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			m.size += int64(n)
			if err := writeAndHash(w, hashers, buf[:n]); err != nil {
				return m, writeError{err}
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return m, err
		}
	}
	for i, a := range algorithms {
		m.digests[a] = hex.EncodeToString(hashers[i].Sum(nil))
	}
	return m, nil
}

func writeAndHash(w io.Writer, hashers []hash.Hash, chunk []byte) error {
	var wg sync.WaitGroup
	for _, h := range hashers {
		wg.Go(func() { h.Write(chunk) })
	}
	_, err := w.Write(chunk)
	wg.Wait()
	return err
}
