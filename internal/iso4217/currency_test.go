package iso4217_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/iso4217"
)

func TestCurrenciesHaveTheirPlaces(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{"EUR": "2 true", "JPY": "0 true", "KWD": "3 true", "XXX": "2 false", "": "2 false", "EUR USD": "2 false"} {
		places, ok := iso4217.Places(code)
		require.Equal(t, want, fmt.Sprint(places, ok), code)
	}
}
