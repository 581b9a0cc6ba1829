package ovf_test

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// manifested is what every reader of ours says of a package with that manifest,
// which stands before the disk, behind it, or beside it in a folder.
func manifested(t *testing.T, state ovf.ManifestState, code ovf.Code, refused bool, manifest string, more ...raw) *ovf.Package {
	t.Helper()
	mf := manifestOf(manifest)
	var last *ovf.Package
	for _, members := range [][]raw{append([]raw{descriptor, mf, diskFile}, more...), append([]raw{descriptor, diskFile, mf}, more...)} {
		pkg, _, err := ingest(t, archive(members...), ovf.Options{Now: noon})
		opened, openErr := ovf.Open(t.Context(), folder(t, members...), ovf.Options{Now: noon})
		require.NoError(t, openErr)
		for _, p := range []*ovf.Package{pkg, opened} {
			require.Equal(t, !refused, p.Valid(), p.Findings.String())
			require.Equal(t, state, p.Verification.Manifest, p.Findings.String())
			if code != "" {
				require.Contains(t, codes(p.Findings), code, p.Findings.String())
			} else {
				require.Empty(t, p.Findings)
			}
		}
		require.Equal(t, refused, err != nil)
		last = pkg
	}
	return last
}

// signedBy is a certificate file for the manifest of those lines.
func signedBy(t testing.TB, manifest string) raw {
	t.Helper()
	file, err := issue(t, "vendor", ecKey(t), nil).Sign("p.mf", []byte(manifest))
	require.NoError(t, err)
	return raw{name: "p.cert", data: string(file)}
}

func TestHostileManifests(t *testing.T) {
	t.Parallel()
	own, disk := sha256Line(descriptor), sha256Line(diskFile)
	zero := fmt.Sprintf("%064x", 0)
	adversarial(t, "B", 13,
		hostile{"B01 wrong digest of the descriptor, a disk, a piece", func(t *testing.T) {
			p := manifested(t, ovf.ManifestFailed, ovf.CodeManifestMismatch, true, own+"SHA256(disk.img)= "+zero)
			require.Contains(t, p.Findings.String(), `p.mf:2:1: error manifest-mismatch: the SHA-256 digest of file "disk.img" is not the listed one`)
			require.NotContains(t, p.Findings.String(), zero)
			manifested(t, ovf.ManifestFailed, ovf.CodeManifestMismatch, true, "SHA256(p.ovf)= "+zero+"\n"+disk)
			pieces := raw{name: "p.ovf", data: strings.Replace(oneDisk, `"disk.img"`, `"disk.img" ovf:size="15" ovf:chunkSize="10"`, 1)}
			one, two := raw{name: "disk.img.000000000", data: "0123456789"}, raw{name: "disk.img.000000001", data: "01234"}
			_, _, err := ingest(t, archive(pieces, manifestOf(sha256Line(pieces), sha256Line(one), sha256Line(two)), one, two), ovf.Options{})
			require.NoError(t, err)
			_, _, err = ingest(t, archive(pieces, manifestOf(sha256Line(pieces), sha256Line(one), "SHA256("+two.name+")= "+zero), one, two), ovf.Options{})
			refusedWith(t, err, ovf.CodeManifestMismatch)
			require.ErrorContains(t, err, two.name)
		}},
		hostile{"B02 a listed file is not there", func(t *testing.T) {
			lines := own + disk + "SHA256(gone.img)= " + zero + "\n"
			manifested(t, ovf.ManifestFailed, ovf.CodeManifestMissing, true, lines)
			manifested(t, ovf.ManifestFailed, ovf.CodeManifestMissing, true, lines, signedBy(t, lines))
			dir := folder(t, descriptor, diskFile, manifestOf(lines))
			p, err := ovf.Open(t.Context(), filepath.Join(dir, "p.ovf"), ovf.Options{})
			require.NoError(t, err)
			require.True(t, p.Valid(), "a descriptor alone may lie beside a part of its files")
			require.Equal(t, ovf.ManifestPartial, p.Verification.Manifest)
		}},
		hostile{"B03 names that lead elsewhere are not opened", func(t *testing.T) {
			outside := filepath.Join(t.TempDir(), "secret")
			require.NoError(t, os.WriteFile(outside, []byte("secret"), 0o600))
			for _, name := range []string{"../x", "/etc/shadow", outside, "http://127.0.0.1:1/x", "file:///etc/shadow", `..\x`, "a/../../x", "", "x\x00y"} {
				manifested(t, ovf.ManifestFailed, ovf.CodeManifestSyntax, true, own+disk+"SHA256("+name+")= "+zero)
			}
			dir := folder(t, descriptor, diskFile, manifestOf(own, disk, "SHA256(link)= "+zero))
			require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
			p, err := ovf.Open(t.Context(), dir, ovf.Options{})
			require.NoError(t, err)
			require.Contains(t, codes(p.Findings.Errors()), ovf.CodeMemberType)
		}},
		hostile{"B04 a file is not listed", func(t *testing.T) {
			p := manifested(t, ovf.ManifestPartial, ovf.CodeManifestUnlisted, false, own)
			require.Contains(t, p.Findings.String(), "disk.img: warning manifest-unlisted")
			require.Contains(t, p.FileStates(), ovf.FileVerification{Name: "disk.img", State: ovf.FileUnlisted})
			manifested(t, ovf.ManifestPartial, ovf.CodeManifestUnlisted, true, disk)
			manifested(t, ovf.ManifestPartial, ovf.CodeManifestUnlisted, true, own, signedBy(t, own))
		}},
		hostile{"B05 one file twice", func(t *testing.T) {
			right := fmt.Sprintf("SHA1(disk.img)= %x\n", sha1.Sum([]byte(diskFile.data)))
			manifested(t, ovf.ManifestVerified, ovf.CodeManifestDuplicate, false, own+disk+disk)
			manifested(t, ovf.ManifestVerified, ovf.CodeManifestDuplicate, false, own+disk+strings.ToUpper(disk[:6])+"(./disk.img) = "+strings.ToUpper(disk[len("SHA256(disk.img)= "):]))
			manifested(t, ovf.ManifestFailed, ovf.CodeManifestDuplicate, true, own+disk+"SHA256(disk.img)= "+zero)
			manifested(t, ovf.ManifestFailed, ovf.CodeManifestDuplicate, true, own+"SHA256(disk.img)= "+zero+"\n"+disk)
			manifested(t, ovf.ManifestVerified, ovf.CodeWeakDigest, false, own+disk+right)
			for _, lines := range []string{disk + "SHA1(disk.img)= " + zero[:40], right + "SHA512(disk.img)= " + zero + zero} {
				p := manifested(t, ovf.ManifestFailed, ovf.CodeManifestMismatch, true, own+lines)
				require.Contains(t, p.FileStates(), ovf.FileVerification{Name: "disk.img", State: ovf.FileMismatch})
			}
		}},
		hostile{"B06 it lists itself, or the certificate", func(t *testing.T) {
			lines := own + disk + "SHA256(p.mf)= " + zero + "\nSHA256(p.cert)= " + zero + "\n"
			p := manifested(t, ovf.ManifestVerified, ovf.CodeManifestSelf, false, lines, signedBy(t, lines))
			require.Equal(t, ovf.SignatureUntrusted, p.Verification.Signature)
		}},
		hostile{"B07 algorithms and digests that prove nothing", func(t *testing.T) {
			for _, line := range []string{
				"MD5(disk.img)= 00112233445566778899aabbccddeeff", "CRC32(disk.img)= 00112233", "CRC(disk.img)= 0", "(disk.img)= " + zero, "SHA3-256(disk.img)= " + zero,
				"SHA256(disk.img)= ", "SHA256(disk.img)=", "SHA256(disk.img)= 0011", "SHA256(disk.img)= " + zero[1:], "SHA256(disk.img)= " + zero + "0", "SHA1(disk.img)= " + zero,
				"SHA256(disk.img)= 0x" + zero[2:], "SHA256(disk.img)= " + strings.Repeat("zz", 32), "SHA256(disk.img)= " + zero[:63] + "\u0660",
			} {
				manifested(t, ovf.ManifestFailed, ovf.CodeManifestSyntax, true, own+line+"\n")
				manifested(t, ovf.ManifestFailed, ovf.CodeManifestSyntax, true, own+disk+line)
			}
		}},
		hostile{"B08 a line that cannot be read between good ones", func(t *testing.T) {
			for _, line := range []string{"hello", "#comment", "SHA256 disk.img " + zero, "SHA256(disk.img) " + zero, ";", "SHA256disk.img)= " + zero, "\x00"} {
				p := manifested(t, ovf.ManifestFailed, ovf.CodeManifestSyntax, true, own+line+"\n"+disk)
				require.Contains(t, p.Findings.String(), "p.mf:2:1: error manifest-syntax")
			}
		}},
		hostile{"B09 capitals, CRLF, byte order mark, spaces, brackets in names", func(t *testing.T) {
			digest := disk[len("SHA256(disk.img)= ") : len(disk)-1]
			for _, line := range []string{
				"SHA256(disk.img)= " + strings.ToUpper(digest), "SHA256 (disk.img) = " + digest, "sha256(disk.img)=" + digest, "SHA2-256(disk.img)= " + digest,
				"SHA-256(disk.img)=\t" + digest + "  ", "  SHA256(disk.img)= " + digest, "SHA256(./disk.img)= " + digest,
			} {
				manifested(t, ovf.ManifestVerified, "", false, own+line)
				manifested(t, ovf.ManifestVerified, "", false, "\xef\xbb\xbf"+strings.ReplaceAll(own+line, "\n", "\r\n")+"\r\n\r\n \r\n")
			}
			odd := raw{name: "disk (1) of 2).img", data: diskFile.data}
			d := raw{name: "p.ovf", data: strings.Replace(oneDisk, "disk.img", "disk%20(1)%20of%202).img", 1)}
			p, _, err := ingest(t, archive(d, manifestOf(sha256Line(d), sha256Line(odd)), odd), ovf.Options{})
			require.NoError(t, err)
			require.Equal(t, ovf.ManifestVerified, p.Verification.Manifest)
		}},
		hostile{"B10 a hundred megabytes, a million lines, one long line", func(t *testing.T) {
			huge := manifestOf(own).as(func(h []byte) { copy(h[124:], "00620000000\x00") })
			stream := &counting{from: io.MultiReader(bytes.NewReader(append(descriptor.bytes(), huge.bytes()[:512]...)), zeros{})}
			_, err := ovf.Ingest(t.Context(), stream, &discardSink{}, ovf.Options{})
			refusedWith(t, err, ovf.CodeSizeLimit)
			require.Less(t, stream.n, int64(1<<20))
			for code, text := range map[ovf.Code]string{
				ovf.CodeSizeLimit:      strings.Repeat("SHA256(x)= "+zero+"\n", 1_000_000/10),
				ovf.CodeCountLimit:     strings.Repeat("x\n", 400_000),
				ovf.CodeManifestSyntax: "SHA256(" + strings.Repeat("x", 1<<20-100) + ")= 00",
			} {
				start := time.Now()
				_, _, err := ingest(t, archive(descriptor, manifestOf(text), diskFile), ovf.Options{})
				refusedWith(t, err, code)
				require.Less(t, time.Since(start), 5*time.Second)
			}
		}},
		hostile{"B11 another base name; two manifests", func(t *testing.T) {
			other := raw{name: "q.mf", data: own + disk}
			for _, read := range []func() *ovf.Package{
				func() *ovf.Package {
					p, _ := takes(t, archive(descriptor, other, diskFile), ovf.CodeManifestName)
					return p
				},
				func() *ovf.Package {
					p, err := ovf.Open(t.Context(), folder(t, descriptor, other, diskFile), ovf.Options{})
					require.NoError(t, err)
					return p
				},
			} {
				p := read()
				require.Equal(t, ovf.ManifestVerified, p.Verification.Manifest)
				require.Contains(t, p.Findings.String(), "q.mf: warning manifest-name")
			}
			refuses(t, ovf.CodeDuplicateMember, archive(descriptor, other, manifestOf(own, disk), diskFile))
			p, err := ovf.Open(t.Context(), folder(t, descriptor, other, manifestOf(own, disk), diskFile), ovf.Options{})
			require.NoError(t, err)
			require.Contains(t, codes(p.Findings.Errors()), ovf.CodeDuplicateMember)
		}},
		hostile{"B12 SHA-1 only", func(t *testing.T) {
			lines := fmt.Sprintf("SHA1(p.ovf)= %x\nSHA1(disk.img)= %x\n", sha1.Sum([]byte(oneDisk)), sha1.Sum([]byte(diskFile.data)))
			p := manifested(t, ovf.ManifestVerified, ovf.CodeWeakDigest, false, lines)
			m, _ := p.Member("disk.img")
			require.Equal(t, disk[len("SHA256(disk.img)= "):len(disk)-1], m.SHA256, "kept under a digest that is not weak")
		}},
		hostile{"B13 nothing in it", func(t *testing.T) {
			for _, text := range []string{"", "\n\n", "\xef\xbb\xbf", " \r\n"} {
				p := manifested(t, ovf.ManifestPartial, ovf.CodeManifestUnlisted, true, text)
				require.Equal(t, []ovf.Code{ovf.CodeManifestUnlisted, ovf.CodeManifestUnlisted}, codes(p.Findings))
			}
		}},
	)
}

// Whatever a manifest looks like, "verified" means that a line names each file
// with its digest.
func FuzzManifest(f *testing.F) {
	own, disk := sha256Line(descriptor), sha256Line(diskFile)
	for _, seed := range []string{own + disk, strings.ReplaceAll(own+disk, "\n", "\r\n"), "\xef\xbb\xbf" + own + strings.ToUpper(disk), own + "SHA1(disk.img)= 00", "MD5(x)= 00\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pkg, _, err := ingest(t, archive(descriptor, raw{name: "p.mf", data: string(data)}, diskFile), ovf.Options{})
		after, _, _ := ingest(t, archive(descriptor, diskFile, raw{name: "p.mf", data: string(data)}), ovf.Options{})
		require.Equal(t, pkg.Verification.Manifest, after.Verification.Manifest, "its place in the archive does not matter")
		if pkg.Verification.Manifest != ovf.ManifestVerified {
			return
		}
		require.NoError(t, err)
		lower := bytes.ToLower(data)
		for _, line := range []string{own, disk} {
			_, digest, _ := strings.Cut(strings.TrimSpace(line), "= ")
			require.Contains(t, string(lower), digest)
		}
		// The same bytes with another disk are not verified.
		other := diskFile
		other.data = "x" + other.data[1:]
		_, _, err = ingest(t, archive(descriptor, raw{name: "p.mf", data: string(data)}, other), ovf.Options{})
		require.Error(t, err)
	})
}
