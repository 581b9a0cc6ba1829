// Package seal keeps secrets unreadable at rest.
//
// A sealed value reads "v1.KEYID.BASE64": AES-256-GCM over the plain bytes, the
// nonce in front, with the value's place in the store as additional data. So a
// sealed value that is copied elsewhere in the store does not open there. KEYID
// names the key it was sealed with.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
)

const (
	version = "v1"
	keySize = 32 // bytes: AES-256
)

var encoding = base64.RawURLEncoding

// Key seals and opens. It may be used at the same time.
type Key struct {
	id   string
	aead cipher.AEAD
}

// Open reads the key file at path, and makes one of random bytes if there is
// none. A file that others than its owner may read or write is refused.
func Open(path string) (*Key, error) {
	raw, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("cannot make the key file %s: %w", path, err)
		}
		raw, err = read(path) // whoever came first made the key that counts
	}
	if err != nil {
		return nil, err
	}
	return New(raw)
}

// New is a key of 32 given bytes.
func New(raw []byte) (*Key, error) {
	if len(raw) != keySize {
		return nil, fmt.Errorf("a key has %d bytes, not %d", keySize, len(raw))
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("bumpwire key id "), raw...))
	return &Key{id: hex.EncodeToString(sum[:4]), aead: aead}, nil
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Invalid, "the key file %s may be read or written by others than its owner; run: chmod 600 %s", path, path)
	}
	return os.ReadFile(path)
}

// create writes a new key beside path and links it there, so that path never
// holds half a key and two starting at once agree on one.
func create(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	raw := make([]byte, keySize)
	if _, err := rand.Read(raw); err != nil {
		return err
	}
	if _, err := f.Write(raw); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Seal makes plain unreadable; about says where it will be kept.
func (k *Key) Seal(plain []byte, about string) (string, error) {
	sealed := k.aead.Seal(nil, nil, plain, []byte(about))
	return strings.Join([]string{version, k.id, encoding.EncodeToString(sealed)}, "."), nil
}

// Open is the reverse of Seal, for a value kept at the same place.
func (k *Key) Open(sealed, about string) ([]byte, error) {
	parts := strings.Split(sealed, ".")
	if len(parts) != 3 || parts[0] != version {
		return nil, errors.New("this is not a sealed value")
	}
	if parts[1] != k.id {
		return nil, fmt.Errorf("the value was sealed with key %q; this broker has key %q", parts[1], k.id)
	}
	raw, err := encoding.DecodeString(parts[2])
	if err != nil {
		return nil, errors.New("this is not a sealed value")
	}
	plain, err := k.aead.Open(nil, nil, raw, []byte(about))
	if err != nil {
		return nil, errors.New("the sealed value was altered or belongs elsewhere")
	}
	return plain, nil
}
