package ovf

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// certificateFile is a certificate file (.cert) taken apart; nothing in it has
// been verified.
type certificateFile struct {
	text         *textSignature
	certificates []*x509.Certificate // of the PEM blocks, the signer's first
	messages     []cmsMessage
	privateKey   bool // somebody packed a key as well
}

// textSignature is the line ALG(name.mf)= hex: a signature over the manifest.
type textSignature struct {
	hash      crypto.Hash
	manifest  string // the name it signs
	signature []byte
}

const (
	// maxCertificates bounds the chain a package may bring along.
	maxCertificates = 10
	// maxMessages bounds the CMS messages of a file, and the signers of each.
	maxMessages = 4
	// maxBlocks bounds the PEM blocks that are looked at.
	maxBlocks = 64
)

// parseCertificateFile reads a certificate file. What it found until an error is
// returned with it.
func parseCertificateFile(data []byte) (f certificateFile, err error) {
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(data) > 0 && data[0] == derSequence {
		message, err := parseCMS(data)
		if err != nil {
			return f, fmt.Errorf("the CMS signature: %w", err)
		}
		f.messages = []cmsMessage{message}
		return f, nil
	}
	// A key is looked for first: it must be told whatever else is wrong.
	f.privateKey = bytes.Contains(data, []byte("PRIVATE KEY-----"))
	if !bytes.HasPrefix(data, []byte("-----BEGIN")) {
		if f.text, err = parseTextSignature(data); err != nil {
			return f, fmt.Errorf("the first line: %w", err)
		}
	}
	return f, f.blocks(data)
}

func parseTextSignature(data []byte) (*textSignature, error) {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if len(line) > maxSignatureLine {
		return nil, fmt.Errorf("it is longer than %d bytes", maxSignatureLine)
	}
	hash, name, digest, err := digestLine(strings.TrimSpace(string(line)))
	if err != nil {
		return nil, err
	}
	signature, err := hex.DecodeString(digest)
	return &textSignature{hash, name, signature}, err
}

// maxSignatureLine has room for a name and for the signature of the largest key
// that counts.
const maxSignatureLine = 8 * kib

// blocks reads the PEM blocks, with whatever stands between and behind them.
func (f *certificateFile) blocks(data []byte) error {
	for n := 0; ; n++ {
		block, rest := pem.Decode(data)
		if block == nil {
			return nil
		}
		if n == maxBlocks {
			return fmt.Errorf("there are more than %d PEM blocks in the file", maxBlocks)
		}
		data = rest
		switch block.Type {
		case "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return errors.New("a certificate in the file cannot be read")
			}
			if len(f.certificates) == maxCertificates {
				return fmt.Errorf("there are more than %d certificates in the file", maxCertificates)
			}
			f.certificates = append(f.certificates, c)
		case "CMS", "PKCS7":
			message, err := parseCMS(block.Bytes)
			if err != nil {
				return fmt.Errorf("the CMS signature: %w", err)
			}
			if len(f.messages) == maxMessages {
				return fmt.Errorf("there are more than %d CMS messages in the file", maxMessages)
			}
			f.messages = append(f.messages, message)
		}
	}
}
