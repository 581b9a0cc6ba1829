package ovf

// checkItems finds items that cannot all be meant. An InstanceID may stand
// again for another configuration or bound, and nowhere else (DSP0243 9.8).
func (r *reader) checkItems(h *Hardware) {
	type key struct {
		id    string
		bound Bound
	}
	general := map[key]bool{}
	parents := map[string]string{}
	for _, item := range h.Items {
		k := key{item.InstanceID, item.Bound}
		if item.InstanceID == "" {
			continue
		}
		if len(item.Configurations) == 0 && general[k] {
			r.err(item.place, CodeDuplicateItem, "InstanceID %s stands twice", printable(item.InstanceID, 40))
		}
		general[k] = general[k] || len(item.Configurations) == 0
		parents[item.InstanceID] = item.Parent
	}
	for _, item := range h.Items {
		if _, ok := parents[item.Parent]; item.Parent != "" && !ok {
			r.err(item.place, CodeUnknownItem, "Parent %s of item %s is no item", printable(item.Parent, 40), printable(item.InstanceID, 40))
		}
		if cyclic(parents, item.InstanceID) {
			r.err(item.place, CodeCycle, "item %s is its own parent, directly or not", printable(item.InstanceID, 40))
		}
		r.checkItemRefs(item)
		r.checkSupport(h, item)
	}
}

// maxParents bounds the chain of an item's parents: a disk hangs on a
// controller, a controller on a bus.
const maxParents = 8

func cyclic(parents map[string]string, id string) bool {
	for range maxParents {
		id = parents[id]
		if id == "" {
			return false
		}
	}
	return true
}

// checkItemRefs checks what an item refers to, whichever configuration it is
// for.
func (r *reader) checkItemRefs(item Item) {
	for _, resource := range item.HostResources {
		kind, id := hostResource(resource)
		_, disk := r.diskIDs[id]
		_, file := r.fileIDs[id]
		switch {
		case resource == "":
		case kind == "disk" && !disk, kind == "file" && !file, kind == "" && item.isDisk():
			r.err(item.place, CodeHostResource, "item %s: HostResource %q names no disk or file of this package", printable(item.InstanceID, 40), printable(resource, 80))
		}
	}
	if item.Type != ResourceEthernet {
		return
	}
	for _, connection := range item.Connections {
		if !r.networks[connection] {
			r.err(item.place, CodeUnknownNetwork, "item %s: Connection %q is not in the NetworkSection", printable(item.InstanceID, 40), printable(connection, 60))
		}
	}
	if len(item.Connections) != 1 {
		r.warn(item.place, CodeConnection, "item %s is an Ethernet adapter with %d networks; it should have one", printable(item.InstanceID, 40), len(item.Connections))
	}
}
