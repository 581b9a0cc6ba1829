package main

import (
	"net"
	"sync"
)

// gate passes the messages of clients on to the server: those that write one at a
// time, and with filters that the server needs not search for.
type gate struct {
	server string // its socket

	writing sync.Mutex
}

func (g *gate) serve(door net.Listener) {
	for {
		client, err := door.Accept()
		if err != nil {
			return
		}
		go g.pass(client)
	}
}

// pass serves one client until either side ends the connection.
func (g *gate) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", g.server)
	if err != nil {
		return
	}
	defer server.Close()
	for {
		request, err := readMessage(client)
		if err != nil {
			return
		}
		reply, err := g.ask(server, request)
		if err != nil {
			return
		}
		if _, err := client.Write(reply); err != nil {
			return
		}
	}
}

func (g *gate) ask(server net.Conn, request []byte) ([]byte, error) {
	command, err := parse(request)
	if err != nil || !command.writes() {
		return call(server, request) // what cannot be read is the server's to refuse
	}
	g.writing.Lock()
	defer g.writing.Unlock()
	if err := command.narrow(server); err != nil {
		return nil, err
	}
	return call(server, command.bytes())
}

func call(server net.Conn, request []byte) ([]byte, error) {
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	return readMessage(server)
}
