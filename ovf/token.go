package ovf

import (
	"bytes"
	"encoding/xml"
	"errors"
	"strings"
)

// tokenBudget feeds the tokenizer bytewise and stops it when one token grows
// beyond maxToken; the tokenizer itself would hold all of it first.
type tokenBudget struct {
	*bytes.Reader
	used int
}

var errTokenTooLong = errors.New("one tag, comment or text is longer than 2 MiB")

func (b *tokenBudget) ReadByte() (byte, error) {
	if b.used++; b.used > maxToken {
		return 0, errTokenTooLong
	}
	return b.Reader.ReadByte()
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
