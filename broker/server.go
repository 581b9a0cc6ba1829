package broker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Cloud is what people are told of the cloud, or of all regions.
type Cloud interface {
	Name() string
	Check(ctx context.Context) []cloud.Problem
}

// Config is what a Server works with. All but the last group are required.
type Config struct {
	Provision *provision.Service
	Catalog   *catalog.Catalog
	Meter     *metering.Meter
	Engine    *work.Engine
	Cloud     Cloud
	Store     *store.Store
	Accounts  *Accounts
	Log       *slog.Logger

	Version string // of the program, for people
	// Rounds is how many rounds of probes have ended and how long the latest took, for
	// metrics. Nil: nobody probes.
	Rounds func() (ended int, latest time.Duration)
	// MissingVersion is the status of an OSB request without a version header:
	// 412, which conformance checkers want, or 400, which the standard's text
	// allows. Zero means 412.
	MissingVersion int
	// PollingLimit is how long a platform should poll before it gives an operation
	// up (maximum_polling_duration). Zero means one hour.
	PollingLimit time.Duration
	// RetryAfter is how long a platform should wait between two polls, rounded up
	// to seconds. Zero means one second.
	RetryAfter time.Duration
	// StrictOperation refuses polls that name another operation than the latest with
	// 400. Published checkers make operations up, so it is off unless asked for.
	StrictOperation bool
	// Issuer is who issues invoices, as exports of bills name it. Empty means "Operator".
	Issuer string
	// Tokens are another identity service's, which users may show in place of a password,
	// and TokenRoles what they make of their users. Nil: there is none.
	Tokens     Tokens
	TokenRoles TokenRoles
	// Patience is how long a client may take over a JSON body, or over one piece of
	// an upload. Zero means 30 seconds.
	Patience time.Duration
}

// Server answers the requests of platforms, users and machines. Its methods may
// be called at the same time.
type Server struct {
	Config
	router  *mux.Router
	rows    []route
	catalog renderedCatalog
	metrics metrics
	origins *http.CrossOriginProtection

	draining atomic.Bool
}

// New makes a Server.
func New(c Config) (*Server, error) {
	if c.Provision == nil || c.Catalog == nil || c.Meter == nil || c.Engine == nil || c.Cloud == nil ||
		c.Store == nil || c.Accounts == nil || c.Log == nil {
		return nil, errors.New("a broker needs provision, catalog, meter, engine, cloud, store, accounts and log")
	}
	if c.MissingVersion == 0 {
		c.MissingVersion = http.StatusPreconditionFailed
	}
	if c.PollingLimit == 0 {
		c.PollingLimit = time.Hour
	}
	if c.RetryAfter == 0 {
		c.RetryAfter = time.Second
	}
	if c.Patience == 0 {
		c.Patience = 30 * time.Second
	}
	s := &Server{Config: c, metrics: newMetrics(c), origins: http.NewCrossOriginProtection()}
	s.catalog.began = time.Now()
	s.rows = s.routes()
	s.router = s.newRouter()
	return s, nil
}

// newRouter routes on the escaped path, so that ids may hold slashes and dots. Rows
// of one path share a route, because a request is compared with one after another.
func (s *Server) newRouter() *mux.Router {
	r := mux.NewRouter().UseEncodedPath().SkipClean(true)
	paths := map[string]methods{}
	for _, row := range s.rows {
		m, known := paths[row.path]
		if !known {
			m = methods{"": s.handle(wrongMethod())}
			paths[row.path] = m
		}
		m[row.method] = s.handle(row)
	}
	for _, path := range slices.SortedFunc(maps.Keys(paths), earlier) {
		r.Handle(path, paths[path])
	}
	r.NotFoundHandler = s.handle(unknownRoute())
	return r
}

// earlier orders paths as they are tried; the first that matches is taken. The OSB API
// comes first, because platforms ask most: /v2 before /v1. Then a word comes before a
// variable in its place, because a brace sorts after all letters.
func earlier(a, b string) int {
	tree := func(path string) string { return path[:min(len("/v2/"), len(path))] }
	return cmp.Or(cmp.Compare(tree(b), tree(a)), cmp.Compare(a, b))
}

// methods are the handlers of one path; "" is for methods that it does not have.
type methods map[string]http.Handler

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, ok := m[r.Method]
	if !ok {
		h = m[""]
	}
	h.ServeHTTP(w, r)
}

// Handler serves everything. It protects browsers' users from forged requests of
// other origins and a whole process from one request's panic.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := s.begin(w, r)
		defer t.end()
		s.router.ServeHTTP(t, r)
	})
}

// HTTPServer is an http.Server with this handler whose timeouts drop slow clients.
// Bodies have a time limit of their own that moves while bytes arrive.
func (s *Server) HTTPServer() *http.Server {
	return &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: min(10*time.Second, s.Patience),
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
}
