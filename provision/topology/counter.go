package topology

// Traffic is a number of packets with their bytes, headers of layer 2 included.
type Traffic struct {
	Bytes   uint64 `json:"bytes"`
	Packets uint64 `json:"packets"`
}

// Counter is what has passed a leg of an appliance since the cloud began to count.
type Counter struct {
	Port PortID  `json:"port"`
	Role LegRole `json:"role"`
	// Series is another one whenever the count has begun anew from nothing, as after the machine that
	// counts was started. Where a cloud cannot tell, it is always the same.
	Series string `json:"series,omitempty"`
	// Width is after how many bits the count wraps, for clouds that can tell series; 0 is never.
	Width int `json:"width,omitempty"`

	Received Traffic `json:"received"` // by the appliance
	Sent     Traffic `json:"sent"`
}

// Since is what has passed from an earlier reading of the same leg on; never more than
// that: where the count was lost in between, what it has by now.
func (c Counter) Since(before Counter) (received, sent Traffic) {
	if c.Series != before.Series {
		return c.Received, c.Sent
	}
	return c.Received.since(before.Received, c.Width), c.Sent.since(before.Sent, c.Width)
}

func (t Traffic) since(before Traffic, width int) Traffic {
	return Traffic{grown(before.Bytes, t.Bytes, width), grown(before.Packets, t.Packets, width)}
}

// grown is how much a count has grown. One that is less has wrapped, or has begun anew.
func grown(before, now uint64, width int) uint64 {
	switch {
	case now >= before:
		return now - before
	case width > 0 && width < 64 && before < 1<<width:
		return now + 1<<width - before
	}
	return now
}

// And is the sum of both.
func (t Traffic) And(o Traffic) Traffic { return Traffic{t.Bytes + o.Bytes, t.Packets + o.Packets} }
