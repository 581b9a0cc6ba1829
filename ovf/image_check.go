package ovf

// checkImages tells the format of each file by its bytes and compares disks
// with what the descriptor claims.
func (in *intake) checkImages(pkg *Package) {
	disks := make(map[string][]Disk, len(pkg.Disks))
	for _, d := range pkg.Disks {
		disks[d.FileRef] = append(disks[d.FileRef], d)
	}
	for i := range in.members {
		m := &in.members[i]
		if m.Kind != KindFile {
			continue
		}
		f := pkg.Files[in.reader.fileIDs[m.FileID]]
		if f.Name != m.Name {
			continue // a piece shows nothing by itself
		}
		img := in.inspect(f, *m)
		m.Format, m.VirtualBytes = img.format, img.virtual
		for _, d := range disks[f.ID] {
			in.checkImage(d, *m, img)
		}
		// Refused also where no disk is made of it: a converter may be tried on it.
		if len(disks[f.ID]) == 0 && (img.code == CodeDiskBacking || img.code == CodeDiskFormat) {
			in.reader.err(f.place, img.code, "file %q: %s", printable(m.Name, 100), img.reason)
		}
	}
}

func (in *intake) inspect(f File, m Member) image {
	measured := in.measured[m.Name]
	if f.Compression == "gzip" {
		return inspectCompressed(measured.head)
	}
	return inspectImage(measured.head, measured.tail, m.Size)
}

func (in *intake) checkImage(d Disk, m Member, img image) {
	name := printable(m.Name, 100)
	switch claimed := claimedFormat(d.Format); {
	case img.code != "":
		in.reader.err(d.place, img.code, "file %q: %s", name, img.reason)
	case m.Size == 0:
		in.reader.err(d.place, CodeDiskEmpty, "file %q is empty", name)
	case img.format == FormatGzip:
		in.reader.err(d.place, CodeCompression, "file %q is compressed with gzip, but its reference does not say so", name)
	case img.format == FormatISO:
		in.reader.err(d.place, CodeDiskFormat, "file %q is a CD image, not a disk", name)
	case claimed != FormatUnknown && claimed != img.format:
		in.reader.err(d.place, CodeDiskFormat, "disk %q claims to be %s, but its file is %s", printable(d.ID, 60), claimed, img.format)
	case d.Capacity > 0 && img.virtual-img.slack > d.Capacity:
		in.reader.err(d.place, CodeDiskCapacity, "disk %q has a capacity of %d bytes, but the image in file %q has %d", printable(d.ID, 60), d.Capacity, name, img.virtual)
	}
}

// settle brings what was found out about members into the plans.
func (in *intake) settle(pkg *Package) {
	formats := make(map[string]Format, len(in.members))
	for _, m := range in.members {
		formats[m.Name] = m.Format
	}
	for _, plan := range pkg.plans {
		for _, system := range plan.Systems {
			for d := range system.Disks {
				disk := &system.Disks[d]
				disk.Member = in.settled(disk.Member)
				if found := formats[disk.Member]; found != FormatUnknown && disk.Member != "" {
					disk.Format = found
				}
			}
			for d := range system.Drives {
				system.Drives[d].Member = in.settled(system.Drives[d].Member)
			}
		}
	}
}

func (in *intake) settled(member string) string {
	if name, ok := in.renamed[member]; ok {
		return name
	}
	return member
}
