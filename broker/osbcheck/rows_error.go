package osbcheck

import (
	"regexp"

	"github.com/bumpwire/bumpwire/broker/api"
)

// errorRows are spec.md "Service Broker Errors".
func errorRows() []Row {
	return []Row{
		{"R-ERR-1", "the body of an error is a JSON object", "Service Broker Errors", 13, Must, needs(offered), errorObjects},
		{"R-ERR-2", "error, where there is one, is a single CamelCase word", "Service Broker Errors", 13, Must, needs(offered), errorWords},
		{"R-ERR-3", "description, where there is one, is a sentence and not empty", "Service Broker Errors", 13, Must, needs(offered), errorSentences},
		{"R-ERR-4", "instance_usable and update_repeatable are absent where nothing was updated or removed", "Service Broker Errors", 16, Must, needs(offered), errorFlags},
		{"R-ERR-5", "the standard's errors have the standard's descriptions, which clients compare with", "Service Broker Errors", 13, Field, needs(onlyAsynchronous), errorTexts},
	}
}

// refusals are answers to requests that must be refused, none of them an update or
// a removal of anything.
func refusals(t *trial) []reply {
	i := t.fresh()
	b := i.binding()
	return []reply{
		i.put(async, "{"), i.put(async, with(i.order, "service_id", nil)), i.put(async, with(i.order, "plan_id", "no-such-plan")),
		i.get(), i.poll(""), i.delete(async), b.put(async), b.get(), b.delete(async),
	}
}

// refusedOnly are the refusals among answers.
func refusedOnly(replies []reply) (list []reply) {
	for _, r := range replies {
		if r.Status >= 400 {
			list = append(list, r)
		}
	}
	return list
}

func errorObjects(t *trial) {
	for _, r := range refusedOnly(refusals(t)) {
		t.that(r.body != nil, r, "a JSON object as the body")
	}
}

var camelCase = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)

func errorWords(t *trial) {
	for _, r := range refusedOnly(refusals(t)) {
		v, there := r.body["error"]
		word, ok := v.(string)
		t.that(!there || ok && camelCase.MatchString(word), r, "error to be one CamelCase word, not %v", v)
	}
}

func errorSentences(t *trial) {
	for _, r := range refusedOnly(refusals(t)) {
		v, there := r.body["description"]
		sentence, ok := v.(string)
		t.that(!there || ok && sentence != "", r, "description to be a text that is not empty, not %v", v)
	}
}

func errorFlags(t *trial) {
	for _, r := range refusedOnly(refusals(t)) {
		_, usable := r.body["instance_usable"]
		_, repeatable := r.body["update_repeatable"]
		t.that(!usable && !repeatable, r, "neither instance_usable nor update_repeatable")
	}
}

// The descriptions of spec.md, which the Kubernetes client compares with.
var errorDescriptions = map[string]string{
	api.AsyncRequired:    "This service plan requires client support for asynchronous service operations.",
	api.ConcurrencyError: "The Service Broker does not support concurrent requests that mutate the same resource.",
	api.RequiresApp:      "This service supports generation of credentials through binding an application only.",
}

func errorTexts(t *trial) {
	i := t.fresh()
	replies := []reply{i.put(now)}
	if first := i.put(async); first.Status == 202 {
		replies = append(replies, i.patch(async, object{"service_id": i.order["service_id"]}), i.binding().put(async))
	}
	for _, r := range refusedOnly(replies) {
		if want := errorDescriptions[r.text("error")]; want != "" {
			t.that(r.text("description") == want, r, "the description %q", want)
		}
	}
}
