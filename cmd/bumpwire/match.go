package main

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// steering are the flags that say how a service gets at the traffic, and what happens
// when it fails.
type steering struct {
	mode, match           string
	members               int
	failure, availability string
}

func (w *steering) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.mode, "mode", "", "in-path, or redirect: the gateway sends the service the flows that match")
	matchFlag(cmd, &w.match)
	failureFlag(cmd, &w.failure)
	f.StringVar(&w.availability, "availability", "", "what is done about an appliance that fails: none, respin (it is booted anew), or standby (a second one takes over)")
	f.IntVar(&w.members, "members", 0, "how many appliances share redirected flows; 0: as many as the package allows")
}

func failureFlag(cmd *cobra.Command, failure *string) {
	cmd.Flags().StringVar(failure, "failure", "", "what becomes of the traffic when the service fails: closed (it stops) or open (it gets past this service)")
}

func matchFlag(cmd *cobra.Command, match *string) {
	cmd.Flags().StringVar(match, "match", "", "which flows are redirected, for instance 'outbound tcp 80,443,8000-8010', 'udp 53 with 203.0.113.0/24', 'of 10.0.0.5 marked 46', 'everything'; or JSON")
}

// add lays what the flags say over parameters.
func (w *steering) add(p map[string]any) error {
	if w.mode != "" {
		p["mode"] = w.mode
	}
	if w.members != 0 {
		p["members"] = w.members
	}
	if w.failure != "" {
		p["failure"] = w.failure
	}
	if w.availability != "" {
		p["availability"] = w.availability
	}
	if w.match == "" {
		return nil
	}
	match, err := readMatch(w.match)
	p["match"] = match
	return err
}

// readMatch is a classifier out of the words that describe one: a direction,
// protocols, destination ports; behind "of" the addresses of hosts, behind "with"
// whom they talk to, behind "marked" DSCP values. It is how "instance show" puts
// it. Whether all that makes sense is the broker's to say.
func readMatch(text string) (map[string]any, error) {
	match := map[string]any{}
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&match); err != nil || d.More() {
			return nil, fault.New(fault.Invalid, "--match is not valid JSON")
		}
		return match, nil
	}
	add := func(key string, v any) {
		list, _ := match[key].([]any)
		match[key] = append(list, v)
	}
	about := "ports"
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		key, introduces := map[string]string{"port": "ports", "ports": "ports", "of": "local", "with": "remote", "marked": "dscp"}[word]
		switch {
		case introduces:
			about = key
		case word == "everything":
		case word == "outbound" || word == "inbound":
			if match["direction"] != nil {
				return nil, fault.New(fault.Invalid, "--match: say outbound or inbound, or neither for both")
			}
			match["direction"] = word
		case about == "local" || about == "remote":
			add(about, word)
		case isRange(word):
			add(about, number(word))
		default:
			add("protocols", word)
		}
	}
	return match, nil
}

// isRange says whether a word begins as a number does.
func isRange(word string) bool { return word[0] >= '0' && word[0] <= '9' }

// number is a number, or the word if it is none.
func number(word string) any {
	if n, err := strconv.Atoi(word); err == nil {
		return n
	}
	return word
}
