package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"go.mongodb.org/mongo-driver/bson"
)

// readMessage reads a whole one: its first four bytes say how long it is.
func readMessage(from io.Reader) ([]byte, error) {
	const largest = 48 << 20
	head := make([]byte, 4)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(head)
	if size < 16 || size > largest {
		return nil, errors.New("this is no message")
	}
	whole := make([]byte, size)
	copy(whole, head)
	_, err := io.ReadFull(from, whole[4:])
	return whole, err
}

// command is an OP_MSG: a document, and documents that would be an array in it but
// for their size.
type command struct {
	head  []byte // header and flags
	body  bson.Raw
	array string // the name of items; "": none
	items []bson.Raw
}

const opMsg = 2013

var errUnread = errors.New("this is no OP_MSG that the gate understands")

func parse(m []byte) (c command, err error) {
	const head = 16 + 4
	if len(m) < head || binary.LittleEndian.Uint32(m[12:]) != opMsg || binary.LittleEndian.Uint32(m[16:]) != 0 {
		return c, errUnread
	}
	c.head = m[:head]
	for rest := m[head:]; len(rest) > 5; {
		size := int(binary.LittleEndian.Uint32(rest[1:]))
		if size < 5 || size > len(rest)-1 {
			return c, errUnread
		}
		section := rest[1 : 1+size]
		switch rest[0] {
		case 0:
			c.body = section
		case 1:
			name, documents, _ := bytes.Cut(section[4:], []byte{0})
			c.array = string(name)
			if c.items, err = split(documents); err != nil {
				return c, err
			}
		}
		rest = rest[1+size:]
	}
	return c, c.body.Validate()
}

func split(documents []byte) (items []bson.Raw, err error) {
	for len(documents) > 4 {
		size := int(binary.LittleEndian.Uint32(documents))
		if size < 5 || size > len(documents) {
			return nil, errUnread
		}
		items, documents = append(items, documents[:size]), documents[size:]
	}
	return items, nil
}

func (c command) bytes() []byte {
	m := append(append(bytes.Clone(c.head), 0), c.body...)
	if c.array != "" {
		documents := bytes.Join(items(c.items), nil)
		m = binary.LittleEndian.AppendUint32(append(m, 1), uint32(4+len(c.array)+1+len(documents)))
		m = append(append(append(m, c.array...), 0), documents...)
	}
	binary.LittleEndian.PutUint32(m, uint32(len(m)))
	return m
}

func items(documents []bson.Raw) (all [][]byte) {
	for _, d := range documents {
		all = append(all, d)
	}
	return all
}

// name is what the command does: the name of its first member.
func (c command) name() string { return c.body.Index(0).Key() }

func (c command) writes() bool {
	switch c.name() {
	case "insert", "update", "delete", "findAndModify", "createIndexes", "create":
		return true
	}
	return false
}
