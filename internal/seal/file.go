package seal

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Open reads the key in a file. An absent file is made, with a new key, readable
// for its owner only; of many processes that do so at the same time all get the
// same key. A file that others may read or write is refused with fault.Forbidden,
// one of another length with fault.Invalid.
func Open(path string) (*Key, error) {
	secret, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = create(path); err == nil {
			secret, err = read(path)
		}
	}
	if err != nil {
		return nil, err
	}
	return NewKey(secret)
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, explain(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, explain(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Forbidden, "the key file %s is open to others (mode %04o): make it 0600", path, info.Mode().Perm())
	}
	secret, err := io.ReadAll(io.LimitReader(f, keySize+1))
	if err != nil {
		return nil, explain(err)
	}
	if len(secret) != keySize {
		return nil, fault.New(fault.Invalid, "the key file %s does not hold a key of %d bytes", path, keySize)
	}
	return secret, nil
}

// create makes the file whole and on disk before it gets its name, and leaves one
// that another process has made meanwhile.
func create(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // 0600
	if err != nil {
		return explain(err)
	}
	defer os.Remove(f.Name())
	secret := make([]byte, keySize)
	rand.Read(secret) // never fails
	_, err = f.Write(secret)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return explain(err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return explain(err)
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder has the file's name on disk, not only its contents.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return explain(err)
	}
	defer dir.Close()
	return explain(dir.Sync())
}

func explain(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Unavailable, "cannot use the key file: %w", err)
}
