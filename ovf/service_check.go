package ovf

// checkServiceLegs checks what the section refers to, once all of its virtual
// system has been read.
func (r *reader) checkServiceLegs(c *Content) {
	if c.Service == nil {
		return
	}
	nics := map[string]bool{}
	for _, h := range c.Hardware {
		for _, item := range h.Items {
			nics[item.InstanceID] = nics[item.InstanceID] || item.Type == ResourceEthernet
		}
	}
	pairs := map[Role]map[int]bool{RoleInside: {}, RoleOutside: {}}
	for _, leg := range c.Service.Legs {
		if !nics[leg.InstanceID] {
			r.err(c.place, CodeUnknownItem, "the NetworkServiceSection of %q names NIC %s, which is no Ethernet item", printable(c.ID, 60), printable(leg.InstanceID, 40))
		}
		if leg.Pair > 0 {
			pairs[leg.Role][leg.Pair] = true
		}
	}
	for pair := range pairs[RoleInside] {
		if !pairs[RoleOutside][pair] && c.Service.Zones != "isolated" {
			r.err(c.place, CodeService, "pair %d of %q has an inside leg and no outside leg", pair, printable(c.ID, 60))
		}
	}
	if login := c.Service.Login; login != nil && login.PasswordProperty != "" {
		r.checkPasswordProperty(c, login.PasswordProperty)
	}
}

func (r *reader) checkPasswordProperty(c *Content, id string) {
	for at := c; at != nil; at = at.Parent {
		for _, p := range at.Properties() {
			if p.ID == id {
				if !p.Password {
					r.warn(p.place, CodePasswordUnmarked, "property %q is handed out as a password but is not marked as one", printable(id, 100))
				}
				return
			}
		}
	}
	r.err(c.place, CodeUnknownProperty, "passwordProperty %q is no property of %q", printable(id, 100), printable(c.ID, 60))
}
