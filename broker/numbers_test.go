package broker

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNumbersThatTakeLongAreRefused(t *testing.T) {
	t.Parallel()
	for text, fine := range map[string]bool{
		`{"a":1400}`: true, `{"a":-1.5e+10}`: true, `[1e999,1E-999]`: true, `1e1000`: false, `1E+0001`: false,
		strings.Repeat("9", 64): true, strings.Repeat("9", 65): false, "0." + strings.Repeat("0", 63): false,
		`"` + strings.Repeat("9", 1000) + `"`: true, `{"` + strings.Repeat("9", 1000) + `":1}`: true,
		`"\"` + strings.Repeat("9", 1000) + `"`: true, `"\\",` + strings.Repeat("9", 1000): false,
		``: true, `"`: true, `"\`: true, `-`: true,
	} {
		require.Equal(t, fine, checkNumbers([]byte(text)) == nil, "%.40s", text)
	}
}

// FuzzNumbers: whatever passes is decoded, with its numbers compared, in no time.
func FuzzNumbers(f *testing.F) {
	f.Add(`{"a":[1,-2.5e10,"9\"9",1e999]}`)
	f.Add(`{"a":1e9999}`)
	f.Fuzz(func(t *testing.T, text string) {
		if checkNumbers([]byte(text)) != nil || !json.Valid([]byte(text)) {
			return
		}
		began := time.Now()
		var v any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		require.NoError(t, d.Decode(&v))
		eachNumber(v, func(n json.Number) {
			digits := strings.TrimLeft(string(n), "-")
			require.LessOrEqual(t, len(digits), maxNumber)
		})
		require.Less(t, time.Since(began), 5*time.Second)
	})
}

func eachNumber(v any, see func(json.Number)) {
	switch v := v.(type) {
	case json.Number:
		see(v)
	case []any:
		for _, one := range v {
			eachNumber(one, see)
		}
	case map[string]any:
		for _, one := range v {
			eachNumber(one, see)
		}
	}
}
