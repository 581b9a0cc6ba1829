package seal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/seal"
)

func TestWhatIsSealedIsOpenedByItsKeyAndPlaceOnly(t *testing.T) {
	t.Parallel()
	key, other := newKey(t, 1), newKey(t, 2)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		about := rapid.String().Draw(t, "about")
		sealed := key.Seal(plain, about)
		opened, err := key.Open(sealed, about)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, opened))

		_, err = key.Open(sealed, about+"x")
		require.ErrorIs(t, err, fault.Invalid)
		_, err = other.Open(sealed, about)
		require.ErrorIs(t, err, fault.Invalid)
		require.NotEqual(t, sealed, key.Seal(plain, about), "the same secret twice does not show")
	})
}

func TestAnAlteredSecretIsRefused(t *testing.T) {
	t.Parallel()
	key := newKey(t, 1)
	sealed := key.Seal([]byte("hunter2"), "a")
	require.NotContains(t, sealed, "hunter2")
	for i := range sealed {
		altered := []byte(sealed)
		altered[i] ^= 1
		_, err := key.Open(string(altered), "a")
		require.ErrorIs(t, err, fault.Invalid, "byte %d", i)
	}
	for i := range sealed {
		_, err := key.Open(sealed[:i], "a")
		require.ErrorIs(t, err, fault.Invalid, "cut to %d", i)
	}
	_, err := key.Open("hunter2", "a")
	require.ErrorIs(t, err, fault.Invalid)
	require.NotContains(t, err.Error(), "hunter2")
}

// The form must be read for ever.
func TestTheFormOfVersion1(t *testing.T) {
	t.Parallel()
	opened, err := newKey(t, 1).Open("bw1.PXEWgQGZ.QaW9TGEFKXhKc-gfESvkaHbD3R71LuTZ1zP9dK1DZCzjO5M", "instance/i-1/password")
	require.NoError(t, err)
	require.Equal(t, "hunter2", string(opened))
}

func FuzzOpen(f *testing.F) {
	key, err := seal.NewKey(bytes.Repeat([]byte{1}, 32))
	require.NoError(f, err)
	f.Add(key.Seal([]byte("x"), "a"))
	f.Add("bw1..")
	f.Fuzz(func(t *testing.T, sealed string) {
		if _, err := key.Open(sealed, "never sealed about this"); err == nil {
			t.Fatal("a forged secret was opened")
		}
	})
}

func TestTheKeyFileIsMadeOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	keys := make([]*seal.Key, 16)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			var err error
			keys[i], err = seal.Open(path)
			assert.NoError(t, err)
		})
	}
	all.Wait()
	sealed := keys[0].Seal([]byte("x"), "a")
	for _, k := range keys {
		_, err := k.Open(sealed, "a")
		require.NoError(t, err)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.EqualValues(t, 32, info.Size())
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, files, 1, "nothing else is left in the folder")
}

func TestKeyFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		size int
		mode os.FileMode
		kind fault.Kind
	}{
		{"readable for the group", 32, 0o640, fault.Forbidden},
		{"readable for all", 32, 0o604, fault.Forbidden},
		{"writable for all", 32, 0o602, fault.Forbidden},
		{"empty", 0, 0o600, fault.Invalid},
		{"too short", 31, 0o600, fault.Invalid},
		{"too long", 33, 0o600, fault.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "key")
			require.NoError(t, os.WriteFile(path, make([]byte, c.size), 0o600))
			require.NoError(t, os.Chmod(path, c.mode))
			_, err := seal.Open(path)
			require.ErrorIs(t, err, c.kind)
			require.Contains(t, err.Error(), path)
		})
	}
	_, err := seal.Open(filepath.Join(t.TempDir(), "absent", "key"))
	require.ErrorIs(t, err, fault.Unavailable)
}

func TestNothingPrintsASecret(t *testing.T) {
	t.Parallel()
	secret := seal.Secret("hunter2")
	shown := []string{fmt.Sprint(secret), fmt.Sprintf("%v %+v %#v %s %q", secret, secret, secret, secret, secret)}
	text, err := json.Marshal(map[string]any{"a": secret, "b": []seal.Secret{secret}})
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", secret, "struct", struct{ S seal.Secret }{secret})
	key := newKey(t, 7)
	shown = append(shown, string(text), log.String(), fmt.Sprintf("%v %+v %#v %s", key, key, key, key))
	for _, s := range shown {
		require.NotContains(t, s, "hunter2")
		require.NotContains(t, s, "7 7 7")
		require.NotContains(t, s, "0x7, 0x7")
	}
	require.Equal(t, "hunter2", string(secret))
}

func newKey(t *testing.T, fill byte) *seal.Key {
	t.Helper()
	key, err := seal.NewKey(bytes.Repeat([]byte{fill}, 32))
	require.NoError(t, err)
	return key
}

func TestDerivedKeysAreOfTheKeyAndThePurpose(t *testing.T) {
	t.Parallel()
	a, err := seal.NewKey(bytes.Repeat([]byte{1}, 32))
	require.NoError(t, err)
	b, err := seal.NewKey(bytes.Repeat([]byte{2}, 32))
	require.NoError(t, err)
	require.Len(t, a.Derive("x"), 32)
	require.Equal(t, a.Derive("x"), a.Derive("x"))
	require.NotEqual(t, a.Derive("x"), a.Derive("y"))
	require.NotEqual(t, a.Derive("x"), b.Derive("x"))
}
