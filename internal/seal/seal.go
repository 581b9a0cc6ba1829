// Package seal keeps secrets sealed at rest: AES-256 in Galois/Counter Mode under
// a key that lies in a file of its own, apart from the store.
//
// A sealed secret is the text "bw1.KEYID.DATA": the version of this form, the id
// of the key, and in unpadded URL-safe base64 the nonce followed by the
// ciphertext. What the secret is about is sealed with it, so that it cannot be
// moved to another place and opened there. As the key's id is told, a second key
// can be added and the old one retired, without a guess which one is needed.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
)

const (
	version = "bw1"
	keySize = 32 // bytes: AES-256
)

// Key seals and opens. It may be used by many goroutines at the same time.
type Key struct {
	id   string
	aead cipher.AEAD
	root []byte // of derived keys
}

// NewKey is the key made of 32 secret random bytes.
func NewKey(secret []byte) (*Key, error) {
	if len(secret) != keySize {
		return nil, fault.New(fault.Invalid, "a sealing key has %d bytes, not %d", keySize, len(secret))
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("bumpwire sealing key id\x00"), secret...))
	root, err := hkdf.Extract(sha256.New, secret, []byte("bumpwire derived keys"))
	if err != nil {
		return nil, err
	}
	return &Key{id: encode(sum[:6]), aead: aead, root: root}, nil
}

// Derive is 32 secret bytes for a purpose, the same again for the same: a key to hand
// to somebody without keeping it. From it nothing follows for other purposes.
func (k *Key) Derive(purpose string) []byte {
	derived, err := hkdf.Expand(sha256.New, k.root, purpose, keySize)
	if err != nil {
		panic(err) // only for more bytes than a purpose can have
	}
	return derived
}

// ID tells keys apart without telling anything of them.
func (k *Key) ID() string { return k.id }

// Seal is plain as a text that only this key opens, for the same about: what the
// secret belongs to, such as "instance/i-1/password". The same again gives another text.
func (k *Key) Seal(plain []byte, about string) string {
	return strings.Join([]string{version, k.id, encode(k.aead.Seal(nil, nil, plain, []byte(about)))}, ".")
}

// Open is what was sealed. A text that is not a sealed secret, was altered, or was
// sealed with another key or about something else is fault.Invalid; the error does
// not show it.
func (k *Key) Open(sealed, about string) ([]byte, error) {
	form, rest, _ := strings.Cut(sealed, ".")
	id, data, _ := strings.Cut(rest, ".")
	switch {
	case form != version:
		return nil, fault.New(fault.Invalid, "the secret of %q is not sealed in a form that this program knows", about)
	case id != k.id:
		return nil, fault.New(fault.Invalid, "the secret of %q is sealed with key %q and the key here is %q", about, id, k.id)
	}
	box, err := base64.RawURLEncoding.Strict().DecodeString(data)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the sealed secret of %q is damaged", about)
	}
	plain, err := k.aead.Open(nil, nil, box, []byte(about))
	if err != nil {
		return nil, fault.New(fault.Invalid, "the sealed secret of %q was altered or belongs elsewhere", about)
	}
	return plain, nil
}

// String keeps the key out of every print.
func (k *Key) String() string { return fmt.Sprintf("sealing key %s", k.id) }

// GoString keeps the key out of %#v.
func (k *Key) GoString() string { return k.String() }

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
