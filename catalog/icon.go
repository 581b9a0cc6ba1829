package catalog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif"  // the formats that an icon may have: those of no script
	_ "image/jpeg" // and of no reference to elsewhere
	"image/png"
	"io"

	"github.com/bumpwire/bumpwire/ovf"
)

// What is taken for an icon, and what is made of it. Platforms ask for the whole
// catalog often, so it is small there.
const (
	maxIconFile  = 1 << 20 // bytes
	maxIconSide  = 1024    // pixels
	shownIconMax = 64      // pixels
)

// iconOf is the package's first icon that can be shown, as a data URL, or nothing.
// It is decoded and drawn anew: what a vendor has hidden in a picture stays
// behind. open gives the bytes of a member.
func iconOf(pkg *ovf.Package, open func(member string) (io.ReadCloser, error)) string {
	for c := range pkg.Contents() {
		for _, product := range c.Products {
			for _, icon := range product.Icons {
				f, ok := pkg.File(icon.FileRef)
				if !ok || f.Name == "" {
					continue
				}
				if url, err := drawn(f.Name, open); err == nil {
					return url
				}
			}
		}
	}
	return ""
}

func drawn(member string, open func(string) (io.ReadCloser, error)) (string, error) {
	r, err := open(member)
	if err != nil {
		return "", err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxIconFile+1))
	if err != nil || len(data) > maxIconFile {
		return "", errors.Join(err, fmt.Errorf("icon %q is longer than %d bytes", member, maxIconFile))
	}
	about, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	if about.Width < 1 || about.Height < 1 || about.Width > maxIconSide || about.Height > maxIconSide {
		return "", fmt.Errorf("icon %q has %d by %d pixels", member, about.Width, about.Height)
	}
	picture, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, reduced(picture)); err != nil {
		return "", err
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

// reduced is the picture at most shownIconMax pixels wide and high, each the mean
// of those that it stands for.
func reduced(picture image.Image) image.Image {
	from := picture.Bounds()
	side := max(from.Dx(), from.Dy())
	shown := min(side, shownIconMax)
	at := func(n int) int { return n * side / shown }
	out := image.NewNRGBA(image.Rect(0, 0, max(1, from.Dx()*shown/side), max(1, from.Dy()*shown/side)))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			part := image.Rect(at(x), at(y), max(at(x)+1, at(x+1)), max(at(y)+1, at(y+1))).Add(from.Min)
			out.Set(x, y, mean(picture, part.Intersect(from)))
		}
	}
	return out
}

func mean(picture image.Image, part image.Rectangle) color.Color {
	var red, green, blue, alpha, count uint64
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			r, g, b, a := picture.At(x, y).RGBA()
			red, green, blue, alpha = red+uint64(r), green+uint64(g), blue+uint64(b), alpha+uint64(a)
			count++
		}
	}
	count = max(1, count)
	return color.RGBA64{R: uint16(red / count), G: uint16(green / count), B: uint16(blue / count), A: uint16(alpha / count)}
}
