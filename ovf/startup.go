package ovf

import (
	"strconv"
	"strings"
)

// Startup is one line of a StartupSection.
type Startup struct {
	ID              string // of a direct child
	Order           int    // equal numbers start in parallel; 0 means no order
	StartDelay      int    // seconds
	StopDelay       int    // seconds
	WaitingForGuest bool
	StartAction     string // powerOn or none
	StopAction      string // powerOff, guestShutdown or none
	place           *place
}

// ScaleOut says how many copies of a child may run.
type ScaleOut struct {
	ID          string // of a direct child
	Description string
	Minimum     int // 0 to 65535
	Default     int // from Minimum to Maximum
	Maximum     int // 0: no upper bound
	place       *place
}

// Install is an InstallSection: the guest installs itself at its first boot
// and powers off when it is ready to be used.
type Install struct {
	StopDelay int // initialBootStopDelay: seconds to wait for the power-off; 0 means without end
}

func (r *reader) startup(c *Content, n node) {
	start, stop := maxDelay, maxDelay
	r.parts(n, func(item node) bool {
		if !item.is("Item") {
			return false
		}
		c.Startup = append(c.Startup, Startup{
			ID: r.need(item, "id"), Order: r.count(item, "order", 0),
			StartDelay: r.delay(item, "startDelay", &start), StopDelay: r.delay(item, "stopDelay", &stop),
			WaitingForGuest: r.flag(item, "waitingForGuest", false),
			StartAction:     r.action(item, "startAction", "powerOn", startActions),
			StopAction:      r.action(item, "stopAction", "powerOff", stopActions),
			place:           item.place(),
		})
		return true
	})
}

// maxDelay bounds the delays of one collection together, in seconds: a day.
const maxDelay = 24 * 60 * 60

// delay reads a number of seconds and takes it off what is left.
func (r *reader) delay(n node, name string, left *int) int {
	seconds := r.count(n, name, 0)
	if seconds > *left {
		r.warn(n.place(), CodeNumber, "the delays of %s are longer than a day together; %s is cut to %d seconds", n.place().parent.name, name, *left)
		seconds = *left
	}
	*left -= seconds
	return seconds
}

// The actions of DSP0243, and vSphere's suspend, which has no other meaning
// here than the standard's default.
var (
	startActions = map[string]string{"poweron": "powerOn", "none": "none"}
	stopActions  = map[string]string{"poweroff": "powerOff", "guestshutdown": "guestShutdown", "none": "none", "suspend": "powerOff"}
)

func (r *reader) action(n node, name, standard string, known map[string]string) string {
	value, ok := r.attr(n, name)
	if !ok || value == "" {
		return standard
	}
	action, ok := known[strings.ToLower(value)]
	if !ok {
		r.err(n.place(), CodeValue, "%s is %q; it is none of the actions of the standard", name, printable(value, 40))
		return standard
	}
	return action
}

// count reads an attribute that is a small number (xs:unsignedShort).
func (r *reader) count(n node, name string, standard int) int {
	text, ok := r.attr(n, name)
	if !ok {
		return standard
	}
	v, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		r.err(n.place(), CodeNumber, "%s is %q; it must be a number from 0 to 65535", name, printable(text, 40))
		return standard
	}
	return int(v)
}

func (r *reader) scaleOut(c *Content, n node) {
	s := ScaleOut{ID: r.need(n, "id"), Minimum: 1, Default: 1, place: n.place()}
	r.parts(n, func(part node) bool {
		switch {
		case part.is("Description"):
			s.Description = r.text(part)
		case part.is("InstanceCount"):
			s.Minimum = r.count(part, "minimum", 1)
			s.Default = r.count(part, "default", s.Minimum)
			s.Maximum = r.count(part, "maximum", 0)
		default:
			return false
		}
		return true
	})
	if s.Default < s.Minimum || (s.Maximum > 0 && (s.Maximum < s.Minimum || s.Default > s.Maximum)) {
		r.err(n.place(), CodeInstanceCount, "instance count %d is not between %d and %d", s.Default, s.Minimum, s.Maximum)
	}
	c.ScaleOut = append(c.ScaleOut, s)
}

// install refuses: between its two boots such a guest is powered off, which
// whoever watches the appliance takes for its death; and a disk that was
// written to once is no image that a second instance could be made of.
func (r *reader) install(c *Content, n node) {
	r.info(n)
	c.Install = &Install{StopDelay: r.count(n, "initialBootStopDelay", 0)}
	r.err(n.place(), CodeUnsupportedInstall, "a package that installs itself at a first boot (InstallSection) is not supported; publish it as installed")
}

// checkChildren checks what the sections of a collection say of its children.
func (r *reader) checkChildren(c *Content) {
	children := make(map[string]bool, len(c.Children))
	for _, child := range c.Children {
		children[child.ID] = true
	}
	started, scaled := map[string]bool{}, map[string]bool{}
	for _, s := range c.Startup {
		r.checkChild(c, s.place, "StartupSection", s.ID, children, started)
	}
	for _, s := range c.ScaleOut {
		r.checkChild(c, s.place, "ScaleOutSection", s.ID, children, scaled)
	}
}

func (r *reader) checkChild(c *Content, at *place, section, id string, children, seen map[string]bool) {
	switch {
	case id == "":
	case !children[id]:
		r.err(at, CodeUnknownContent, "%s names %q, which is no child of %q", section, printable(id, 60), printable(c.ID, 60))
	case seen[id]:
		r.err(at, CodeDuplicateID, "%s names %q twice", section, printable(id, 60))
	}
	seen[id] = true
}
