// Package osbclient_test takes a broker of its own process through a lifecycle with
// a client that others wrote for the Kubernetes service catalog, in its fork
// github.com/drycc-addons/go-open-service-broker-client: the published original has
// no version that the Go module proxy serves. It speaks OSB 2.14. This is a module
// of its own so that the broker does not depend on it.
package osbclient_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	password = "let me in please"
	tenant   = "acme"
)

// program is the broker built from the repository around this module.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bumpwire")
	build := exec.Command("go", "build", "-o", path, "./cmd/bumpwire")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "GOWORK=off")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// started is the address of a broker over a simulated cloud, with the example
// firewall published and the tenant's networks made.
func started(t *testing.T) string {
	t.Helper()
	bumpwire, data := program(t), filepath.Join(t.TempDir(), "data")
	serve := exec.Command(bumpwire, "serve", "--cloud", "sim", "--listen", "127.0.0.1:0", "--data", data)
	serve.Env = append(os.Environ(), "BUMPWIRE_PLATFORM=k8s:"+password, "BUMPWIRE_ADMIN=admin:"+password, "BUMPWIRE_CLOUD_BOOT_TIME=50ms")
	var log bytes.Buffer
	serve.Stdout, serve.Stderr = &log, &log
	require.NoError(t, serve.Start())
	t.Cleanup(func() {
		require.NoError(t, serve.Process.Signal(os.Interrupt))
		require.NoError(t, serve.Wait(), "%s", &log)
	})
	url := address(t, filepath.Join(data, "listen"))
	run := func(args ...string) {
		cmd := exec.Command(bumpwire, args...)
		cmd.Env = append(os.Environ(), "BUMPWIRE_URL="+url, "BUMPWIRE_USER=admin", "BUMPWIRE_PASSWORD="+password)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%v: %s", args, out)
	}
	ova := filepath.Join(t.TempDir(), "firewall.ova")
	run("package", "build", filepath.Join("..", "firewall"), "--out", ova)
	run("package", "push", ova, "--vendor", "example")
	run("service", "publish", "example-firewall")
	run("network", "create", "lan", "10.1.0.0/24", "--tenant", tenant)
	run("network", "create", "dmz", "10.2.0.0/24", "--tenant", tenant)
	return url
}

// address waits until the broker has written where it listens.
func address(t *testing.T, file string) string {
	t.Helper()
	for limit := time.Now().Add(2 * time.Minute); ; {
		if text, err := os.ReadFile(file); err == nil && strings.HasSuffix(string(text), "\n") {
			return strings.TrimSpace(string(text))
		}
		require.True(t, time.Now().Before(limit), "the broker does not listen")
		<-time.After(10 * time.Millisecond)
	}
}
