package ovf

// planDisk resolves a disk item to what it is to hold.
func (r *reader) planDisk(item Item, controllers map[string]Item, configuration string) PlanDisk {
	disk := PlanDisk{InstanceID: item.InstanceID, Name: item.ElementName, Bus: busOf(controllers[item.Parent].Type)}
	kind, id := hostResource(first(item.HostResources))
	switch kind {
	case "disk":
		if i, ok := r.diskIDs[id]; ok {
			r.fillDisk(&disk, r.pkg.Disks[i], configuration)
		}
	case "file":
		if i, ok := r.fileIDs[id]; ok {
			disk.ID, disk.Member = id, r.pkg.Files[i].Name
		}
	default:
		r.blankDisk(&disk, item)
	}
	return disk
}

func busOf(controller int) string {
	switch controller {
	case ResourceIDE:
		return "ide"
	case ResourceSCSI:
		return "scsi"
	case ResourceSATA:
		return "sata"
	}
	return ""
}

func (r *reader) fillDisk(disk *PlanDisk, d Disk, configuration string) {
	disk.ID, disk.CapacityBytes = d.ID, d.Capacity
	if i, ok := r.fileIDs[d.FileRef]; ok && d.FileRef != "" {
		disk.Member, disk.Format = r.pkg.Files[i].Name, claimedFormat(d.Format)
	}
	if d.CapacityProperty == "" {
		return
	}
	p, ok := r.property(d.CapacityProperty)
	if !ok {
		return // found before
	}
	disk.CapacityProperty = p.ID
	value, _ := p.Value(configuration)
	if value == "" {
		return // the user gives it
	}
	if n, ok := r.number(d.place, "the capacity by property "+p.ID, value, 1); ok {
		disk.CapacityBytes, _ = r.bytes(d.place, "capacity", n, d.Unit, r.limits.Disk)
	}
}

// blankDisk reads a disk that its item describes alone.
func (r *reader) blankDisk(disk *PlanDisk, item Item) {
	if item.Quantity < 1 || len(item.HostResources) > 0 {
		return
	}
	unit := int64(1)
	if item.Units != "" {
		u, err := ParseUnits(item.Units)
		if err != nil {
			r.err(item.place, CodeUnits, "disk: %v", err)
			return
		}
		unit = u
	}
	disk.CapacityBytes, _ = r.bytes(item.place, "capacity", item.Quantity, unit, r.limits.Disk)
}

func (r *reader) planDrive(item Item) PlanDrive {
	drive := PlanDrive{InstanceID: item.InstanceID, Name: item.ElementName}
	if kind, id := hostResource(first(item.HostResources)); kind == "file" {
		if i, ok := r.fileIDs[id]; ok {
			drive.Member = r.pkg.Files[i].Name
		}
	}
	return drive
}

func planNIC(item Item) PlanNIC {
	return PlanNIC{
		InstanceID: item.InstanceID, Name: item.ElementName, Network: first(item.Connections),
		Model: first(item.Subtypes), Models: item.Subtypes, MAC: item.Address, Connected: item.AutomaticAllocation,
	}
}

// assignRoles gives each NIC its role: by the section where there is one, else
// by names. Inferred inside and outside NICs pair up in document order.
func assignRoles(nics []PlanNIC, service *NetworkService) {
	if service != nil {
		legs := make(map[string]Leg, len(service.Legs))
		for _, leg := range service.Legs {
			legs[leg.InstanceID] = leg
		}
		for i := range nics {
			leg := legs[nics[i].InstanceID]
			nics[i].Role, nics[i].Pair = leg.Role, leg.Pair
		}
		return
	}
	count := map[Role]int{}
	for i := range nics {
		role := InferRole(nics[i].Name, nics[i].Network)
		nics[i].Role = role
		if role == RoleInside || role == RoleOutside {
			count[role]++
			nics[i].Pair = count[role]
		}
	}
}
