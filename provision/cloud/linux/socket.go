//go:build linux

package linux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// A socket sends and receives whole Ethernet frames on one link, or receives on
// all links of a namespace. It belongs to the namespace it was opened in, and may
// be used from anywhere.
type socket struct {
	fd    int
	index int // of the link; 0: all
}

// openSocket opens a packet socket on a link, or on all with index 0, for the
// frames that pass a filter.
//
// It listens to all protocols and leaves the choice to the filter: a socket for
// one protocol sees neither what leaves nor what a bridge takes.
func openSocket(index int, filter []unix.SockFilter) (*socket, error) {
	// Without a protocol until filter and link are set, lest others' frames slip in.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open a packet socket: %w", err)
	}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: swap16(unix.ETH_P_ALL), Ifindex: index})
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot bind a packet socket: %w", err)
	}
	return &socket{fd: fd, index: index}, nil
}

// onlyARP passes ARP.
func onlyARP() []unix.SockFilter { return only(etherARP) }

// octet is a byte of a frame that must have a value.
type octet struct{ at, value uint32 }

// only passes frames of an EtherType that have all the octets.
func only(etherType uint16, octets ...octet) []unix.SockFilter {
	const loadHalf, loadByte, jumpIfEqual, answer = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS,
		unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	left := uint8(2 * len(octets)) // instructions from here to the first answer
	program := []unix.SockFilter{{Code: loadHalf, K: 12}, {Code: jumpIfEqual, K: uint32(etherType), Jf: left + 1}}
	for _, o := range octets {
		left -= 2
		program = append(program, unix.SockFilter{Code: loadByte, K: o.at}, unix.SockFilter{Code: jumpIfEqual, K: o.value, Jf: left + 1})
	}
	return append(program, unix.SockFilter{Code: answer, K: 1 << 16}, unix.SockFilter{Code: answer, K: 0})
}

func (s *socket) close() { unix.Close(s.fd) }

// send transmits a frame on the link. A link that is down or has nobody at its
// other end swallows it, as a cable would.
func (s *socket) send(frame []byte) error {
	err := unix.Sendto(s.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: s.index})
	if errors.Is(err, unix.ENETDOWN) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.EAGAIN) {
		return nil
	}
	return err
}

// A sighting is a frame seen on a link.
type sighting struct {
	frame []byte // valid until the next one
	index int    // of the link
	out   bool   // leaving through the link rather than coming in
}

// receive hands frames to see until it returns true or the time is up, and says
// which.
func (s *socket) receive(until time.Time, see func(sighting) bool) (bool, error) {
	buf := make([]byte, 2048)
	for {
		n, from, err := unix.Recvfrom(s.fd, buf, unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			if ready, err := s.wait(until); err != nil || !ready {
				return false, err
			}
			continue
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN):
			continue
		case err != nil:
			return false, fmt.Errorf("cannot receive frames: %w", err)
		}
		at, ok := from.(*unix.SockaddrLinklayer)
		if !ok {
			continue
		}
		if see(sighting{buf[:min(n, len(buf))], at.Ifindex, at.Pkttype == unix.PACKET_OUTGOING}) {
			return true, nil
		}
	}
}

func (s *socket) wait(until time.Time) (bool, error) {
	for {
		left := time.Until(until)
		if left <= 0 {
			return false, nil
		}
		ts := unix.NsecToTimespec(int64(left))
		n, err := unix.Ppoll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}, &ts, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return n > 0, err
	}
}

// swap16 puts a number into network order, as packet sockets want protocols.
func swap16(n uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], n)
	return binary.NativeEndian.Uint16(b[:])
}
