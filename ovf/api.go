package ovf

import (
	"context"
	"errors"
	"io"
)

var errSoon = errors.New("not built in yet")

func Open(ctx context.Context, path string, opts Options) (*Package, error) { return nil, errSoon }

func Ingest(ctx context.Context, r io.Reader, sink Sink, opts Options) (*Package, error) {
	return nil, errSoon
}

func (p *Package) Inspect() Inspection { return Inspection{} }

// ParameterSchema returns the draft-04 JSON schema of the user-configurable
// properties of that configuration.
func (p *Package) ParameterSchema(configuration string) map[string]any { return nil }

// Service returns how the package is inserted into a network and which needed
// facts are missing.
func (p *Package) Service() (NetworkService, []string) { return NetworkService{}, nil }
