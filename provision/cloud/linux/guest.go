//go:build linux

package linux

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// A guest is what QEMU's command line says.
type guest struct {
	name, uuid  string
	accel       string
	start       int // which start of the machine it is, from 0
	vcpus       int
	memory      int64
	disks       []drive
	nics        []nic
	environment string // path of an ISO image; empty for none
	vhost       bool
}

// A drive is a disk in boot order.
type drive struct {
	overlay string // path, always qcow2
	bus     string
}

// A nic is a network card, in the package's order.
type nic struct {
	device string // QEMU's name of the model
	link   string // tap; empty for a card without a cable
	mac    string
}

// args are the arguments. Relative paths are relative to the guest's directory,
// which keeps the control socket's within the 107 bytes a socket's may have.
func (g guest) args() ([]string, error) {
	args := []string{
		"-name", "guest=" + g.name, "-uuid", g.uuid,
		"-machine", "pc", "-accel", g.accel, "-cpu", "max",
		"-smp", strconv.Itoa(g.vcpus), "-m", fmt.Sprintf("%dM", (g.memory+1<<20-1)>>20),
		"-nodefaults", "-no-user-config", "-display", "none",
		"-pidfile", "pid",
		// What breaks out of a guest can start no program and gain no rights.
		"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-boot", "strict=on",
		"-chardev", "socket,id=control,path=qmp,server=on,wait=off", "-mon", "chardev=control,mode=control",
		// A ring in memory: what a guest prints can neither fill the disk nor stall it.
		"-chardev", "ringbuf,id=console,size=" + strconv.Itoa(consoleBytes), "-serial", "chardev:console",
		"-device", "virtio-rng-pci",
	}
	if g.start > 0 {
		args = append(args, "-fw_cfg", startPrefix+strconv.Itoa(g.start))
	}
	disks, err := g.diskArgs()
	if err != nil {
		return nil, err
	}
	return append(append(args, disks...), g.nicArgs()...), nil
}

// startPrefix begins the option that says which start of the machine it is.
const startPrefix = "name=opt/bumpwire/start,string="

// startOf is which start a command line says; 0 when it says none.
func startOf(args []string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(value(args, "-fw_cfg"), startPrefix))
	if err != nil {
		return 0
	}
	return n
}

// consoleBytes is how much of its serial console a guest keeps; a power of two.
const consoleBytes = 256 << 10

func (g guest) diskArgs() (args []string, err error) {
	buses := map[string]int{}
	for i, d := range g.disks {
		id := "disk" + strconv.Itoa(i)
		device, err := diskDevice(d.bus, buses[d.bus])
		if err != nil {
			return nil, err
		}
		if buses[d.bus]++; buses[d.bus] == 1 {
			args = append(args, controller(d.bus)...)
		}
		args = append(args,
			"-drive", "if=none,id="+id+",format=qcow2,discard=unmap,file="+comma(d.overlay),
			"-device", fmt.Sprintf("%s,drive=%s,bootindex=%d", device, id, i+1))
	}
	if g.environment != "" {
		args = append(args,
			"-drive", "if=none,id=environment,format=raw,readonly=on,media=cdrom,file="+comma(g.environment),
			"-device", "ide-cd,drive=environment,bus=ide.1,unit=0")
	}
	return args, nil
}

// diskDevice is the device for the n-th disk on a bus. The second IDE channel's
// first place is the environment's.
func diskDevice(bus string, n int) (string, error) {
	places := []string{"bus=ide.0,unit=0", "bus=ide.0,unit=1", "bus=ide.1,unit=1"}
	switch {
	case bus == "virtio":
		return "virtio-blk-pci", nil
	case bus == "scsi":
		return fmt.Sprintf("scsi-hd,bus=scsi.0,scsi-id=%d", n), nil
	case bus == "sata" && n < 6:
		return fmt.Sprintf("ide-hd,bus=sata.%d", n), nil
	case bus == "ide" && n < len(places):
		return "ide-hd," + places[n], nil
	case bus == "ide", bus == "sata":
		return "", fault.New(fault.Invalid, "there is no place for disk %d on the %s bus", n+1, bus)
	}
	return "", fault.New(fault.Invalid, "this cloud has no disk bus %q; it has virtio, ide, scsi and sata", bus)
}

func controller(bus string) []string {
	switch bus {
	case "scsi":
		return []string{"-device", "virtio-scsi-pci,id=scsi"}
	case "sata":
		return []string{"-device", "ich9-ahci,id=sata"}
	}
	return nil // IDE is part of the machine, virtio disks are cards of their own
}

func (g guest) nicArgs() (args []string) {
	for i, n := range g.nics {
		device := n.device
		if n.link != "" {
			id := "nic" + strconv.Itoa(i)
			tap := "tap,id=" + id + ",ifname=" + n.link + ",script=no,downscript=no"
			if g.vhost && strings.HasPrefix(n.device, "virtio") {
				tap += ",vhost=on"
			}
			args = append(args, "-netdev", tap)
			device += ",netdev=" + id
		}
		if n.mac != "" {
			device += ",mac=" + n.mac
		}
		// No boot ROM: an appliance never boots from a tenant's network.
		args = append(args, "-device", device+",romfile=")
	}
	return args
}

// nicsOf are an appliance's cards in the package's order. A NIC that has no leg
// keeps its place without a cable, so that the guest numbers the others right.
func nicsOf(m machine, models []string) ([]nic, error) {
	count := len(models)
	for _, l := range m.Legs {
		if l.NIC < 0 || l.NIC > 63 {
			return nil, fault.New(fault.Invalid, "%s cannot have a NIC number %d", m.Name, l.NIC)
		}
		count = max(count, l.NIC+1)
	}
	nics := make([]nic, count)
	for i := range nics {
		model := ""
		if i < len(models) {
			model = models[i]
		}
		var err error
		if nics[i].device, err = nicDevice(model); err != nil {
			return nil, err
		}
	}
	for _, l := range m.Legs {
		nics[l.NIC].link, nics[l.NIC].mac = legName(l.Port), l.MAC
	}
	return nics, nil
}

// nicDevice is QEMU's device for a model's name as packages have it.
func nicDevice(model string) (string, error) {
	switch strings.ToLower(model) {
	case "", "virtio", "virtio-net", "virtionet":
		return "virtio-net-pci", nil
	case "e1000":
		return "e1000", nil
	case "e1000e":
		return "e1000e", nil
	case "vmxnet3":
		return "vmxnet3", nil
	case "rtl8139":
		return "rtl8139", nil
	case "pcnet", "pcnet32":
		return "pcnet", nil
	}
	return "", fault.New(fault.Invalid, "this cloud has no NIC model %q; it has virtio, e1000, e1000e, vmxnet3, rtl8139 and pcnet", model)
}

// comma escapes a value for QEMU's option lists.
func comma(s string) string { return strings.ReplaceAll(s, ",", ",,") }
