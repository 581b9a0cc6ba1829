package ovf_test

import (
	"go/parser"
	"go/token"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// referring is the small package whose file has that href.
func referring(href string) raw {
	return raw{name: "p.ovf", data: strings.Replace(oneDisk, `"disk.img"`, strconv.Quote(href), 1)}
}

func TestHostileReferences(t *testing.T) {
	t.Parallel()
	adversarial(t, "F", 7,
		hostile{"F01 addresses of any kind; nobody is asked", func(t *testing.T) {
			server, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer server.Close()
			var asked atomic.Int64
			go func() {
				for {
					c, err := server.Accept()
					if err != nil {
						return
					}
					asked.Add(1)
					c.Close()
				}
			}()
			for _, href := range []string{
				"http://" + server.Addr().String() + "/disk.img", "HTTP://" + server.Addr().String() + "/x", "http://169.254.169.254/latest/meta-data", "https://localhost:5000/x",
				"ftp://localhost/x", "file:///etc/shadow", `\\localhost\x`, "data:,x", "//localhost/x", "gopher://localhost/x", "javascript:x", "ssh://localhost", "jar:file:///x!/y",
			} {
				r := refuses(t, ovf.CodeHref, archive(referring(href), diskFile))
				require.Contains(t, r.Findings.Errors()[0].Path, "/Envelope/References/File")
				dir := folder(t, referring(href), diskFile)
				p, err := ovf.Open(t.Context(), dir, ovf.Options{})
				require.NoError(t, err)
				require.Contains(t, codes(p.Findings.Errors()), ovf.CodeHref)
				// Alone it is no package: the author hears of it, nothing is opened.
				p, err = ovf.Open(t.Context(), filepath.Join(dir, "p.ovf"), ovf.Options{})
				require.NoError(t, err)
				require.True(t, p.Valid(), p.Findings.String())
				require.Contains(t, codes(p.Findings), ovf.CodeHref)
			}
			require.Zero(t, asked.Load())
			requireNoNetwork(t)
		}},
		hostile{"F02 percent-encoded names are decoded once", func(t *testing.T) {
			for _, href := range []string{"%2e%2e%2fx", "%2E%2E/x", "a%2f..%2f..%2fx", "%2fetc%2fpasswd", "%00", "disk.img%00.vmdk", "a%0ab", "%5c%5chost%5cx", "%e2%80%aex"} {
				refuses(t, ovf.CodeHref, archive(referring(href), diskFile))
			}
			r := refuses(t, ovf.CodeFileMissing, archive(referring("%252e%252e%252fx"), diskFile))
			require.Contains(t, r.Error(), `"%2e%2e%2fx" is not in the package`)
			takes(t, archive(referring("disk%2eimg"), diskFile))
			p, _ := takes(t, archive(referring("disk%20.img"), raw{name: "disk%20.img", data: diskFile.data}))
			require.Equal(t, "disk%20.img", p.Plans()[0].Systems[0].Disks[0].Member, "the name as written goes first")
		}},
		hostile{"F03 glob characters are themselves", func(t *testing.T) {
			for _, href := range []string{"*.img", "disk.*", "[a-z]*.img", "d?sk.img", "{disk,x}.img", "**/disk.img"} {
				refuses(t, ovf.CodeFileMissing, archive(referring(href), diskFile))
				takes(t, archive(referring(href), raw{name: href, data: diskFile.data}))
			}
		}},
		hostile{"F04 the descriptor, manifest or certificate as a disk; two disks on one file", func(t *testing.T) {
			refuses(t, ovf.CodeHref, archive(referring("p.ovf")))
			refuses(t, ovf.CodeHref, archive(referring("./p%2eovf")))
			manifest := func(d raw) raw { return manifestOf(sha256Line(d)) }
			refuses(t, ovf.CodeHref, archive(referring("p.mf"), manifest(referring("p.mf"))))
			d := referring("p.cert")
			refuses(t, ovf.CodeHref, archive(d, manifest(d), signedBy(t, manifest(d).data)))
			twice := raw{name: "p.ovf", data: strings.Replace(oneDisk, "</References>", `<File ovf:id="g" ovf:href="./disk.img"/></References>`, 1)}
			refuses(t, ovf.CodeDuplicateFile, archive(twice, diskFile))
		}},
		hostile{"F05 addresses to be shown are http or https", func(t *testing.T) {
			for href, want := range map[string]string{
				"javascript:alert(1)": "", "data:text/html,x": "", "file:///etc/passwd": "", "//host/x": "", " javascript:x": "", "vbscript:x": "", "https://": "",
				"https://vendor.example/x": "https://vendor.example/x", "http://vendor.example": "http://vendor.example",
			} {
				d := raw{name: "p.ovf", data: strings.Replace(oneDisk, "<VirtualHardwareSection>",
					"<ProductSection><Info/><ProductUrl>"+href+"</ProductUrl><VendorUrl>"+href+"</VendorUrl><AppUrl>"+href+"</AppUrl></ProductSection><VirtualHardwareSection>", 1)}
				p, _, err := ingest(t, archive(d, diskFile), ovf.Options{})
				require.NoError(t, err)
				product := p.Content.Products[0]
				require.Equal(t, [2]string{want, want}, [2]string{product.ProductURL, product.VendorURL}, href)
			}
		}},
		hostile{"F06 icons are files that nobody is served", func(t *testing.T) {
			d := raw{name: "p.ovf", data: strings.Replace(strings.Replace(oneDisk, "</References>", `<File ovf:id="i" ovf:href="icon.svg"/></References>`, 1), "<VirtualHardwareSection>",
				`<ProductSection><Info/><Product>x</Product><Icon ovf:fileRef="i" ovf:mimeType="image/svg+xml" ovf:width="100000" ovf:height="1000"/></ProductSection><VirtualHardwareSection>`, 1)}
			p, _, err := ingest(t, archive(d, diskFile, raw{name: "icon.svg", data: "<svg><script>alert(1)</script></svg>"}), ovf.Options{})
			require.NoError(t, err)
			shown := string(encode(t, p.Inspect()))
			require.NotContains(t, shown, "svg")
			require.NotContains(t, shown, "icon")
		}},
		hostile{"F07 addresses in properties are the guest's", func(t *testing.T) {
			d := raw{name: "p.ovf", data: strings.Replace(oneDisk, "<VirtualHardwareSection>",
				`<ProductSection><Info/><Property ovf:key="seedfrom" ovf:type="string" ovf:value="http://169.254.169.254/" ovf:userConfigurable="true"/></ProductSection><VirtualHardwareSection>`, 1)}
			p, _, err := ingest(t, archive(d, diskFile), ovf.Options{})
			require.NoError(t, err)
			value, _ := p.Properties()[0].Value("default")
			require.Equal(t, "http://169.254.169.254/", value, "kept as it is, and never asked")
		}},
	)
}

// requireNoNetwork checks that the package has no means to ask anybody: it imports
// nothing that opens a connection, resolves a name or runs a program.
func requireNoNetwork(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, i := range file.Imports {
			require.NotContains(t, []string{`"net"`, `"net/http"`, `"os/exec"`, `"syscall"`, `"plugin"`}, i.Path.Value, name)
		}
	}
}
