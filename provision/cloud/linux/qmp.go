//go:build linux

package linux

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

const qmpPatience = 2 * time.Second

// qmpRun runs one command of QEMU's machine protocol over a control socket.
func qmpRun(ctx context.Context, socket, command string, arguments, result any) error {
	// By the folder's descriptor, as its path may be longer than a socket's may be.
	dir, err := os.Open(filepath.Dir(socket))
	if err != nil {
		return err
	}
	defer dir.Close()
	ctx, cancel := context.WithTimeout(ctx, qmpPatience)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(socket)))
	if err != nil {
		return fmt.Errorf("cannot reach the guest's control socket: %w", err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	m := qmp{conn, json.NewDecoder(io.LimitReader(conn, 4<<20))}
	if err := m.call("qmp_capabilities", nil, nil); err != nil {
		return err
	}
	return m.call(command, arguments, result)
}

type qmp struct {
	conn net.Conn
	in   *json.Decoder
}

func (m qmp) call(command string, arguments, result any) error {
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := json.NewEncoder(m.conn).Encode(request); err != nil {
		return fmt.Errorf("cannot send %q to the guest's control: %w", command, err)
	}
	for {
		// The greeting and events come between, and have neither member.
		var answer struct {
			Return json.RawMessage `json:"return"`
			Error  *struct {
				Desc string `json:"desc"`
			} `json:"error"`
		}
		if err := m.in.Decode(&answer); err != nil {
			return fmt.Errorf("no answer to %q from the guest's control: %w", command, err)
		}
		switch {
		case answer.Error != nil:
			return fmt.Errorf("the guest's control refused %q: %s", command, answer.Error.Desc)
		case answer.Return != nil && result != nil:
			return json.Unmarshal(answer.Return, result)
		case answer.Return != nil:
			return nil
		}
	}
}

// Console is what an appliance printed on its serial console since it was last
// asked, at most the last 256 KiB; it is the appliance's text and may hold
// anything. NotFound when the appliance does not run.
func (c *Cloud) Console(ctx context.Context, tenant topology.TenantID, id topology.ApplianceID) (text string, err error) {
	q, ok := c.machines.(*qemu)
	if !ok {
		return "", errors.ErrUnsupported
	}
	m := machine{tenant, topology.Appliance{ID: id}}
	if _, ok, err := q.running(m); err != nil || !ok {
		return "", errors.Join(err, fault.New(fault.NotFound, "appliance %q does not run", id))
	}
	err = qmpRun(ctx, filepath.Join(q.guestDir(m), "qmp"), "ringbuf-read",
		map[string]any{"device": "console", "size": consoleBytes}, &text)
	return text, err
}
