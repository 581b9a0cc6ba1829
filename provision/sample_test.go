package provision_test

import "hash/fnv"

// every is how many cases there are for each one that is tried under the race
// detector, which makes each cost ten times as much and has seen all there is to see
// after some of them. `make test` also runs this package without it, and then all.
const every = 8

// skips says whether a case of a large table is left out.
func skips(name string) bool {
	h := fnv.New32a()
	h.Write([]byte(name))
	return underRace && h.Sum32()%every != 0
}
