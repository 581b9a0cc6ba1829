package seal

import "log/slog"

// Secret is a text that no print, log or JSON shows; string(s) is the text.
type Secret string

const hidden = "[hidden]"

// String implements fmt.Stringer.
func (Secret) String() string { return hidden }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return hidden }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the text in JSON and YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
