package ovf

import (
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

// A member is in memory as at most chunkCount chunks of chunkSize bytes.
const (
	chunkSize  = 512 * kib
	chunkCount = 16
)

// measurement is what is learnt about a member while it streams by.
type measurement struct {
	size    int64
	digests map[crypto.Hash]string // hex
}

// writeError marks a failure of the sink, as against one of the source.
type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }

// chunk is a piece of a member that several look at.
type chunk struct {
	buffer []byte       // made when it is needed first: small packages need but one
	bytes  int          // of buffer that are filled
	users  atomic.Int32 // who have not done with it
}

func newChunks() []*chunk {
	chunks := make([]*chunk, chunkCount)
	for i := range chunks {
		chunks[i] = &chunk{}
	}
	return chunks
}

// measure copies r to the writers once and computes the digests beside it.
func measure(ctx context.Context, r io.Reader, chunks []*chunk, algorithms []crypto.Hash, to ...io.Writer) (measurement, error) {
	m := measurement{digests: map[crypto.Hash]string{}}
	to = slices.DeleteFunc(to, func(w io.Writer) bool { return w == io.Discard })
	hashers := make([]hash.Hash, len(algorithms))
	for i, a := range algorithms {
		hashers[i] = a.New()
		to = append(to, hashers[i])
	}
	var err error
	if m.size, err = fanOut(ctx, r, chunks, to); err != nil {
		return m, err
	}
	for i, a := range algorithms {
		m.digests[a] = hex.EncodeToString(hashers[i].Sum(nil))
	}
	return m, nil
}

// fanOut copies r to each of the writers, which all work at the same time as r is
// read; the slowest sets the pace. Memory is that of the chunks, whatever the
// size. A failure of a writer is a writeError.
func fanOut(ctx context.Context, r io.Reader, chunks []*chunk, to []io.Writer) (size int64, err error) {
	free := make(chan *chunk, len(chunks))
	for _, c := range chunks {
		free <- c
	}
	lanes := make([]chan *chunk, len(to))
	failures := make([]error, len(to))
	var failed atomic.Bool
	var writers sync.WaitGroup
	for i, w := range to {
		lanes[i] = make(chan *chunk, len(chunks))
		writers.Go(func() { failures[i] = drain(lanes[i], w, free, &failed) })
	}
	for err == nil && !failed.Load() {
		c := <-free
		if err = ctx.Err(); err != nil {
			break
		}
		if c.buffer == nil {
			c.buffer = make([]byte, chunkSize)
		}
		c.bytes, err = io.ReadFull(r, c.buffer)
		size += int64(c.bytes)
		c.users.Store(int32(len(to)))
		for _, lane := range lanes {
			lane <- c
		}
	}
	for _, lane := range lanes {
		close(lane)
	}
	writers.Wait()
	if failure := errors.Join(failures...); failure != nil {
		return size, writeError{failure}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return size, err
}

// drain writes the chunks of a lane and gives each back once the last lane has
// done with it. After a failure it only gives back.
func drain(lane <-chan *chunk, w io.Writer, free chan<- *chunk, failed *atomic.Bool) (err error) {
	for c := range lane {
		if err == nil && c.bytes > 0 {
			if _, err = w.Write(c.buffer[:c.bytes]); err != nil {
				failed.Store(true)
			}
		}
		if c.users.Add(-1) == 0 {
			free <- c
		}
	}
	return err
}
