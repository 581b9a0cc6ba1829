package ovf

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// intake takes the members of one package, in whatever order they come, and
// judges them together at the end.
type intake struct {
	ctx    context.Context
	limits Limits
	scope  completeness
	opts   Options
	sink   Sink
	report *report

	members  []Member
	measured map[string]measurement // by member name
	names    map[string]string      // folded name -> name
	chunks   []*chunk
	bytes    int64
	entries  int
	current  string // the member being read, for findings about the stream
	trailer  bool

	hasty       bool              // stop reading at the first error: nothing will be kept
	stopped     bool              // the rest was not read, so what is absent means nothing
	renamed     map[string]string // members by the name their href decodes to
	badManifest bool

	descriptor, manifest, certificate smallFile
	reader                            *reader             // once the descriptor has come
	bundles                           map[string]*bounded // external string bundles, by member name
	lines                             []ManifestEntry

	look       *joined // the file that is streaming by, or whose next piece may come
	seen       map[sightingKey]sighting
	references map[string]int // files of the descriptor by name; nil before it was asked for
}

// smallFile is one of the three small files that are kept in memory.
type smallFile struct {
	name string
	data []byte
}

func newIntake(ctx context.Context, sink Sink, opts Options) *intake {
	if opts.Now.IsZero() {
		opts.Now = time.Now()
	}
	return &intake{
		ctx: ctx, scope: whole, limits: opts.Limits.withDefaults(), opts: opts, sink: sink,
		report: &report{strict: opts.Strict}, chunks: newChunks(),
		measured: map[string]measurement{}, names: map[string]string{}, bundles: map[string]*bounded{}, renamed: map[string]string{},
		seen: map[sightingKey]sighting{},
	}
}

// member takes one file. It returns an error only for failures of the source
// or the sink; what is wrong with the package becomes a finding.
func (in *intake) member(name string, size int64, r io.Reader) error {
	in.current = name
	if err := in.count(size); err != nil {
		return err
	}
	clean, err := memberName(name)
	if err != nil {
		in.report.file(Error, CodeMemberName, name, "%v", err)
		return nil
	}
	if other, twice := in.names[fold(clean)]; twice {
		in.report.file(Error, CodeDuplicateMember, clean, "the package holds this name twice (%q)", printable(other, 100))
		return nil
	}
	in.names[fold(clean)] = clean
	switch kindByName(clean) {
	case KindDescriptor:
		return in.small(clean, size, r, KindDescriptor, &in.descriptor, in.limits.Descriptor)
	case KindManifest:
		return in.small(clean, size, r, KindManifest, &in.manifest, in.limits.Manifest)
	case KindCertificate:
		return in.small(clean, size, r, KindCertificate, &in.certificate, in.limits.Certificate)
	}
	return in.copy(clean, size, r, KindExtra)
}

// count keeps the number and the sum of members under their limits before
// anything is read.
func (in *intake) count(size int64) error {
	in.entries++
	if in.entries > in.limits.Members {
		return archiveErrorf(CodeCountLimit, "more than %d members", in.limits.Members)
	}
	if size > in.limits.Package-in.bytes {
		return archiveErrorf(CodeSizeLimit, "the package is longer than %d bytes", in.limits.Package)
	}
	in.bytes += size
	return nil
}

func kindByName(name string) MemberKind {
	switch lower := strings.ToLower(name); {
	case strings.Contains(lower, "/"), strings.HasPrefix(lower, "._"): // the latter: macOS's shadow files
		return KindExtra
	case strings.HasSuffix(lower, ".ovf"):
		return KindDescriptor
	case strings.HasSuffix(lower, ".mf"):
		return KindManifest
	case strings.HasSuffix(lower, ".cert"):
		return KindCertificate
	}
	return KindExtra
}

// small takes one of the files that the package has once.
func (in *intake) small(name string, size int64, r io.Reader, kind MemberKind, into *smallFile, limit int64) error {
	if into.name != "" {
		code := CodeDuplicateMember
		if kind == KindDescriptor {
			code = CodeDescriptorCount
		}
		in.report.file(Error, code, name, "the package has a second %s; the first is %q", kind, into.name)
		return nil
	}
	if size > limit {
		in.report.file(Error, CodeSizeLimit, name, "the %s is longer than %d bytes", kind, limit)
		return nil
	}
	var data bytes.Buffer
	if err := in.copy(name, size, io.TeeReader(io.LimitReader(r, limit), &data), kind); err != nil {
		return err
	}
	*into = smallFile{name, data.Bytes()}
	switch kind {
	case KindDescriptor:
		in.reader = in.newReader(name)
		in.reader.read(into.data)
	case KindManifest:
		in.readManifest()
	}
	return nil
}

func (in *intake) newReader(descriptor string) *reader {
	r := newReader(descriptor, in.limits, in.report, in.scope)
	r.locale = in.opts.Locale
	return r
}

// copy streams a member to the sink.
func (in *intake) copy(name string, size int64, r io.Reader, kind MemberKind) error {
	w, err := in.sink.Create(name, size)
	if err != nil {
		return fmt.Errorf("cannot keep member %q: %w", name, err)
	}
	m, err := measure(in.ctx, in.opts.watched(r), in.chunks, in.algorithms(name), w, in.lookAt(name, kind), in.keepBundle(name))
	if closeErr := w.Close(); err == nil && closeErr != nil {
		err = writeError{closeErr}
	}
	if write := (writeError{}); errors.As(err, &write) {
		return fmt.Errorf("cannot keep member %q: %w", name, write.error)
	}
	if err != nil {
		return fmt.Errorf("cannot read member %q: %w", name, err)
	}
	if m.size != size {
		in.report.file(Error, CodeFileSize, name, "the file has %d bytes instead of %d", m.size, size)
	}
	in.measured[name] = m
	in.members = append(in.members, Member{Name: name, Size: m.size, SHA256: m.digests[crypto.SHA256], Kind: kind})
	return nil
}

// watched tells the caller of each byte that is read.
func (o Options) watched(r io.Reader) io.Reader {
	if o.Progress == nil {
		return r
	}
	return io.TeeReader(r, progressWriter(o.Progress))
}

type progressWriter func(bytes int)

func (p progressWriter) Write(b []byte) (int, error) {
	p(len(b))
	return len(b), nil
}

// algorithms are the digests to compute of a member: SHA-256 always, and what
// the manifest wants, or could still want when it comes later.
func (in *intake) algorithms(name string) []crypto.Hash {
	if in.opts.making != 0 {
		return slices.Compact([]crypto.Hash{crypto.SHA256, in.opts.making})
	}
	if in.manifest.name == "" {
		return []crypto.Hash{crypto.SHA256, crypto.SHA1, crypto.SHA384, crypto.SHA512}
	}
	algorithms := []crypto.Hash{crypto.SHA256}
	for _, line := range in.lines {
		if line.Name == name && line.Hash != crypto.SHA256 {
			algorithms = append(algorithms, line.Hash)
		}
	}
	return algorithms
}
