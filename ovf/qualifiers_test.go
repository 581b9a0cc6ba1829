package ovf

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQualifiersAreReadWithQuotesAndEitherBracket(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]qualifier{
		``:                                       nil,
		`MinLen(1),MaxLen(253)`:                  {{"MinLen", []string{"1"}}, {"MaxLen", []string{"253"}}},
		`MinLen(1) MaxLen(2)`:                    {{"MinLen", []string{"1"}}, {"MaxLen", []string{"2"}}},
		`ValueMap{"a", "b,c" ,"d}e"}`:            {{"ValueMap", []string{"a", "b,c", "d}e"}}},
		`ValueMap{1,2,3}`:                        {{"ValueMap", []string{"1", "2", "3"}}},
		`ValueMap{"say \"hi\""}`:                 {{"ValueMap", []string{`say "hi"`}}},
		`ValueMap{""}`:                           {{"ValueMap", []string{""}}},
		`Ip("Network 1")`:                        {{"Ip", []string{"Network 1"}}},
		`Ip(Management)`:                         {{"Ip", []string{"Management"}}},
		`Ip`:                                     {{"Ip", nil}},
		`Ip('Network 1'),Netmask( 'a, b' )`:      {{"Ip", []string{"Network 1"}}, {"Netmask", []string{"a, b"}}},
		`ValueMap{"the owner's", don't}`:         {{"ValueMap", []string{"the owner's", "don't"}}},
		`Net(Management)`:                        {{"Net", []string{"Management"}}},
		`Ip()`:                                   {{"Ip", nil}},
		`Expression("${a} + (b)"), MaxLen ( 3 )`: {{"Expression", []string{"${a} + (b)"}}, {"MaxLen", []string{"3"}}},
	} {
		got, err := parseQualifiers(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{`ValueMap{"a`, `ValueMap{"a"`, `MinLen(1`, `(1)`, `ValueMap{a"}`, `"x"`, `MaxLen(3))`} {
		_, err := parseQualifiers(text)
		require.Error(t, err, text)
	}
}

// A broken qualifier is dropped with a warning; the others still hold.
func TestABrokenQualifierIsDropped(t *testing.T) {
	t.Parallel()
	for text, message := range map[string]string{
		`MinLen(x), MaxLen(3)`:                                      "no length",
		`MaxLen(3), Wonderful(1)`:                                   "not known",
		`MaxLen(3), ValueMap{"a`:                                    "missing",
		`MaxLen(3), MinValue(low)`:                                  "no number",
		`MaxLen(3), ValueMap{}`:                                     "values",
		`MaxLen(3), Ip("Nowhere")`:                                  "Nowhere",
		`MaxLen(3), ValueMap{` + strings.Repeat(`"x",`, 2000) + `}`: "1000 values",
	} {
		r := newReader("x.ovf", Limits{}.withDefaults(), &report{}, alone)
		p := Property{Key: "k", Type: TypeString}
		r.qualifiers(&p, text)
		require.Len(t, r.findings, 1, text)
		require.Equal(t, Warning, r.findings[0].Severity)
		require.Contains(t, r.findings[0].Message, message)
		require.EqualValues(t, 3, *p.Rules.MaxLen, text)
	}
}

func qualifiersText(list []qualifier) string {
	var b strings.Builder
	for _, q := range list {
		b.WriteString(q.name)
		if len(q.arguments) > 0 {
			quoted := make([]string, len(q.arguments))
			for i, a := range q.arguments {
				quoted[i] = quote(a)
			}
			b.WriteString("{" + strings.Join(quoted, ", ") + "}")
		}
		b.WriteString(", ")
	}
	return b.String()
}

func FuzzQualifiers(f *testing.F) {
	for _, s := range []string{`MinLen(1),MaxLen(253)`, `ValueMap{"a", "b,c"}`, `Ip("Network 1")`, `ValueMap{"say \"hi\""}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, _ := parseQualifiers(s)
		for _, q := range list {
			require.NotEmpty(t, q.name)
			require.Contains(t, s, q.name)
		}
		// What has been understood is understood the same in our own words.
		again, err := parseQualifiers(qualifiersText(list))
		require.NoError(t, err)
		require.Equal(t, list, again)
	})
}

func FuzzManifestLines(f *testing.F) {
	f.Add([]byte("SHA256(a.ovf)= 0000000000000000000000000000000000000000000000000000000000000000\n"))
	f.Add([]byte("\xef\xbb\xbfSHA1 (a (1).ovf) = 0000000000000000000000000000000000000000\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, problems := parseManifest(data)
		lines := 0
		for line := range strings.SplitSeq(strings.TrimPrefix(string(data), "\xef\xbb\xbf"), "\n") {
			if strings.TrimSpace(line) != "" {
				lines++
			}
		}
		require.Equal(t, lines, len(entries)+len(problems), "no line is passed over")
		for _, e := range entries {
			require.Len(t, e.Digest, 2*e.Hash.Size())
			name, err := memberName(e.Name)
			require.NoError(t, err)
			require.Equal(t, name, e.Name)
		}
	})
}

// What vSphere would fill a value with is kept, whether or not a broker can.
func TestSourcesOfValuesAreKept(t *testing.T) {
	t.Parallel()
	r := newReader("x.ovf", Limits{}.withDefaults(), &report{}, alone)
	r.networks["Network 1"] = true
	p := Property{Key: "k", Type: TypeString}
	r.qualifiers(&p, `MinLen(1), Ip('Network 1'), Dns("Network 1") AutoIp, Expression("${vami.ip0}")`)
	require.Empty(t, r.findings)
	require.Equal(t, []Source{
		{"Dns", []string{"Network 1"}}, {"AutoIp", nil}, {"Expression", []string{"${vami.ip0}"}},
	}, p.Sources)
	require.Equal(t, &Fill{Kind: FillIP, Network: "Network 1"}, p.Fill)
}
