package openstack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// complaint is what a service says is wrong.
type complaint struct {
	name string // Neutron's name of the exception; empty with the other services
	text string
}

// complaintOf reads an error's body: {"NeutronError": {"type": …, "message": …}},
// {"badRequest": {"message": …}}, {"error": {"message": …}}, {"message": …}. Pages for
// browsers say nothing.
func complaintOf(body []byte) complaint {
	var parts map[string]json.RawMessage
	if json.Unmarshal(body, &parts) != nil {
		return complaint{}
	}
	for key, raw := range parts {
		var inner struct{ Type, Message string }
		var plain string
		switch {
		case json.Unmarshal(raw, &inner) == nil && inner.Message != "":
			return complaint{inner.Type, clean(inner.Message)}
		case key == "message" && json.Unmarshal(raw, &plain) == nil:
			return complaint{text: clean(plain)}
		}
	}
	return complaint{}
}

// A phrase is what one complaint means to people who do not operate the cloud. Of the
// complaint only numbers, and names from a list, are repeated: ids, addresses and other
// words of a service's are for the log.
type phrase struct {
	names []string       // Neutron's exceptions
	text  *regexp.Regexp // or what the others say
	kind  fault.Kind     // empty: as the status has it
	says  string         // with $1 and so on for what the text holds
}

func saying(text string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + text) }

// phrases are tried in their order.
var phrases = []phrase{
	{names: []string{"RouterInterfaceInUseByFloatingIP"}, says: "hosts behind the gateway have floating IPs; take them off, and put them back after"},
	{names: []string{"RouterInterfaceInUseByRoute"}, says: "a route of the gateway goes by way of this network; take it off, and put it back after"},
	{names: []string{"RouterInUse", "SubnetInUseByVPNService", "SubnetInUseByEndpointGroup", "RouterInterfaceInUseByNDPProxy"}, says: "another service of the cloud (a load balancer, VPN, firewall, proxy or chain) leans on the gateway's port"},
	{names: []string{"ExternalGatewayForFloatingIPNotFound"}, says: "no gateway joins the floating IP's network to this one"},
	{names: []string{"IpAddressGenerationFailure", "IpAddressGenerationFailureAllSubnets", "IpAddressGenerationFailureNoMatchingSubnet"}, kind: fault.Full, says: "the network has no free address left"},
	{names: []string{"IpAddressAlreadyAllocated", "IpAddressInUse"}, says: "another port of the network has the address"},
	{names: []string{"MacAddressInUse"}, says: "another port of the network has the hardware address"},
	{names: []string{"NetworkInUse", "SubnetInUse"}, says: "ports are still on the network"},
	{names: []string{"PortInUse", "ServicePortInUse", "PortBound"}, text: saying(`^Port \S+ is still in use|^Port id \S+ is already in use`), says: "the port is in use"},
	{names: []string{"NoNetworkAvailable", "NoAvailableNetwork"}, kind: fault.Full, says: "the cloud has no room for another network"},
	{text: saying(`overlaps with (cidr|another subnet)`), kind: fault.Conflict, says: "the gateway or the network has a range already that overlaps this one"},
	{text: saying(`requires a FixedIP`), says: "this cloud starts no server whose port has no address; an operator can change that by Neutron's segments service"},
	{text: saying(`no valid host`), kind: fault.Full, says: "no machine of the cloud has room for it"},
	{text: saying(`exceeded maximum number of retries`), kind: fault.Full, says: "no machine of the cloud could start it"},
	{text: saying(`flavor's (disk|memory) is too small`), says: "the $1 of its size is too small for the image"},
	{text: saying(`while it is in (task_state|vm_state)`), kind: fault.Busy, says: "the server is at something else"},
	{text: saying(`could not be deleted because it is in use`), says: "the image is in use"},
	{text: saying(`volume status must be`), kind: fault.Busy, says: "the volume is in use or at something else"},
}

// meaning is what an answer means: a kind, and the rest of a sentence.
func meaning(a gophercloud.ErrUnexpectedResponseCode) (fault.Kind, string) {
	c, kind := complaintOf(a.Body), kindOf(a)
	if text, ok := overQuota(a.Actual, c); ok {
		return fault.Full, text
	}
	if kind == fault.Invalid || kind == fault.Conflict || kind == fault.NotFound {
		for _, p := range phrases {
			if text, ok := p.of(c); ok {
				return orKind(p.kind, kind), text
			}
		}
	}
	return kind, plainly(kind, a.Actual)
}

func orKind(k, otherwise fault.Kind) fault.Kind {
	if k != "" {
		return k
	}
	return otherwise
}

// of is the phrase for a complaint, if it is about that.
func (p phrase) of(c complaint) (string, bool) {
	for _, name := range p.names {
		if name == c.name {
			return p.says, true
		}
	}
	if p.text == nil {
		return "", false
	}
	at := p.text.FindStringSubmatchIndex(c.text)
	if at == nil {
		return "", false
	}
	return string(p.text.ExpandString(nil, p.says, c.text, at)), true
}

// plainly is what is said of an answer whose words mean nothing here.
func plainly(k fault.Kind, status int) string {
	switch k {
	case fault.Unauthorized:
		return "the cloud does not know the broker's account"
	case fault.Forbidden:
		return "the broker's account may not do this"
	case fault.TooMany:
		return "the cloud is asked too often"
	case fault.Unavailable:
		return fmt.Sprintf("the cloud failed (status %d)", status)
	case fault.NotFound:
		return "it is not there"
	case fault.Conflict:
		return fmt.Sprintf("something else in the cloud is in the way (status %d); the operator's log says what", status)
	}
	return fmt.Sprintf("the cloud refused it (status %d); the operator's log says why", status)
}

// kindOf is the kind of an answer, but for what its words add.
func kindOf(a gophercloud.ErrUnexpectedResponseCode) fault.Kind {
	if a.Actual == http.StatusNotFound && shutOut.Match(a.Body) {
		return fault.Unauthorized
	}
	return kindOfStatus(a.Actual)
}

// kindOfStatus is the kind of an answer of which only the status is known. All
// services say 413 or 429 when they were asked too often.
func kindOfStatus(status int) fault.Kind {
	switch status {
	case http.StatusBadRequest:
		return fault.Invalid
	case http.StatusUnauthorized:
		return fault.Unauthorized
	case http.StatusForbidden:
		return fault.Forbidden
	case http.StatusNotFound, http.StatusGone:
		return fault.NotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return fault.Conflict
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return fault.TooMany
	case http.StatusRequestTimeout:
		return fault.Unavailable
	}
	if status >= 500 {
		return fault.Unavailable
	}
	return fault.Internal
}

// longest is how much of a service's words is looked at.
const longest = 300

func clean(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}

// meant is why Nova says that a server failed.
func meant(text string) string {
	for _, p := range phrases {
		if says, ok := p.of(complaint{text: clean(text)}); ok {
			return says
		}
	}
	return "the cloud could not start it; the operator's log says why"
}
