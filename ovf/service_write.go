package ovf

// networkService writes our own section, which other readers may ignore. Its
// attributes are in no namespace.
func (d *descriptorWriter) networkService(s *NetworkService) {
	if s == nil {
		return
	}
	d.begin("bw:NetworkServiceSection", xmlAttr{"ovf:required", "false"})
	d.text("Info", "How the service is inserted into a network")
	if s.Type != "" {
		d.empty("bw:Service", append([]xmlAttr{{"type", s.Type}}, some(
			xmlAttr{"topology", s.Topology}, xmlAttr{"modes", words(s.Modes)},
			xmlAttr{"managedBy", words(s.ManagedBy)}, xmlAttr{"zones", s.Zones},
			xmlAttr{"sideProperty", s.SideProperty})...)...)
	}
	for _, side := range s.Sides {
		d.empty("bw:Side", xmlAttr{"name", side})
	}
	for _, leg := range s.Legs {
		d.empty("bw:Leg", append([]xmlAttr{{"instanceID", leg.InstanceID}, {"role", string(leg.Role)}},
			some(xmlAttr{"pair", positive(leg.Pair)})...)...)
	}
	for _, p := range s.Peers {
		d.empty("bw:Peer", append([]xmlAttr{{"property", p.Property}}, some(xmlAttr{"side", p.Side})...)...)
	}
	if s.Probe != "" {
		d.empty("bw:Probe", xmlAttr{"through", s.Probe})
	}
	if h := s.Health; h != nil {
		d.empty("bw:Health", some(xmlAttr{"protocol", h.Protocol}, xmlAttr{"port", positive(h.Port)}, xmlAttr{"path", h.Path})...)
	}
	if m := s.Login; m != nil {
		d.empty("bw:Management", some(xmlAttr{"protocol", m.Protocol}, xmlAttr{"port", positive(m.Port)},
			xmlAttr{"user", m.User}, xmlAttr{"passwordProperty", m.PasswordProperty}, xmlAttr{"accounts", m.Accounts})...)
	}
	if s.Failure != "" {
		d.empty("bw:Failure", xmlAttr{"policy", s.Failure})
	}
	if len(s.HA) > 0 {
		d.empty("bw:Availability", xmlAttr{"modes", words(s.HA)})
	}
	if s.UsageKeyProperty != "" {
		d.empty("bw:Usage", append([]xmlAttr{{"keyProperty", s.UsageKeyProperty}}, some(xmlAttr{"instanceProperty", s.UsageInstanceProperty})...)...)
	}
	for _, p := range s.Prices {
		d.empty("bw:Price", some(xmlAttr{"configuration", p.Configuration}, xmlAttr{"dimension", p.Dimension},
			xmlAttr{"unit", p.Unit}, xmlAttr{"amount", p.Amount}, xmlAttr{"currency", p.Currency})...)
	}
	d.end()
}
