package ovf

// allocation reads a ResourceAllocationSection: reservations and limits for
// all children of a collection together. They are kept; a plan asks for what
// its virtual systems ask for.
func (r *reader) allocation(c *Content, n node) {
	r.parts(n, func(item node) bool {
		if !item.is("Item") {
			return false
		}
		if len(c.Allocation) == r.limits.Items {
			r.err(n.place(), CodeCountLimit, "more than %d items", r.limits.Items)
			return true
		}
		c.Allocation = append(c.Allocation, r.item(item))
		return true
	})
}
