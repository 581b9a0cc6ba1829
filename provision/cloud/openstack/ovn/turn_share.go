package ovn

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
)

// Policies look at each packet alone, so which member a flow passes has to follow from
// what packets of both directions say: the local host's address, of which the lowest
// bits choose one of so many buckets.
const (
	bucketBits = 6
	buckets    = 1 << bucketBits
)

// share deals the buckets out to members: each goes to the one that draws highest for it,
// so that when a member goes only its buckets change hands, and one that comes takes
// only what it gets.
func share(members []Member) [][]int {
	shares := make([][]int, len(members))
	for b := range buckets {
		best, most := 0, uint64(0)
		for i, m := range members {
			if d := draw(m.ID, b); d > most || i == 0 || d == most && m.ID < members[best].ID {
				best, most = i, d
			}
		}
		if len(members) > 0 {
			shares[best] = append(shares[best], b)
		}
	}
	return shares
}

func draw(member string, bucket int) uint64 {
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s\x00%d", member, bucket)))
	return binary.BigEndian.Uint64(sum[:])
}

// within narrows a match to packets with one of some buckets in an address.
func within(match, field string, of []int) string {
	if len(of) == buckets {
		return match
	}
	list := make([]string, len(of))
	for i, b := range of {
		list[i] = fmt.Sprint(b)
	}
	return fmt.Sprintf("%s && %s[0..%d] == {%s}", match, field, bucketBits-1, strings.Join(list, ", "))
}
