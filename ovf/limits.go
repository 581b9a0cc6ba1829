package ovf

// Limits bound what a package may cost. A zero field means the default named
// beside it.
type Limits struct {
	Descriptor     int64 // bytes of the .ovf; 8 MiB. The largest real one seen has 0.5 MiB
	Manifest       int64 // bytes of the .mf; 1 MiB
	Certificate    int64 // bytes of the .cert; 1 MiB
	Members        int   // files in the package; 1,000
	Package        int64 // bytes of all members together; 1 TiB
	Depth          int   // nested elements; 64
	Elements       int   // elements of the descriptor; 100,000
	Attributes     int   // attributes of the descriptor; 200,000
	Configurations int   // deployment options; 100
	Items          int   // of one VirtualHardwareSection, over all configurations; 2,000
	Devices        int   // disks, drives and NICs of one virtual system in one configuration; 256
	VCPUs          int64 // of one virtual system; 4,096
	Memory         int64 // bytes of one virtual system; 64 TiB
	Disk           int64 // bytes of one disk; 64 TiB
}

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
	tib = 1 << 40
)

// maxAttributesPerElement and maxToken bound what the XML tokenizer holds
// before it can be asked to stop.
const (
	maxAttributesPerElement = 256
	maxToken                = 2 * mib
	maxNameLength           = 255
)

func (l Limits) withDefaults() Limits {
	return Limits{
		Descriptor:     orDefault(l.Descriptor, 8*mib),
		Manifest:       orDefault(l.Manifest, mib),
		Certificate:    orDefault(l.Certificate, mib),
		Members:        orDefault(l.Members, 1000),
		Package:        orDefault(l.Package, tib),
		Depth:          orDefault(l.Depth, 64),
		Elements:       orDefault(l.Elements, 100_000),
		Attributes:     orDefault(l.Attributes, 200_000),
		Configurations: orDefault(l.Configurations, 100),
		Items:          orDefault(l.Items, 2000),
		Devices:        orDefault(l.Devices, 256),
		VCPUs:          orDefault(l.VCPUs, 4096),
		Memory:         orDefault(l.Memory, 64*tib),
		Disk:           orDefault(l.Disk, 64*tib),
	}
}

func orDefault[N int | int64](n, standard N) N {
	if n <= 0 {
		return standard
	}
	return n
}
