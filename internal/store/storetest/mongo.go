package storetest

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/mongostore"
)

// Mongo is an empty back end in MongoDB for a test, closed and dropped at its end.
func Mongo(t testing.TB) store.Driver {
	t.Helper()
	d, err := mongostore.Open(t.Context(), MongoURI(t), "")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// MongoURI names a database of its own for a test, dropped at its end: on the server
// that BUMPWIRE_TEST_MONGODB names, or on one that this process starts and that ends
// with it.
func MongoURI(t testing.TB) string {
	t.Helper()
	server := os.Getenv("BUMPWIRE_TEST_MONGODB")
	if server == "" {
		server = sharedServer(t)
	}
	at, err := url.Parse(server)
	require.NoError(t, err, "BUMPWIRE_TEST_MONGODB")
	at.Path = "/test_" + strings.ToLower(rand.Text()[:16])
	t.Cleanup(func() { drop(t, at.String()) })
	return at.String()
}

func drop(t testing.TB, uri string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	require.NoError(t, err)
	defer client.Disconnect(ctx) //nolint:errcheck // the database is what matters
	_, name, _ := strings.Cut(uri, "/test_")
	name, _, _ = strings.Cut(name, "?")
	require.NoError(t, client.Database("test_"+name).Drop(ctx))
}

// Server is a server of MongoDB's protocol that a test starts for itself, to end it
// and to start it again.
type Server struct {
	URI string

	program, dir string
	process      *exec.Cmd
	life         io.Closer // the server ends when this is closed, or this process dies
}

// NewServer starts a server with an empty folder; it ends with the test.
func NewServer(t testing.TB) *Server {
	t.Helper()
	s := &Server{program: serverProgram(t), dir: t.TempDir()}
	s.Start(t)
	t.Cleanup(s.Stop)
	return s
}

// Start starts it, with what it had, where it was.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	listen := "127.0.0.1:0"
	if s.URI != "" {
		listen = strings.Trim(strings.TrimPrefix(s.URI, "mongodb:"), "/")
	}
	require.NoError(t, s.start("-dir", s.dir, "-listen", listen))
}

// Stop ends it as a power cut would.
func (s *Server) Stop() {
	_ = s.process.Process.Kill() // it may be dead already
	_ = s.process.Wait()         // of course it was killed
	_ = s.life.Close()
}

func (s *Server) start(args ...string) error {
	s.process = exec.Command(s.program, args...)
	var errs strings.Builder
	s.process.Stderr = &errs
	life, err := s.process.StdinPipe()
	if err != nil {
		return err
	}
	s.life = life
	out, err := s.process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.process.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the MongoDB server for tests did not start: %w: %s", errors.Join(err, s.process.Wait()), &errs)
	}
	s.URI = strings.TrimSpace(line)
	return nil
}

// shared is the server of all tests of this process.
var shared struct {
	sync.Mutex
	Server
}

func sharedServer(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.URI == "" {
		shared.program = serverProgram(t)
		require.NoError(t, shared.start())
	}
	return shared.URI
}

// serverProgram is testdata/ferretdb, built once for each state of its sources. It
// is a module of its own, so that nothing of it is in ours.
func serverProgram(t testing.TB) string {
	t.Helper()
	root := moduleRoot(t)
	sources := filepath.Join(root, "testdata", "ferretdb")
	program := filepath.Join(root, "build", "ferretdb-"+digest(t, sources))
	require.NoError(t, os.MkdirAll(filepath.Dir(program), 0o755))
	turn, err := os.OpenFile(filepath.Join(root, "build", "ferretdb.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	require.NoError(t, err)
	defer turn.Close()
	require.NoError(t, syscall.Flock(int(turn.Fd()), syscall.LOCK_EX)) // tests of many packages run at once
	if _, err := os.Stat(program); err == nil {
		return program
	}
	t.Log("building testdata/ferretdb, which takes about two minutes the first time")
	build := exec.Command("go", "build", "-trimpath", "-o", program+".partial", ".")
	build.Dir = sources
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.Rename(program+".partial", program))
	return program
}

// moduleRoot is the folder of this module, seen from a test of any of its packages.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "testdata", "ferretdb", "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		require.NotEqual(t, dir, up, "testdata/ferretdb is not found")
		dir = up
	}
}

func digest(t testing.TB, dir string) string {
	t.Helper()
	sum := sha256.New()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		fmt.Fprintf(sum, "%s %d\n%s", e.Name(), len(text), text)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:6])
}
