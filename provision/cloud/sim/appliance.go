package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// serve answers for the appliance at the other end of a connection: GET /health,
// PUT and DELETE of /accounts/USER, and GET /whoami, which wants the login of an
// account. Who makes accounts must show a login, which is not checked: the
// simulated machine does not read its environment.
func (c *Cloud) serve(w http.ResponseWriter, r *http.Request) {
	at, _ := r.Context().Value(applianceKey{}).(address)
	if now, err := c.listener(at.tenant, at.to); err != nil || now != at {
		panic(http.ErrAbortHandler) // a dead machine says nothing, not even an error
	}
	user, account := strings.CutPrefix(r.URL.Path, "/accounts/")
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case r.URL.Path == "/health" && reads:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"ok"}`)
	case r.URL.Path == "/whoami" && reads:
		c.whoami(w, r, at)
	case account && user != "" && (r.Method == http.MethodPut || r.Method == http.MethodDelete):
		c.setAccount(w, r, at, user)
	default:
		http.NotFound(w, r)
	}
}

func (c *Cloud) setAccount(w http.ResponseWriter, r *http.Request, at address, user string) {
	if admin, password, ok := r.BasicAuth(); !ok || admin == "" || password == "" {
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	var body struct {
		Password string `json:"password"`
	}
	if r.Method == http.MethodPut && (json.NewDecoder(io.LimitReader(r.Body, 4096)).Decode(&body) != nil || body.Password == "") {
		http.Error(w, "a password is needed", http.StatusBadRequest)
		return
	}
	err := c.change(func(w *world) error {
		m := w.Tenants[at.tenant].Machines[at.appliance]
		if m == nil {
			panic(http.ErrAbortHandler) // it died meanwhile
		}
		if m.Accounts == nil {
			m.Accounts = map[string]string{}
		}
		delete(m.Accounts, user)
		if r.Method == http.MethodPut {
			m.Accounts[user] = passwordDigest(body.Password)
		}
		return nil
	})
	if err != nil {
		http.Error(w, "not stored", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (c *Cloud) whoami(w http.ResponseWriter, r *http.Request, at address) {
	user, password, _ := r.BasicAuth()
	known := false
	_ = c.view(func(w *world) error { // the listener was there a moment ago; if not, nobody is known
		if m := w.Tenants[at.tenant].Machines[at.appliance]; m != nil {
			digest, ok := m.Accounts[user]
			known = ok && digest == passwordDigest(password)
		}
		return nil
	})
	if !known {
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	_, _ = io.WriteString(w, user)
}

func passwordDigest(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}
