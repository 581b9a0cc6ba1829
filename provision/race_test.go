//go:build race

package provision_test

const underRace = true
