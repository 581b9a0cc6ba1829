package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/osbcheck"
)

var update = flag.Bool("update", false, "write golden files anew")

// The scripts run this very program, against a broker of their own over the
// simulated cloud. There the credentials are in the environment.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bumpwire": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: *update,
		Setup:         setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":    serveFor,
			"awaited":  awaited,
			"fromfile": fromFile,
		},
		Condition: func(name string) (bool, error) {
			_, err := os.Stat(corpus())
			return name == "corpus" && err == nil, nil
		},
		RequireExplicitExec: true,
	})
}

func corpus() string {
	if dir := os.Getenv("BUMPWIRE_CORPUS"); dir != "" {
		return dir
	}
	dir, _ := filepath.Abs(filepath.Join("..", "..", "..", "shared", "corpus"))
	return dir
}

func setUp(e *testscript.Env) error {
	firewall, err := filepath.Abs(filepath.Join("..", "..", "testdata", "firewall"))
	e.Setenv("FIREWALL", firewall)
	e.Setenv("OPTIMISER", filepath.Join(filepath.Dir(firewall), "optimiser"))
	e.Setenv("CORPUS", corpus())
	for _, name := range []string{"BUMPWIRE_URL", "BUMPWIRE_USER", "BUMPWIRE_PASSWORD", "BUMPWIRE_TOKEN", "BUMPWIRE_ADMIN", "BUMPWIRE_PLATFORM"} {
		e.Setenv(name, "")
	}
	return errors.Join(err, makeSigner(e.WorkDir))
}

// makeSigner leaves a key and its certificate in the script's folder.
func makeSigner(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example Signer"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	return errors.Join(err,
		os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600),
		os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
}

// awaited waits until a file is there, which a program in the background makes.
func awaited(ts *testscript.TestScript, neg bool, args []string) {
	patience := time.After(2 * time.Minute) // on a machine that does much else
	for {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		select {
		case <-patience:
			ts.Fatalf("%s was not made", args[0])
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// fromFile sets a variable to the first line of a file.
func fromFile(ts *testscript.TestScript, neg bool, args []string) {
	line, _, _ := strings.Cut(ts.ReadFile(args[1]), "\n")
	ts.Setenv(args[0], line)
}

// serveFor starts a broker for the script, as the command serve would, and ends it
// with the script. Its data folder is $WORK/data; "serve strict" takes flawless
// packages only.
func serveFor(ts *testscript.TestScript, neg bool, args []string) {
	c := standard()
	c.Server.Listen, c.Server.Data = "127.0.0.1:0", ts.MkAbs("data")
	c.Cloud.Driver, c.Cloud.BootTime = "sim", 0
	c.Metering.Window = time.Second
	c.Packages.Strict = slices.Contains(args, "strict")
	ctx, cancel := context.WithCancel(context.Background())
	r, err := start(ctx, c, slog.New(slog.NewTextHandler(io.Discard, nil)))
	ts.Check(err)
	ts.Defer(func() {
		cancel()
		ts.Check(r.Close())
	})
	accounts := map[string]string{"BUMPWIRE_ADMIN": "admin:let me in please", "BUMPWIRE_PLATFORM": "cf:let me in please"}
	_, err = firstAccounts(ctx, r.accounts, func(name string) string { return accounts[name] })
	ts.Check(err)
	ts.Setenv("BUMPWIRE_URL", r.URL())
	ts.Setenv("BUMPWIRE_USER", "admin")
	ts.Setenv("BUMPWIRE_PASSWORD", "let me in please")
}

func TestCommandReferenceIsFresh(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	reference(&b, newRoot(&cli{out: io.Discard, errs: io.Discard, in: strings.NewReader(""), env: os.Getenv}))
	file := filepath.Join("..", "..", "docs", "cli.md")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "make generate writes it anew")
}

// TestConformanceRowsAreFresh keeps the page that lists the rows of osb check.
func TestConformanceRowsAreFresh(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# The rows of `bumpwire osb check`\n\n" +
		"Made from the code by `make generate`. Field is what the standard leaves open and real platforms\n" +
		"or published checkers insist on; [osb.md](osb.md) says how this broker answers there.\n\n" +
		"| row | since | strength | what is wanted | where |\n|---|---|---|---|---|\n")
	for _, r := range osbcheck.Rows() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.ID, r.Version(), r.Strength, r.Title, r.Section)
	}
	file := filepath.Join("..", "..", "docs", "osb-rows.md")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "make generate writes it anew")
}
