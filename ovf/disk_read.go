package ovf

import (
	"strings"
)

func (r *reader) disks(n node, shared bool) {
	r.info(n)
	for c := range n.children {
		switch {
		case c.is("Info"):
		case c.is("Disk"):
			r.disk(c, shared)
		default:
			r.unknown(c)
		}
	}
}

func (r *reader) disk(n node, shared bool) {
	d := Disk{ID: r.need(n, "diskId"), Populated: -1, Shared: shared, Unit: 1, place: n.place()}
	d.FileRef, _ = r.attr(n, "fileRef")
	d.ParentRef, _ = r.attr(n, "parentRef")
	d.Format, _ = r.attr(n, "format")
	if shared {
		d.ReadOnly = r.flag(n, "readOnly", false)
	}
	if units, ok := r.attr(n, "capacityAllocationUnits"); ok {
		v, err := ParseUnits(units)
		if err != nil {
			r.err(n.place(), CodeUnits, "capacityAllocationUnits: %v", err)
			d.badNumbers, v = true, 1
		}
		d.Unit = v
	}
	r.capacity(n, &d)
	if d.CapacityProperty == "" {
		d.Unit = 0 // the capacity is in bytes
	}
	if text, ok := r.attr(n, "populatedSize"); ok {
		d.Populated, _ = r.number(n.place(), "populatedSize", text, 0)
		if d.Capacity > 0 && d.Populated > d.Capacity {
			r.err(n.place(), CodePopulatedSize, "populatedSize %d is more than the capacity of %d bytes", d.Populated, d.Capacity)
		}
	}
	if d.ID == "" {
		return
	}
	if _, twice := r.diskIDs[d.ID]; twice {
		r.err(n.place(), CodeDuplicateID, "disk id %q stands twice", printable(d.ID, 60))
		return
	}
	r.diskIDs[d.ID] = len(r.pkg.Disks)
	r.pkg.Disks = append(r.pkg.Disks, d)
}

func (r *reader) capacity(n node, d *Disk) {
	text := r.need(n, "capacity")
	if text == "" {
		d.badNumbers = true
		return
	}
	text = r.exact(n, "capacity") // a number and nothing around it
	if name, ok := strings.CutPrefix(text, "${"); ok && strings.HasSuffix(name, "}") {
		d.CapacityProperty = strings.TrimSuffix(name, "}")
		return
	}
	count, ok := r.number(n.place(), "capacity", text, 1)
	if !ok {
		d.badNumbers = true
		return
	}
	d.Capacity, ok = r.bytes(n.place(), "capacity", count, d.Unit, r.limits.Disk)
	d.badNumbers = d.badNumbers || !ok
}

// bytes multiplies exactly and checks the result against a limit.
func (r *reader) bytes(at *place, what string, count, unit, limit int64) (int64, bool) {
	n, ok := multiply(count, unit)
	if !ok || n > limit {
		r.err(at, CodeResourceLimit, "%s of %d times %d bytes is more than the limit of %d bytes", what, count, unit, limit)
		return 0, false
	}
	return n, true
}

// maxDiskChain is more than hypervisors make of snapshots of one disk.
const maxDiskChain = 64

// checkDisks checks what disks refer to. A parent must stand before its child,
// so a chain of parents has no cycle.
func (r *reader) checkDisks() {
	chain := make(map[string]int, len(r.pkg.Disks)) // parents and the disk itself
	files := make(map[string]string, len(r.pkg.Files))
	for _, f := range r.pkg.Files {
		files[f.ID] = ""
	}
	for _, d := range r.pkg.Disks {
		if user, known := files[d.FileRef]; d.FileRef != "" && !known {
			r.err(d.place, CodeUnknownFile, "disk %q refers to file %q, which is not in References", printable(d.ID, 60), printable(d.FileRef, 60))
		} else if d.FileRef != "" && user != "" {
			r.err(d.place, CodeDuplicateFile, "disks %q and %q have the same file", printable(user, 60), printable(d.ID, 60))
		} else if d.FileRef != "" {
			files[d.FileRef] = d.ID
		}
		chain[d.ID] = chain[d.ParentRef] + 1
		if chain[d.ID] > maxDiskChain {
			r.err(d.place, CodeCountLimit, "disk %q has more than %d parents", printable(d.ID, 60), maxDiskChain-1)
		}
		if d.ParentRef != "" && (chain[d.ParentRef] == 0 || d.ParentRef == d.ID) {
			r.err(d.place, CodeUnknownDisk, "parentRef %q is no disk before this one", printable(d.ParentRef, 60))
		}
		r.checkCapacityProperty(d)
	}
}

func (r *reader) checkCapacityProperty(d Disk) {
	if d.CapacityProperty == "" {
		return
	}
	p, ok := r.property(d.CapacityProperty)
	switch {
	case !ok:
		code := CodeCapacityProperty
		if strings.Contains(d.CapacityProperty, "SIZE") {
			code = CodePlaceholder
		}
		r.err(d.place, code, "the capacity is ${%s}, but there is no property of that id", printable(d.CapacityProperty, 60))
	case p.Default == "" && len(p.Values) == 0 && !p.UserConfigurable:
		r.err(d.place, CodeCapacityProperty, "the capacity is the property %q, which has no value and nobody may give one", p.ID)
	case p.Password:
		r.err(d.place, CodeCapacityProperty, "the capacity may not depend on the password property %q", p.ID)
	}
}

// property finds the property a ${…} names: by full id, or by its bare key
// where that is unique.
func (r *reader) property(name string) (Property, bool) {
	if p, ok := r.propertyID[name]; ok {
		return p, true
	}
	p, ok := r.byKey[name]
	return p, ok && p.Key != ""
}

// checkUse warns of files that nothing uses.
func (r *reader) checkUse() {
	used := map[string]bool{}
	for _, d := range r.pkg.Disks {
		used[d.FileRef] = true
	}
	for _, s := range r.pkg.Systems() {
		for _, h := range s.Hardware {
			for _, item := range h.Items {
				for _, resource := range item.HostResources {
					if kind, id := hostResource(resource); kind == "file" {
						used[id] = true
					}
				}
			}
		}
	}
	for _, f := range r.pkg.Files {
		if !used[f.ID] && !r.otherRefs[f.ID] {
			r.warn(f.place, CodeUnusedFile, "nothing refers to file %q", printable(f.ID, 60))
		}
	}
}

// hostResource reads the HostResource of an Item: ovf:/disk/ID or ovf:/file/ID
// (DSP0243 9.3), also without the prefix and with a doubled slash, as written
// by some tools. The kind is "" for anything else.
func hostResource(s string) (kind, id string) {
	path := strings.TrimLeft(strings.TrimPrefix(s, "ovf:"), "/")
	if !strings.HasPrefix(s, "ovf:") && !strings.HasPrefix(s, "/") {
		return "", ""
	}
	kind, id, ok := strings.Cut(path, "/")
	if !ok || (kind != "disk" && kind != "file") {
		return "", ""
	}
	return kind, id
}
