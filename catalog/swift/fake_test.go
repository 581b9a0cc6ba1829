package swift

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// fakeSwift is an object store with one account: containers, objects, MD5 sums,
// static large objects as manifests that name others, ranges, listings in pages. It
// refuses a manifest whose segments are not there as it says.
type fakeSwift struct {
	mu      sync.Mutex
	objects map[string]fakeObject // by container/name
	now     func() time.Time
	page    int

	// fail may answer a call in the store's place, before its effect or after; 0: it does not.
	before, after func(*http.Request) int
	// cut ends the body of a download after so many bytes; 0: it does not.
	cut func(*http.Request) int
}

type fakeObject struct {
	data     []byte
	etag     string
	modified time.Time
	segments []segment // of a static large object
}

func newFake(t *testing.T) (*fakeSwift, *gophercloud.ServiceClient) {
	f := &fakeSwift{
		objects: map[string]fakeObject{}, now: time.Now, page: 3,
		before: func(*http.Request) int { return 0 }, after: func(*http.Request) int { return 0 }, cut: func(*http.Request) int { return 0 },
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, &gophercloud.ServiceClient{ProviderClient: &gophercloud.ProviderClient{}, Endpoint: server.URL + "/v1/AUTH_x/"}
}

// names are all objects.
func (f *fakeSwift) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := []string{}
	for name := range f.objects {
		if !strings.HasSuffix(name, "/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (f *fakeSwift) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if status := f.before(r); status != 0 {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/v1/AUTH_x/")
	if status := f.after(r); status != 0 {
		f.serve(httptest.NewRecorder(), r, path)
		w.WriteHeader(status)
		return
	}
	f.serve(w, r, path)
}

func (f *fakeSwift) serve(w http.ResponseWriter, r *http.Request, path string) {
	container, object, inside := strings.Cut(path, "/")
	_, known := f.objects[container+"/"]
	switch {
	case !inside && r.Method == http.MethodPut:
		f.objects[container+"/"] = fakeObject{}
		w.WriteHeader(http.StatusCreated)
	case !known:
		w.WriteHeader(http.StatusNotFound)
	case !inside && r.Method == http.MethodGet:
		f.list(w, r, container)
	case inside && r.Method == http.MethodPut:
		w.WriteHeader(f.put(r, path))
	case inside && r.Method == http.MethodDelete:
		status := http.StatusNoContent
		if _, ok := f.objects[path]; !ok {
			status = http.StatusNotFound
		}
		delete(f.objects, path)
		w.WriteHeader(status)
	case inside && object != "":
		f.get(w, r, path)
	default:
		panic("a call that this store does not make: " + r.Method + " " + r.URL.String())
	}
}

func (f *fakeSwift) put(r *http.Request, path string) int {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return 499
	}
	o := fakeObject{data: data, modified: f.now()}
	if r.URL.Query().Get("multipart-manifest") == "put" {
		if json.Unmarshal(data, &o.segments) != nil || len(o.segments) == 0 || len(o.segments) > maxSegments {
			return http.StatusBadRequest
		}
		sums := ""
		for _, s := range o.segments {
			there, ok := f.objects[strings.TrimPrefix(s.Path, "/")]
			if !ok || there.etag != s.ETag || int64(len(there.data)) != s.Size || s.Size == 0 {
				return http.StatusBadRequest
			}
			sums += s.ETag
		}
		data = []byte(sums)
	}
	o.etag = fmt.Sprintf("%x", md5.Sum(data))
	if want := r.Header.Get("ETag"); want != "" && want != o.etag {
		return http.StatusUnprocessableEntity
	}
	f.objects[path] = o
	return http.StatusCreated
}

func (f *fakeSwift) get(w http.ResponseWriter, r *http.Request, path string) {
	o, ok := f.objects[path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	data := o.data
	if len(o.segments) > 0 {
		w.Header().Set("X-Static-Large-Object", "True")
		data = nil
		rows := []map[string]any{}
		for _, s := range o.segments {
			there, ok := f.objects[strings.TrimPrefix(s.Path, "/")]
			if !ok && r.Method == http.MethodGet && r.URL.Query().Get("multipart-manifest") == "" {
				w.WriteHeader(http.StatusConflict)
				return
			}
			data = append(data, there.data...)
			rows = append(rows, map[string]any{"name": s.Path, "bytes": s.Size, "hash": s.ETag})
		}
		if r.URL.Query().Get("multipart-manifest") == "get" {
			data, _ = json.Marshal(rows)
		}
	}
	w.Header().Set("Etag", o.etag)
	status, from := http.StatusOK, 0
	if n, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		from, _ = strconv.Atoi(strings.TrimSuffix(n, "-"))
		status = http.StatusPartialContent
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(data)-from))
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	if n := f.cut(r); n > 0 && from+n < len(data) {
		data = data[:from+n]
	}
	_, _ = w.Write(data[from:])
}

func (f *fakeSwift) list(w http.ResponseWriter, r *http.Request, container string) {
	q := r.URL.Query()
	rows := []map[string]any{}
	for path, o := range f.objects {
		name := strings.TrimPrefix(path, container+"/")
		if name == path || name == "" || !strings.HasPrefix(name, q.Get("prefix")) || name <= q.Get("marker") {
			continue
		}
		rows = append(rows, map[string]any{
			"name": name, "bytes": len(o.data), "hash": hex.EncodeToString([]byte(o.etag)), "last_modified": o.modified.UTC().Format("2006-01-02T15:04:05.000000"),
		})
	}
	slices.SortFunc(rows, func(a, b map[string]any) int { return cmp.Compare(a["name"].(string), b["name"].(string)) })
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(rows[:min(len(rows), f.page)])
}
