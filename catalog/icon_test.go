package catalog_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// square is a picture of one colour.
func square(width, height int, c color.Color) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for n := range width * height {
		m.Set(n%width, n/width, c)
	}
	return m
}

func encoded(t testing.TB, encode func(*bytes.Buffer) error) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, encode(&b))
	return b.String()
}

// icon pushes a package with these files as icons, and gives what is shown.
func (s shelf) icon(t testing.TB, version string, files ...string) string {
	t.Helper()
	references, icons, members := "", "", []string{}
	for n, data := range files {
		references += fmt.Sprintf(`<File ovf:id="icon-%d" ovf:href="icon-%d"/>`, n, n)
		icons += fmt.Sprintf(`<Icon ovf:fileRef="icon-%d" ovf:mimeType="image/png"/>`, n)
		members = append(members, fmt.Sprintf("icon-%d", n), data)
	}
	descriptor := untar(t, ova(t, "</References>", references+"</References>", "<Version>1.0</Version>", "<Version>"+version+"</Version>"+icons))["example.ovf"]
	p, service := s.push(t, "example", archive(t, append([]string{"example.ovf", descriptor, "payload.bin", "x"}, members...)...))
	require.Equal(t, p.Icon, service.Icon)
	return service.Icon
}

func decoded(t testing.TB, url string) image.Image {
	t.Helper()
	text, ok := strings.CutPrefix(url, "data:image/png;base64,")
	require.True(t, ok, "%.40q", url)
	data, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	m, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	return m
}

func TestAnIconIsDrawnAnew(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	blue := color.NRGBA{B: 200, A: 128}
	hidden := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, square(300, 100, blue)) }) + "<script>alert(1)</script>"
	shown := decoded(t, s.icon(t, "1", hidden))
	require.Equal(t, image.Rect(0, 0, 64, 21), shown.Bounds())
	require.Equal(t, blue, color.NRGBAModel.Convert(shown.At(10, 10)))
	require.NotContains(t, s.icon(t, "2", hidden), base64.StdEncoding.EncodeToString([]byte("script"))[:6])

	small := decoded(t, s.icon(t, "3", encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, square(16, 24, color.White), nil) })))
	require.Equal(t, image.Rect(0, 0, 16, 24), small.Bounds(), "it is never made larger")
	photo := decoded(t, s.icon(t, "4", encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, square(1024, 1, color.Black), nil) })))
	require.Equal(t, image.Rect(0, 0, 64, 1), photo.Bounds())
}

func TestWhatCannotBeShownIsNot(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	good := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, square(8, 8, color.White)) })
	for name, bad := range map[string]string{
		"svg":    `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`,
		"wide":   encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, image.NewGray(image.Rect(0, 0, 1025, 1))) }),
		"large":  encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, image.NewGray(image.Rect(0, 0, 10_000, 10_000))) }),
		"long":   good + strings.Repeat("x", 1<<20),
		"cut":    good[:len(good)/2],
		"nought": "",
	} {
		require.Empty(t, s.icon(t, "bad-"+name, bad), name)
		require.NotEmpty(t, s.icon(t, "next-"+name, bad, good), "%s: the next one is taken", name)
	}
}
