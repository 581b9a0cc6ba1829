package main

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A broker that is told to stop says that it is not ready, serves what comes all the
// same, and is gone after the time that it was given.
func TestABrokerThatStopsIsDrainedFirst(t *testing.T) {
	t.Setenv("BUMPWIRE_SERVER_DRAIN", "5s")
	b := newBrokers(t, 1, "")
	p := b.live[0]
	status := func(path string) int {
		resp, err := http.Get(p.url + path)
		if err != nil {
			return 0
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	require.Equal(t, http.StatusOK, status("/readyz"))

	told := time.Now()
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	require.Eventually(t, func() bool { return status("/readyz") == http.StatusServiceUnavailable }, time.Minute, time.Millisecond)
	require.Equal(t, http.StatusOK, status("/healthz"))
	<-p.ended
	require.GreaterOrEqual(t, time.Since(told), 5*time.Second)
	require.Zero(t, status("/healthz"))
}
