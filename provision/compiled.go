package provision

import (
	"encoding/json"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compiledSchemas are the schemas of plans in use, by their text, so never out of
// date. Compiling one costs many times what checking parameters does.
var compiledSchemas = schemaCache{known: map[string]*jsonschema.Schema{}}

// maxSchemas bounds the compiled schemas kept in memory.
const maxSchemas = 1000

type schemaCache struct {
	mu    sync.Mutex
	known map[string]*jsonschema.Schema
}

func (c *schemaCache) get(text json.RawMessage) (*jsonschema.Schema, error) {
	c.mu.Lock()
	known := c.known[string(text)]
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	made, err := compile(text)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxSchemas {
		clear(c.known)
	}
	c.known[string(text)] = made
	return made, nil
}
