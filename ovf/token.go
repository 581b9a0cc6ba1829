package ovf

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// tokenBudget feeds the tokenizer bytewise and stops it when one token grows
// beyond maxToken; the tokenizer itself would hold all of it first.
type tokenBudget struct {
	data  []byte
	at    int
	limit int
}

var errTokenTooLong = errors.New("one tag, comment or text is longer than 2 MiB")

// next begins a token.
func (b *tokenBudget) next() { b.limit = min(b.at+maxToken, len(b.data)) }

func (b *tokenBudget) ReadByte() (byte, error) {
	if b.at < b.limit {
		c := b.data[b.at]
		b.at++
		return c, nil
	}
	if b.at < len(b.data) {
		return 0, errTokenTooLong
	}
	return 0, io.EOF
}

// Read makes it an io.Reader, as which the tokenizer does not use it.
func (b *tokenBudget) Read(p []byte) (int, error) {
	for i := range p {
		c, err := b.ReadByte()
		if err != nil {
			return i, err
		}
		p[i] = c
	}
	return len(p), nil
}

func (s *scanner) tokenError(line, column int, err error) *syntaxError {
	if errors.Is(err, errTokenTooLong) {
		return &syntaxError{CodeXMLLimit, line, column, err.Error()}
	}
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return &syntaxError{CodeXMLSyntax, line, column, "not well-formed XML: " + syntax.Msg}
	}
	return &syntaxError{CodeXMLSyntax, line, column, "not well-formed XML: " + strings.TrimPrefix(err.Error(), "xml: ")}
}
