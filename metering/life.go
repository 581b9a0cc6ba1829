package metering

import (
	"cmp"

	"github.com/bumpwire/bumpwire/provision"
)

// lives are the instances that had one id, one after the other: an id may be used
// again after its instance was deleted, by another tenant and for another service,
// and its history goes on. Each is billed to whom it belonged.
func lives(i provision.Instance) []provision.Instance {
	var all []provision.Instance
	begin := 0
	for n := 1; n <= len(i.History); n++ {
		if n == len(i.History) || i.History[n-1].State == provision.Deleted && i.History[n].State != provision.Deleted {
			all = append(all, life(i, i.History[begin:n]))
			begin = n
		}
	}
	return all
}

// life is the instance of which history tells. Events that do not say whose they
// are belong to the instance as it is now. Only the last one's name is known.
func life(i provision.Instance, history []provision.Event) provision.Instance {
	first := history[0]
	if len(history) < len(i.History) && history[len(history)-1].Seq != i.History[len(i.History)-1].Seq {
		i.Name = string(i.ID)
	}
	i.Tenant = cmp.Or(first.Tenant, i.Tenant)
	i.Platform = cmp.Or(first.Platform, i.Platform)
	i.Service = cmp.Or(first.Service, i.Service)
	if first.Tenant != "" { // of the first region events say nothing
		i.Region = first.Region
	}
	i.Provider = nil
	if first.Bill != "" {
		i.Provider = &provision.Provider{Bill: first.Bill}
	}
	i.History = history
	return i
}
