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

// unreadable wants each text refused with one error of that code on that line,
// and nothing of it to be seen.
func unreadable(t *testing.T, code ovf.Code, line int, texts ...string) {
	t.Helper()
	for _, text := range texts {
		pkg := ovf.ReadDescriptor("x.ovf", []byte(text), ovf.Options{})
		require.False(t, pkg.Valid())
		require.Nil(t, pkg.Content, "nothing of an unreadable descriptor is to be seen")
		require.Len(t, pkg.Findings.Errors(), 1)
		f := pkg.Findings.Errors()[0]
		require.Equal(t, code, f.Code, f.String())
		require.Equal(t, line, f.Line, f.String())
	}
}

// readsTheSame wants each text to be the package of minimal.ovf.
func readsTheSame(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		pkg := ovf.ReadDescriptor("x.ovf", []byte(text), ovf.Options{})
		require.True(t, pkg.Valid(), "findings:\n%s", pkg.Findings)
		require.EqualValues(t, 256<<20, pkg.Plans()[0].MemoryBytes)
		require.EqualValues(t, 2, pkg.Plans()[0].VCPUs)
		require.Equal(t, "machine", pkg.Content.ID)
	}
}

func TestHostileXML(t *testing.T) {
	t.Parallel()
	plain := string(example(t, "minimal.ovf"))
	with := func(old, new string) string {
		require.Contains(t, plain, old)
		return strings.Replace(plain, old, new, 1)
	}
	adversarial(t, "D", 12,
		hostile{"D01 document types, with entities of any kind", func(t *testing.T) {
			unreadable(t, ovf.CodeXMLDoctype, 1, "<!DOCTYPE a>\n<a/>", "<!doctype a><a/>",
				`<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>`,
				`<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]><a>&d;</a>`,
				"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\n<a>&x;</a>",
				`<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>`,
				`<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1/"> %x;]><a/>`)
			unreadable(t, ovf.CodeXMLSyntax, 1, "<a>&nbsp;</a>", "<a>&x;</a>")
			requireNoNetwork(t)
		}},
		hostile{"D02 a million levels", func(t *testing.T) {
			unreadable(t, ovf.CodeXMLLimit, 1, strings.Repeat("<a>", 1_000_000), strings.Repeat("<a>", 90_000)+strings.Repeat("</a>", 90_000), strings.Repeat("<a>", 65))
		}},
		hostile{"D03 masses are refused before a tree is built", func(t *testing.T) {
			unreadable(t, ovf.CodeXMLLimit, 1,
				"<a>"+strings.Repeat("<b/>", 1_000_000)+"</a>",
				"<a "+manyAttributes(100_000)+"/>",
				"<a>"+strings.Repeat("<b"+manyAttributes(200)+"/>", 1_001)+"</a>",
				"<a "+strings.ReplaceAll(manyAttributes(1000), "a", "xmlns:a")+"/>",
				"<a>"+strings.Repeat("x", 4<<20)+"</a>",
				"<a b=\""+strings.Repeat("x", 4<<20)+"\"/>",
				"<!-- "+strings.Repeat("x", 4<<20)+" --><a/>")
			unreadable(t, ovf.CodeSizeLimit, 0, strings.Repeat(" ", 9<<20), "<a>"+strings.Repeat("x", 100<<20)+"</a>")
		}},
		hostile{"D04 an attribute twice", func(t *testing.T) {
			unreadable(t, ovf.CodeXMLDuplicateAttribute, 1, `<a b="1" b="2"/>`, `<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="2"/>`, `<a xmlns="u" xmlns="v"/>`, `<a xmlns:p="u" xmlns:p="v"/>`)
			unreadable(t, ovf.CodeXMLDuplicateAttribute, 5, with(`o:id="machine"`, `o:id="machine" o:id="other"`))
		}},
		hostile{"D05 names of other namespaces shadow nothing", func(t *testing.T) {
			readsTheSame(t, with(`o:id="machine"`, `e:id="evil" o:id="machine" xmlns:e="urn:evil"`),
				with(`<r:VirtualQuantity>256<`, `<e:VirtualQuantity xmlns:e="urn:evil" o:required="false">1</e:VirtualQuantity><r:VirtualQuantity>256<`))
			pkg := ovf.ReadDescriptor("x.ovf", []byte(with(`o:id="machine"`, `e:id="evil" xmlns:e="urn:evil"`)), ovf.Options{})
			require.Equal(t, []ovf.Code{ovf.CodeMissingAttribute}, codes(pkg.Findings.Errors()), "the id of another namespace is no id")
			pkg = ovf.ReadDescriptor("x.ovf", []byte(with(`o:id="machine"`, `id="machine"`)), ovf.Options{})
			require.True(t, pkg.Valid(), "without a prefix it is taken for OVF's")
			require.Contains(t, codes(pkg.Findings), ovf.CodeAttributePrefix)
		}},
		hostile{"D06 prefixes are what they are bound to, unbound ones nothing", func(t *testing.T) {
			const ovf1 = `"http://schemas.dmtf.org/ovf/envelope/1"`
			readsTheSame(t, strings.ReplaceAll(strings.ReplaceAll(plain, "o:", "x:"), ":o=", ":x="),
				with(`<o:VirtualSystem o:id="machine">`, `<o:VirtualSystem xmlns:q=`+ovf1+` q:id="machine">`),
				with(`<o:Info>Hardware</o:Info>`, `<Info xmlns=`+ovf1+`>Hardware</Info>`))
			pkg := ovf.ReadDescriptor("x.ovf", []byte(with(`<o:VirtualSystem o:id="machine">`, `<o:VirtualSystem xmlns:o="urn:other" o:id="machine">`)), ovf.Options{})
			require.Contains(t, codes(pkg.Findings.Errors()), ovf.CodeRequiredUnknown, "rebound inside, it is another element")
			unreadable(t, ovf.CodeXMLPrefix, 1, "<x:b/>", `<a x:b="1"/>`, `<a><b xmlns:x="u"/><x:c/></a>`, `<a xmlns:x=""><x:b/></a>`)
		}},
		hostile{"D07 two roots, text outside, unclosed, empty", func(t *testing.T) {
			unreadable(t, ovf.CodeXMLEmpty, 1, "", "<!-- nothing -->", " ")
			unreadable(t, ovf.CodeXMLRoots, 1, "hello", "<a/>\nhello", "<a/><b/>")
			unreadable(t, ovf.CodeXMLRoots, 2, "<a/>\n<b/>")
			unreadable(t, ovf.CodeXMLSyntax, 2, "<a>\n<b>")
			unreadable(t, ovf.CodeXMLSyntax, 1, "<a><b></a></b>", "</a>", "<a:b:c/>", "<a>\x01</a>", "<a", "<a b=c/>")
		}},
		hostile{"D08 encodings are known or refused", func(t *testing.T) {
			units := utf16.Encode([]rune(strings.Replace(plain, "UTF-8", "UTF-16", 1)))
			var little, big []byte
			for _, u := range units {
				little, big = append(little, byte(u), byte(u>>8)), append(big, byte(u>>8), byte(u))
			}
			readsTheSame(t, "\xef\xbb\xbf"+plain, "\xff\xfe"+string(little), "\xfe\xff"+string(big), string(little), string(big), with("UTF-8", "UTF-16"),
				strings.ReplaceAll(plain, "\n", "\r\n"), strings.ReplaceAll(plain, "\n", "\r\r\n"), "\n"+plain)
			latin := strings.Replace(with("UTF-8", "ISO-8859-1"), ">Memory<", ">M\xe9moire<", 1)
			readsTheSame(t, latin)
			pkg := ovf.ReadDescriptor("x.ovf", []byte(latin), ovf.Options{})
			require.Equal(t, "Mémoire", pkg.Content.Hardware[0].Items[1].ElementName)
			unreadable(t, ovf.CodeEncoding, 0, "<a>\n\xff</a>", `<?xml version="1.0" encoding="UTF-7"?><a/>`, "\x4c\xa7\x94\x93", "\xff\xfe<", with("UTF-8", "EBCDIC-US"), strings.Replace(latin, "ISO-8859-1", "UTF-8", 1))
		}},
		hostile{"D09 includes, style sheets, schema locations and bases lead nowhere", func(t *testing.T) {
			const server = "http://127.0.0.1:1/"
			readsTheSame(t, with("?>", "?><?xml-stylesheet href='"+server+"'?>"), with("<o:References/>", "<o:References xml:base='"+server+"'/>"),
				with("<o:Envelope", "<o:Envelope xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:schemaLocation='u "+server+"'"))
			pkg := ovf.ReadDescriptor("x.ovf", []byte(with("<o:References/>", "<o:References/><i:include xmlns:i='http://www.w3.org/2001/XInclude' href='file:///etc/passwd'/>")), ovf.Options{})
			require.Equal(t, []ovf.Code{ovf.CodeRequiredUnknown}, codes(pkg.Findings.Errors()))
			requireNoNetwork(t)
		}},
		hostile{"D10 comments and CDATA do not split a value", func(t *testing.T) {
			readsTheSame(t, with(">256<", ">25<!-- x -->6<"), with(">256<", ">2<![CDATA[56]]><"), with(">256<", "> 256\n<"), with(">256<", "><![CDATA[]]>2<!---->5<?p?>6<"))
		}},
		hostile{"D11 characters that do not show are cleaned for display", func(t *testing.T) {
			pkg := ovf.ReadDescriptor("x\u202e.ovf", []byte(with("<o:Info>Hardware", "<o:Name>A\u202eB\u200bC\u009b31m</o:Name><o:Info>Hardware")), ovf.Options{})
			require.NotContains(t, pkg.Findings.String(), "\u202e")
			pkg = ovf.ReadDescriptor("x.ovf", []byte(with("<o:VirtualHardwareSection>", "<o:Name>A\u202eB\u200bC\u009b31m</o:Name><o:VirtualHardwareSection>")), ovf.Options{})
			require.True(t, pkg.Valid(), pkg.Findings.String())
			require.Equal(t, "A B C 31m", pkg.Content.Name)
			pkg = ovf.ReadDescriptor("x.ovf", []byte(with(`o:id="machine"`, "o:id=\"mach\u202eine\"><o:Nonsense\u200b")), ovf.Options{})
			require.NotContains(t, pkg.Findings.String(), "\u202e")
		}},
		hostile{"D12 unknown versions and dialects are told by name", func(t *testing.T) {
			unreadable(t, ovf.CodeNamespace, 1, "<Envelope/>", `<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/3"/>`)
			unreadable(t, ovf.CodeDialect, 1, "<html/>", `<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1/"/>`)
			unreadable(t, ovf.CodeXMLSyntax, 1, `<a><?xml version="1.0"?></a>`)
			require.Equal(t, ovf.Dialect09, read(t, "legacy-0.9.ovf").Dialect)
		}},
	)
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d="u"`, i)
	}
	return b.String()
}

// A mistake is told where it stands, also at the end of a line.
func TestAMistakeHasAPlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"<a>&\nb</a>":    "1:5",
		"<a>\n<b c\n>":   "3:2",
		"<a>\n\n<":       "3:2",
		"<a>\n é&x;</a>": "2:7",
	} {
		f := ovf.ReadDescriptor("x.ovf", []byte(text), ovf.Options{}).Findings[0]
		require.Equal(t, ovf.CodeXMLSyntax, f.Code)
		require.Equal(t, want, fmt.Sprint(f.Line, ":", f.Column), "%q: %s", text, f)
	}
}

// Whatever the bytes are, the answer is a bounded report and plans without
// nonsense, and a strict reading takes nothing that a lenient one refuses.
func FuzzDescriptor(f *testing.F) {
	seedDescriptors(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		pkg := ovf.ReadDescriptor("x.ovf", data, ovf.Options{})
		requireSane(t, pkg.Findings)
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
		strict := ovf.ReadDescriptor("x.ovf", data, ovf.Options{Strict: true})
		require.True(t, pkg.Valid() || !strict.Valid())
		require.Equal(t, pkg.Plans(), strict.Plans())
	})
}
