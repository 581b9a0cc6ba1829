package topology

// Verb is what a step does. Each is idempotent in a cloud: it finds its own
// earlier effect, and undoing one that never happened is no error.
type Verb string

const (
	CreateNetwork Verb = "create-network" // a segment or the management network
	CreatePort    Verb = "create-port"    // a leg of an appliance, plugged where it says
	Boot          Verb = "boot"           // start an appliance on its ports
	Await         Verb = "await"          // wait until a probe passes through a pair of legs
	Move          Verb = "move"           // the swap: a gateway's plug or a leg changes network, and is announced there
	Shutdown      Verb = "shutdown"       // stop and remove an appliance's machine, unless it is of a later start; its ports stay
	SetRedirect   Verb = "redirect"       // a gateway's rule comes, changes or goes, in one instant
	DeletePort    Verb = "delete-port"
	DeleteNetwork Verb = "delete-network"
)

// Step is one change to a fabric. It holds all that doing and undoing it needs
// and no secret. Which fields are set depends on the verb:
//
//	create-network, delete-network   Network
//	create-port, delete-port         Appliance (without legs), Leg
//	boot, shutdown                   Appliance with its legs
//	await                            Appliance with its legs, Pair
//	move                             Port, From, To, and Serves (the networks whose traffic is swapped);
//	                                 Appliance (without legs) when the port is a leg, else Gateway
//	redirect                         Was, Redirect: the rule before (nil: none) and after (nil: none);
//	                                 Serves (its network, unless members only join)
type Step struct {
	Verb      Verb        `json:"verb"`
	Network   *Network    `json:"network,omitempty"`
	Appliance *Appliance  `json:"appliance,omitempty"`
	Leg       *Leg        `json:"leg,omitempty"`
	Pair      int         `json:"pair,omitempty"`
	Gateway   GatewayID   `json:"gateway,omitempty"`
	Port      PortID      `json:"port,omitempty"`
	From      NetworkID   `json:"from,omitempty"` // empty: was unplugged
	To        NetworkID   `json:"to,omitempty"`   // empty: unplug
	Serves    []NetworkID `json:"serves,omitempty"`
	Was       *Redirect   `json:"was,omitempty"`
	Redirect  *Redirect   `json:"redirect,omitempty"`
}
