package ovf_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

const (
	ns1    = `xmlns="http://schemas.dmtf.org/ovf/envelope/1"`
	ns1ovf = ns1 + ` xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"`
)

// Files that are not the XML they should be are refused before a tree of them
// is built, with the place and the reason.
func TestHostileXMLIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		code       ovf.Code
		line       int
	}{
		{"empty", "", ovf.CodeXMLEmpty, 1},
		{"only a comment", "<!-- nothing -->", ovf.CodeXMLEmpty, 1},
		{"text only", "hello", ovf.CodeXMLRoots, 1},
		{"two roots", "<a/>\n<b/>", ovf.CodeXMLRoots, 2},
		{"text after the root", "<a/>\nhello", ovf.CodeXMLRoots, 1},
		{"unclosed", "<a>\n<b>", ovf.CodeXMLSyntax, 2},
		{"crossed", "<a><b></a></b>", ovf.CodeXMLSyntax, 1},
		{"end without start", "</a>", ovf.CodeXMLSyntax, 1},
		{"doctype", "<!DOCTYPE a>\n<a/>", ovf.CodeXMLDoctype, 1},
		{"billion laughs", "<!DOCTYPE a [<!ENTITY b \"bb\">]><a>&b;</a>", ovf.CodeXMLDoctype, 1},
		{"external entity", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\n<a>&x;</a>", ovf.CodeXMLDoctype, 1},
		{"parameter entity", "<!DOCTYPE a [<!ENTITY % x SYSTEM \"http://127.0.0.1/\"> %x;]><a/>", ovf.CodeXMLDoctype, 1},
		{"undeclared entity", "<a>&nbsp;</a>", ovf.CodeXMLSyntax, 1},
		{"duplicate attribute", "<a b=\"1\" b=\"2\"/>", ovf.CodeXMLDuplicateAttribute, 1},
		{"duplicate attribute by two prefixes", `<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="2"/>`, ovf.CodeXMLDuplicateAttribute, 1},
		{"unbound element prefix", "<a>\n<x:b/></a>", ovf.CodeXMLPrefix, 2},
		{"unbound attribute prefix", "<a x:b=\"1\"/>", ovf.CodeXMLPrefix, 1},
		{"prefix out of scope", `<a><b xmlns:x="u"/><x:c/></a>`, ovf.CodeXMLPrefix, 1},
		{"two colons", "<a:b:c/>", ovf.CodeXMLSyntax, 1},
		{"deep", strings.Repeat("<a>", 100_000), ovf.CodeXMLLimit, 1},
		{"a million siblings", "<a>" + strings.Repeat("<b/>", 1_000_000) + "</a>", ovf.CodeXMLLimit, 1},
		{"a hundred thousand attributes", "<a " + manyAttributes(100_000) + "/>", ovf.CodeXMLLimit, 1},
		{"many namespace declarations", "<a " + strings.ReplaceAll(manyAttributes(1000), "a", "xmlns:a") + "/>", ovf.CodeXMLLimit, 1},
		{"long text", "<a>" + strings.Repeat("x", 4<<20) + "</a>", ovf.CodeXMLLimit, 1},
		{"long attribute", "<a b=\"" + strings.Repeat("x", 4<<20) + "\"/>", ovf.CodeXMLLimit, 1},
		{"too long", strings.Repeat(" ", 9<<20), ovf.CodeSizeLimit, 0},
		{"control character", "<a>\x01</a>", ovf.CodeXMLSyntax, 1},
		{"not UTF-8", "<a>\n\xff</a>", ovf.CodeEncoding, 0},
		{"UTF-7", `<?xml version="1.0" encoding="UTF-7"?><a/>`, ovf.CodeEncoding, 0},
		{"EBCDIC", "\x4c\xa7\x94\x93", ovf.CodeEncoding, 0},
		{"declaration later", "<a><?xml version=\"1.0\"?></a>", ovf.CodeXMLSyntax, 1},
		{"not an envelope", "<html/>", ovf.CodeDialect, 1},
		{"no namespace", "<Envelope/>", ovf.CodeNamespace, 1},
		{"unknown version", `<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/3"/>`, ovf.CodeNamespace, 1},
		{"oVirt", `<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1/"/>`, ovf.CodeDialect, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pkg := ovf.ReadDescriptor("x.ovf", []byte(c.text), ovf.Options{})
			require.False(t, pkg.Valid())
			require.Nil(t, pkg.Content, "nothing of an unreadable descriptor is to be seen")
			require.Len(t, pkg.Findings.Errors(), 1)
			f := pkg.Findings.Errors()[0]
			require.Equal(t, c.code, f.Code, f.String())
			require.Equal(t, c.line, f.Line, f.String())
		})
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d="u"`, i)
	}
	return b.String()
}

// What may look odd and is not wrong is read, always in the same way.
func TestOddXMLIsRead(t *testing.T) {
	t.Parallel()
	plain := string(example(t, "minimal.ovf"))
	units := utf16.Encode([]rune(strings.Replace(plain, "UTF-8", "UTF-16", 1)))
	var little, big []byte
	for _, u := range units {
		little, big = append(little, byte(u), byte(u>>8)), append(big, byte(u>>8), byte(u))
	}
	for name, data := range map[string]string{
		"byte order mark":          "\xef\xbb\xbf" + plain,
		"UTF-16, little endian":    "\xff\xfe" + string(little),
		"UTF-16, big endian":       "\xfe\xff" + string(big),
		"UTF-16 without a mark":    string(little),
		"a lie about UTF-16":       strings.Replace(plain, "UTF-8", "UTF-16", 1),
		"Latin-1":                  strings.Replace(strings.Replace(plain, "UTF-8", "ISO-8859-1", 1), "Memory<", "M\xe9moire<", 1),
		"CRLF":                     strings.ReplaceAll(plain, "\n", "\r\n"),
		"CR CR LF":                 strings.ReplaceAll(plain, "\n", "\r\r\n"),
		"comment inside a value":   strings.Replace(plain, ">256<", ">25<!-- x -->6<", 1),
		"CDATA inside a value":     strings.Replace(plain, ">256<", ">2<![CDATA[56]]><", 1),
		"white space in a value":   strings.Replace(plain, ">256<", "> 256\n<", 1),
		"white space at the start": "\n" + plain,
		"a style sheet":            strings.Replace(plain, "?>", "?><?xml-stylesheet href='http://127.0.0.1/x'?>", 1),
		"an xml:base":              strings.Replace(plain, "<o:References/>", "<o:References xml:base='http://127.0.0.1/'/>", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pkg := ovf.ReadDescriptor("x.ovf", []byte(data), ovf.Options{})
			require.True(t, pkg.Valid(), "findings:\n%s", pkg.Findings)
			require.EqualValues(t, 256<<20, pkg.Plans()[0].MemoryBytes)
			require.EqualValues(t, 2, pkg.Plans()[0].VCPUs)
		})
	}
}

// A namespace is what its URI says, whatever its prefix.
func TestAttributesOfOtherNamespacesAreNotOVFs(t *testing.T) {
	t.Parallel()
	pkg := ovf.ReadDescriptor("x.ovf", []byte(strings.NewReplacer(
		`o:id="machine"`, `e:id="evil" o:id="machine" xmlns:e="urn:evil"`).Replace(string(example(t, "minimal.ovf")))), ovf.Options{})
	require.True(t, pkg.Valid())
	require.Equal(t, "machine", pkg.Content.ID)

	pkg = ovf.ReadDescriptor("x.ovf", []byte(strings.Replace(string(example(t, "minimal.ovf")),
		`o:id="machine"`, `e:id="evil" xmlns:e="urn:evil"`, 1)), ovf.Options{})
	require.False(t, pkg.Valid(), "the id of another namespace is no id")

	pkg = ovf.ReadDescriptor("x.ovf", []byte(strings.Replace(string(example(t, "minimal.ovf")), `o:id="machine"`, `id="machine"`, 1)), ovf.Options{})
	require.True(t, pkg.Valid(), "without a prefix it is taken for OVF's")
	require.Equal(t, ovf.CodeAttributePrefix, pkg.Findings[0].Code)
}

func FuzzDescriptor(f *testing.F) {
	for _, name := range []string{"firewall", "minimal", "router-2.0", "collection", "legacy-0.9"} {
		f.Add(example(f, name+".ovf"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pkg := ovf.ReadDescriptor("x.ovf", data, ovf.Options{})
		for _, plan := range pkg.Plans() {
			require.GreaterOrEqual(t, plan.MemoryBytes, int64(0))
			require.GreaterOrEqual(t, plan.VCPUs, int64(0))
			pkg.ParameterSchema(plan.ID)
			if env, err := pkg.Environment(plan.ID, "", nil); err == nil {
				_, _ = env.XML()
			}
		}
		pkg.Service()
		pkg.Inspect()
		require.NotContains(t, strings.ReplaceAll(pkg.Findings.String(), "\n", ""), "\x1b")
	})
}
