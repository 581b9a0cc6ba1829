package seal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/seal"
)

func TestSealedValueOpensAtItsPlaceOnly(t *testing.T) {
	t.Parallel()
	k, err := seal.New(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		about, elsewhere := rapid.String().Draw(t, "about"), rapid.String().Draw(t, "elsewhere")
		sealed, err := k.Seal(plain, about)
		require.NoError(t, err)
		got, err := k.Open(sealed, about)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, got))
		if elsewhere != about {
			_, err = k.Open(sealed, elsewhere)
			require.Error(t, err)
		}
	})
}

func TestSameValueSealsDifferentlyEachTime(t *testing.T) {
	t.Parallel()
	k, err := seal.New(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	a, err := k.Seal([]byte("secret"), "x")
	require.NoError(t, err)
	b, err := k.Seal([]byte("secret"), "x")
	require.NoError(t, err)
	require.NotEqual(t, a, b)
	require.NotContains(t, a, "secret")
}

func TestAlteredOrForeignValueIsRefused(t *testing.T) {
	t.Parallel()
	k, err := seal.New(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	other, err := seal.New(bytes.Repeat([]byte{8}, 32))
	require.NoError(t, err)
	sealed, err := k.Seal([]byte("secret"), "x")
	require.NoError(t, err)
	parts := strings.Split(sealed, ".")

	for name, value := range map[string]string{
		"empty":         "",
		"plain":         "secret",
		"other version": "v9." + parts[1] + "." + parts[2],
		"cut":           sealed[:len(sealed)-4],
		"flipped":       parts[0] + "." + parts[1] + ".A" + flip(parts[2][1:]),
		"not base64":    parts[0] + "." + parts[1] + ".!!!!",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := k.Open(value, "x")
			require.Error(t, err)
			require.NotContains(t, err.Error(), "secret")
		})
	}
	_, err = other.Open(sealed, "x")
	require.ErrorContains(t, err, "sealed with key")
}

func flip(s string) string { return strings.ToUpper(s[:1]) + "x" + s[2:] }

func TestKeyFileIsMadeOnceAndKeptPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	sealed := make([]string, 8)
	var wg sync.WaitGroup
	for n := range sealed {
		wg.Go(func() {
			k, err := seal.Open(path)
			if err == nil {
				sealed[n], _ = k.Seal([]byte("secret"), "x")
			}
		})
	}
	wg.Wait()
	k, err := seal.Open(path)
	require.NoError(t, err)
	for _, s := range sealed {
		plain, err := k.Open(s, "x")
		require.NoError(t, err, "keys made at the same moment must be one key")
		require.Equal(t, "secret", string(plain))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.NoError(t, os.Chmod(path, 0o640))
	_, err = seal.Open(path)
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, "chmod 600")
}

func TestKeyOfWrongSizeIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte("short"), 0o600))
	_, err := seal.Open(path)
	require.Error(t, err)
}
