package ovf

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// toUTF8 decodes a descriptor by its byte order mark first and its declaration
// second, out of a small list of encodings. The second result is a remark
// where the declaration is wrong but the bytes speak for themselves; a
// non-empty third refuses the file. Silent mojibake is not possible.
func toUTF8(data []byte) (text []byte, remark, problem string) {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return checkUTF8(data[3:], "")
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return fromUTF16(data[2:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return fromUTF16(data[2:], binary.BigEndian)
	case bytes.HasPrefix(data, []byte("<\x00?\x00")):
		return fromUTF16(data, binary.LittleEndian)
	case bytes.HasPrefix(data, []byte("\x00<\x00?")):
		return fromUTF16(data, binary.BigEndian)
	}
	switch name := declaredEncoding(data); name {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return checkUTF8(data, "")
	case "utf-16", "utf-16le", "utf-16be":
		return checkUTF8(data, "the declaration says "+name+" but the bytes are UTF-8; read as UTF-8")
	case "iso-8859-1", "latin1", "windows-1252", "cp1252":
		return fromWindows1252(data), "", ""
	default:
		return nil, "", "encoding " + printable(name, 40) + " is not accepted; use UTF-8"
	}
}

var encodingDeclaration = regexp.MustCompile(`^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']`)

func declaredEncoding(data []byte) string {
	if m := encodingDeclaration.FindSubmatch(data[:min(len(data), 512)]); m != nil {
		return strings.ToLower(string(m[1]))
	}
	return ""
}

func checkUTF8(data []byte, remark string) ([]byte, string, string) {
	if utf8.Valid(data) {
		return data, remark, ""
	}
	valid := 0
	for valid < len(data) {
		r, size := utf8.DecodeRune(data[valid:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		valid += size
	}
	line := 1 + bytes.Count(data[:valid], []byte("\n"))
	return nil, "", "line " + itoa(line) + " is not UTF-8, and no other encoding is declared"
}

func fromUTF16(data []byte, order binary.ByteOrder) ([]byte, string, string) {
	if len(data)%2 != 0 {
		return nil, "", "UTF-16 with an odd number of bytes"
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return []byte(string(utf16.Decode(units))), "", ""
}

// windows1252 holds the characters of 0x80 to 0x9f; ISO 8859-1 has only
// control characters there, so one table serves both.
const windows1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"

func fromWindows1252(data []byte) []byte {
	high := []rune(windows1252)
	text := make([]byte, 0, len(data)+len(data)/8)
	for _, b := range data {
		if b >= 0x80 && b < 0xa0 {
			text = utf8.AppendRune(text, high[b-0x80])
		} else {
			text = utf8.AppendRune(text, rune(b))
		}
	}
	return text
}
