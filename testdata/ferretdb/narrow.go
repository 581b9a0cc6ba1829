package main

import (
	"encoding/binary"
	"net"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// narrow makes every filter {_id, more} of an update or a delete one by _id alone,
// having compared the rest: FerretDB goes through the whole collection for any
// other, which MongoDB does not. Nothing can come between, see gate.ask.
func (c *command) narrow(server net.Conn) error {
	if c.array != "updates" && c.array != "deletes" {
		return nil
	}
	for n, item := range c.items {
		filter, err := item.LookupErr("q")
		if err != nil {
			continue
		}
		narrowed, err := c.filter(server, filter.Document())
		if err != nil {
			return err
		}
		if c.items[n], err = replace(item, "q", narrowed); err != nil {
			return err
		}
	}
	return nil
}

// filter is one that finds the same, or nothing, by _id alone.
func (c *command) filter(server net.Conn, filter bson.Raw) (any, error) {
	id, err := filter.LookupErr("_id")
	members, bad := filter.Elements()
	if err != nil || bad != nil || id.Type != bson.TypeString || len(members) == 1 {
		return filter, nil
	}
	stored, err := c.find(server, id)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if stored == nil || !stored.Lookup(m.Key()).Equal(m.Value()) {
			return bson.D{{Key: "_id", Value: primitive.NewObjectID()}}, nil // finds nothing
		}
	}
	return bson.D{{Key: "_id", Value: id}}, nil
}

// find reads a document of the command's collection; nil: there is none.
func (c *command) find(server net.Conn, id bson.RawValue) (bson.Raw, error) {
	body, err := bson.Marshal(bson.D{
		{Key: "find", Value: c.body.Index(0).Value()},
		{Key: "filter", Value: bson.D{{Key: "_id", Value: id}}},
		{Key: "$db", Value: c.body.Lookup("$db")},
	})
	if err != nil {
		return nil, err
	}
	head := make([]byte, 20)
	binary.LittleEndian.PutUint32(head[12:], opMsg)
	reply, err := call(server, command{head: head, body: body}.bytes())
	if err != nil {
		return nil, err
	}
	answer, err := parse(reply)
	if err != nil {
		return nil, err
	}
	batch, err := answer.body.LookupErr("cursor", "firstBatch")
	if err != nil {
		return nil, err
	}
	found, err := batch.Array().Values()
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0].Document(), nil
}

// replace is a document with another value for a member.
func replace(document bson.Raw, key string, value any) (bson.Raw, error) {
	members, err := document.Elements()
	if err != nil {
		return nil, err
	}
	altered := bson.D{}
	for _, m := range members {
		if m.Key() == key {
			altered = append(altered, bson.E{Key: key, Value: value})
			continue
		}
		altered = append(altered, bson.E{Key: m.Key(), Value: m.Value()})
	}
	return bson.Marshal(altered)
}
