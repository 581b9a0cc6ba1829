package ovf

// Image is one file of References as whoever uses it sees it: its pieces joined,
// its compression undone.
type Image struct {
	FileID       string   // References id
	Name         string   // as PlanDisk.Member and PlanDrive.Member call it
	Members      []string // that hold it, in order: one, or the pieces of it
	Compression  string   // that of the members' bytes together: "gzip", or "" for none
	Size         int64    // bytes
	SHA256       string   // hex
	Format       Format
	VirtualBytes int64 // of a disk image, as its header says; 0 when it does not say
}

// Stored reports whether the image's bytes are those of one member as it is.
func (i Image) Stored() bool {
	return len(i.Members) == 1 && i.Members[0] == i.Name && i.Compression == ""
}

// checkImages tells the format of each file by its bytes and compares disks and
// drives with what the descriptor claims.
func (in *intake) checkImages(pkg *Package) {
	disks, drives := in.uses(pkg)
	members := make(map[string]*Member, len(in.members))
	for i := range in.members {
		members[in.members[i].Name] = &in.members[i]
	}
	for _, f := range pkg.Files {
		m := members[f.Name]
		s, ok := in.seen[sightingKey{f.Name, m == nil}]
		if _, _, piece := pieceOf(f.Name); !ok && m != nil && m.FileID == f.ID && piece {
			in.reader.err(f.place, CodeMemberOrder, "file %q was taken for a piece of another; the descriptor must stand before it", printable(f.Name, 100))
		}
		if !ok || f.Name == "" || m == nil && f.ChunkSize == 0 {
			continue
		}
		s.file.FileID = f.ID
		if m != nil {
			s.file.Members = []string{m.Name}
			if s.file.SHA256 == "" {
				s.file.SHA256 = m.SHA256
			}
			m.Format, m.VirtualBytes = s.image.format, s.image.virtual
		}
		pkg.Images = append(pkg.Images, s.file)
		in.checkFile(f, s, disks[f.ID], drives[f.Name])
	}
}

// uses are the disks made of each file, by its id, and which files, by name, a
// drive holds. A disk that an item makes of a file alone claims nothing.
func (in *intake) uses(pkg *Package) (disks map[string][]Disk, drives map[string]bool) {
	disks, drives = map[string][]Disk{}, map[string]bool{}
	for _, d := range pkg.Disks {
		disks[d.FileRef] = append(disks[d.FileRef], d)
	}
	for _, plan := range pkg.plans {
		for _, system := range plan.Systems {
			for _, d := range system.Disks {
				i, ok := in.reader.fileIDs[d.ID]
				if _, isDisk := in.reader.diskIDs[d.ID]; ok && !isDisk && d.Member != "" && disks[d.ID] == nil {
					disks[d.ID] = []Disk{{ID: d.ID, place: pkg.Files[i].place, Populated: -1}}
				}
			}
			for _, d := range system.Drives {
				drives[in.settled(d.Member)] = true
			}
		}
	}
	return disks, drives
}

// checkFile judges a file by what it is used for.
func (in *intake) checkFile(f File, s sighting, disks []Disk, drive bool) {
	name, img := printable(f.Name, 100), s.image
	declared := f.Compression == "gzip"
	for _, d := range disks {
		declared = declared || compressedAlias(d.Format)
	}
	if s.compressed && !declared && (len(disks) > 0 || drive) {
		img = image{format: FormatGzip}
	}
	if s.outOfOrder != "" {
		in.reader.err(f.place, CodeMemberOrder, "piece %q of file %q is not where it belongs: the pieces of a file must follow one another in order", printable(s.outOfOrder, 100), name)
		return // what is made of them says nothing
	}
	for _, d := range disks {
		in.checkDisk(d, s.file, img)
	}
	switch {
	case len(disks) > 0:
	case drive:
		in.checkDrive(f, img)
	case img.code == CodeDiskBacking, img.code == CodeCompression, img.code == CodeSizeLimit, img.code == CodeDiskFormat:
		// Refused also where no disk is made of it: a converter may be tried on it.
		in.reader.err(f.place, img.code, "file %q: %s", name, img.reason)
	}
}

func (in *intake) checkDisk(d Disk, file Image, img image) {
	name, id := printable(file.Name, 100), printable(d.ID, 60)
	switch claimed := claimedFormat(d.Format); {
	case img.code != "":
		in.reader.err(d.place, img.code, "file %q: %s", name, img.reason)
	case img.format == FormatGzip:
		in.reader.err(d.place, CodeCompression, "file %q is compressed with gzip, but its reference does not say so", name)
	case file.Size == 0:
		in.reader.err(d.place, CodeDiskEmpty, "file %q is empty", name)
	case img.format == FormatISO:
		in.reader.err(d.place, CodeDiskFormat, "file %q is a CD image, not a disk", name)
	case img.foreign != "":
		in.reader.err(d.place, CodeDiskFormat, "file %q is %s, not a disk image", name, img.foreign)
	case claimed != FormatUnknown && claimed != img.format:
		in.reader.err(d.place, CodeDiskFormat, "disk %q claims to be %s, but its file is %s", id, claimed, img.format)
	case d.Capacity > 0:
		in.checkCapacity(d, name, img)
	}
	if img.code == "" && img.warning != "" {
		in.reader.warn(d.place, CodeDiskHeader, "file %q: %s", name, img.warning)
	}
}

// maxGrowth is how many times its image a disk may be. A small image is grown to
// the size of a real disk, but not to any size.
const maxGrowth = 1000

func (in *intake) checkCapacity(d Disk, name string, img image) {
	id := printable(d.ID, 60)
	switch {
	case img.virtual-img.slack > d.Capacity:
		in.reader.err(d.place, CodeDiskCapacity, "disk %q has a capacity of %d bytes, but the image in file %q has %d", id, d.Capacity, name, img.virtual)
	case d.Capacity/maxGrowth > max(img.virtual, mib):
		in.reader.err(d.place, CodeDiskCapacity, "disk %q has a capacity of %d bytes, more than %d times the %d of the image in file %q", id, d.Capacity, maxGrowth, img.virtual, name)
	case d.Populated > img.virtual:
		in.reader.warn(d.place, CodePopulatedSize, "disk %q says that it is populated with %d bytes, but the image in file %q has %d", id, d.Populated, name, img.virtual)
	}
}

// checkDrive judges what is to be in a CD drive.
func (in *intake) checkDrive(f File, img image) {
	name := printable(f.Name, 100)
	switch {
	case img.code != "":
		in.reader.err(f.place, img.code, "file %q: %s", name, img.reason)
	case img.format == FormatGzip:
		in.reader.err(f.place, CodeCompression, "file %q is compressed with gzip, but its reference does not say so", name)
	case img.foreign != "":
		in.reader.err(f.place, CodeDiskFormat, "file %q is %s, not a CD image", name, img.foreign)
	case img.format == FormatRaw:
		in.reader.warn(f.place, CodeDiskFormat, "file %q is not known to be a CD image", name)
	case img.format != FormatISO:
		in.reader.err(f.place, CodeDiskFormat, "file %q is a %s disk image, not a CD image", name, img.format)
	}
}

// settle brings what was found out about files into the plans.
func (in *intake) settle(pkg *Package) {
	images := make(map[string]Image, len(pkg.Images))
	for _, i := range pkg.Images {
		images[i.Name] = i
	}
	for _, plan := range pkg.plans {
		for _, system := range plan.Systems {
			for d := range system.Disks {
				disk := &system.Disks[d]
				disk.Member = in.settled(disk.Member)
				found, ok := images[disk.Member]
				if !ok {
					continue
				}
				disk.Format = found.Format
				if disk.CapacityBytes == 0 && disk.CapacityProperty == "" {
					disk.CapacityBytes = found.VirtualBytes // an item that makes a disk of a file alone
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
