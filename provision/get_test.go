package provision

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOnlyATwoHundredIsGoodAndAnApplianceIsNotQuoted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ answer, want string }{
		"ok":         {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ""},
		"no content": {"HTTP/1.1 204 No Content\r\n\r\n", ""},
		"closed":     {"HTTP/1.1 503 <b>Closed</b>\r\nContent-Length: 4\r\n\r\nevil", "the health endpoint answers with status 503"},
		"moved":      {"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", "the health endpoint answers with status 302"},
		"no HTTP":    {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "the health endpoint gives no answer"},
		"silence":    {"", "the health endpoint gives no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			near, far := net.Pipe()
			go func() {
				buf := make([]byte, 1024)
				_, _ = far.Read(buf)
				_, _ = far.Write([]byte(c.answer))
				far.Close()
			}()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			require.Equal(t, c.want, get(ctx, near, netip.MustParseAddrPort("192.0.2.1:8080"), "/health"))
		})
	}
}
