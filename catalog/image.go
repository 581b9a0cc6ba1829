package catalog

import (
	"context"
	"io"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

// Image is a disk or CD image that is not one of a package's Files as it is: it
// lies there in pieces, compressed, or both.
type Image struct {
	Name        string   `json:"name"`   // as the package spells it
	Digest      string   `json:"digest"` // sha256:… of the image itself
	Size        int64    `json:"size"`   // bytes of the image itself
	Format      string   `json:"format,omitempty"`
	Virtual     int64    `json:"virtual_bytes,omitempty"`
	Files       []string `json:"files"`                 // that hold it, in order
	Compression string   `json:"compression,omitempty"` // of these bytes together: gzip, or empty for none
}

// imagesOf are the images of a package that are not files as they are.
func imagesOf(pkg *ovf.Package) (list []Image) {
	for _, i := range pkg.Images {
		if !i.Stored() {
			list = append(list, Image{
				Name: i.Name, Digest: digestPrefix + i.SHA256, Size: i.Size, Format: string(i.Format), Virtual: i.VirtualBytes,
				Files: i.Members, Compression: i.Compression,
			})
		}
	}
	return list
}

// Image is what a disk or drive is made of, by the name that its plan calls it.
// NotFound when the package has no such file.
func (p Package) Image(name string) (Image, error) {
	if n := slices.IndexFunc(p.Images, func(i Image) bool { return i.Name == name }); n >= 0 {
		return p.Images[n], nil
	}
	f, err := p.file(name)
	return Image{Name: name, Digest: f.Digest, Size: f.Size, Format: f.Format, Virtual: f.Virtual, Files: []string{name}}, err
}

func (p Package) file(name string) (File, error) {
	if n := slices.IndexFunc(p.Files, func(f File) bool { return f.Name == name }); n >= 0 {
		return p.Files[n], nil
	}
	return File{}, fault.New(fault.NotFound, "package %q holds no file %q", p.ID, name)
}

// OpenImage streams an image of a package as it is to be booted: pieces joined,
// compression undone. Its bytes have the image's digest. NotFound when the package
// or its bytes are gone.
func (c *Catalog) OpenImage(ctx context.Context, p Package, i Image) (io.ReadCloser, error) {
	image := ovf.Image{Name: i.Name, Members: i.Files, Compression: i.Compression, Size: i.Size}
	return ovf.OpenImage(image, func(member string) (io.ReadCloser, error) {
		f, err := p.file(member)
		if err != nil {
			return nil, err
		}
		return c.Open(ctx, f.Digest)
	})
}
