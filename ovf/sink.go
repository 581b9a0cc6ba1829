package ovf

import (
	"crypto"
	"io"
	"strings"
	"time"
)

// Sink keeps the members of a package while it is being verified. Ingest calls
// Create once for each member, in the order of the stream, writes it whole and
// closes it before the next. Then it calls exactly one of Commit and Abort,
// whatever happened before. Nothing may become visible before Commit.
//
// A name is data from outside (though it passed the name policy): a sink should
// keep bytes under names of its own and find them again at Commit by
// Package.Members, which then has each member's digest and kind; what is of
// KindExtra belongs to nothing and need not be kept.
type Sink interface {
	// Create begins a member. Size is what the container says and is not yet
	// proved; it must not be trusted for allocation. A failing Close fails the
	// ingest.
	Create(name string, size int64) (io.WriteCloser, error)
	// Commit makes the verified package visible, all of it or nothing.
	Commit(pkg *Package) error
	// Abort drops everything that was created. It is called also after a
	// Commit that failed.
	Abort() error
}

// Options of reading a package. The zero value is right for inspection.
type Options struct {
	Name   string // what findings about the container itself call it; Open fills in the file's name
	Limits Limits
	Trust  *TrustStore // who may sign; nil: nobody is trusted
	Now    time.Time   // when a certificate must be valid; zero: the time of the call
	Locale string      // of labels, descriptions and licences, such as de-CH; "": the descriptor's own
	Strict bool        // refuse every deviation: warnings become errors, but for those about what the standard allows

	// Signatures says which packages are refused for want of a signature; a wrong
	// one always is. Zero means SignatureOptional.
	Signatures SignaturePolicy

	// Progress, when not nil, is told how many more bytes of members have been
	// read. It is called by one goroutine at a time.
	Progress func(bytes int)

	making crypto.Hash // not 0: manifest and certificate are left aside, as new ones are to be made with this digest
}

// Member is one file of the container.
type Member struct {
	Name   string
	Size   int64 // bytes as stored
	SHA256 string
	Kind   MemberKind
	FileID string // References id; "" unless Kind is KindFile

	Format       Format // what the bytes are
	VirtualBytes int64  // of a disk image, as its header says; 0 when it does not say
}

// MemberKind says what a member is to the package.
type MemberKind string

// The kinds of members.
const (
	KindDescriptor  MemberKind = "descriptor"
	KindManifest    MemberKind = "manifest"
	KindCertificate MemberKind = "certificate"
	KindFile        MemberKind = "file"  // in References, or a piece of one that is
	KindExtra       MemberKind = "extra" // in the package, but nothing refers to it
)

// Refused is the error of an ingest that found the package wrong. Nothing of it
// was kept.
type Refused struct{ Findings Findings }

// Error names the first reasons.
func (r *Refused) Error() string {
	errs := r.Findings.Errors()
	lines := make([]string, 0, 3)
	for _, f := range errs[:min(3, len(errs))] {
		lines = append(lines, f.String())
	}
	return "package refused: " + strings.Join(lines, "; ")
}
