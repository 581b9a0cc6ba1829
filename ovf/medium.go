package ovf

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Delivery is how a guest that does not run on VMware's hypervisor gets its
// environment.
type Delivery string

// The ways of delivery.
const (
	DeliverNone      Delivery = "none"            // it wants none
	DeliverCD        Delivery = "cd"              // a CD with ovf-env.xml
	DeliverCloudInit Delivery = "cloud-init"      // a CD as cloud-init's NoCloud wants it
	DeliverBackdoor  Delivery = "vmware-backdoor" // it asks VMware's hypervisor, and no other answers
)

// TransportISO is the transport of DSP0243 that every platform can offer.
const TransportISO = "iso"

// Delivery decides for one virtual system. The transport iso goes first, as
// cloud-init reads that as well. A system with cloud-init's own properties and no
// such transport gets them where cloud-init looks when there is no OVF.
func (c *Content) Delivery() Delivery {
	var transports []string
	if len(c.Hardware) > 0 {
		transports = preferred(c.Hardware).Transports
	}
	iso := func(t string) bool { return strings.EqualFold(t, TransportISO) }
	switch {
	case slices.ContainsFunc(transports, iso):
		return DeliverCD
	case c.asksForCloudInit():
		return DeliverCloudInit
	case len(transports) > 0:
		return DeliverBackdoor
	}
	return DeliverNone
}

// The volumes' labels: cloud-init knows both, the first as one with an OVF
// environment (ds-identify), the second as NoCloud's.
const (
	labelEnvironment = "OVF ENV"
	labelNoCloud     = "cidata"
)

// environmentFiles is the folder of the files of an EnvironmentFilesSection.
const environmentFiles = "ovffiles/"

// WriteMedium writes the CD that the system finds at its first boot, as Delivery
// says; of DeliverBackdoor it is one with ovf-env.xml, for a guest that looks there
// too. open gives the bytes of a file of References, of the system's
// EnvironmentFilesSection. instance is this machine's name for cloud-init, which
// runs once for each, where the property instance-id says nothing.
func (c *Content) WriteMedium(w io.Writer, e Environment, instance string, open func(fileRef string) (io.ReadCloser, error)) error {
	e = e.identified(instance)
	doc, err := e.XML()
	if err != nil {
		return err
	}
	label, files := labelEnvironment, []ISOFile{{Name: EnvironmentFile, Data: doc}}
	switch c.Delivery() {
	case DeliverNone:
		return errors.New("the system wants no environment")
	case DeliverCloudInit:
		label, files = labelNoCloud, append(files, e.cloudInit(instance)...)
	}
	left := int64(maxISO)
	for _, part := range c.EnvironmentFiles {
		data, err := readPart(part, open, left)
		if err != nil {
			return err
		}
		left -= int64(len(data))
		files = append(files, ISOFile{Name: environmentFiles + part.Path, Data: data})
	}
	return WriteISO(w, label, time.Time{}, files)
}

func readPart(part EnvironmentPart, open func(string) (io.ReadCloser, error), limit int64) ([]byte, error) {
	r, err := open(part.FileRef)
	if err != nil {
		return nil, fmt.Errorf("cannot open environment file %q: %w", printable(part.Path, 100), err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read environment file %q: %w", printable(part.Path, 100), err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("the environment files are longer than %d bytes", maxISO)
	}
	return data, nil
}

// CheckMedium reports what of the package keeps the CD of a system from being
// written: paths that a CD cannot hold, files that are too long together. size
// gives the bytes of a file once it is unpacked; nil: what References says of it.
func (p *Package) CheckMedium(c *Content, size func(File) int64) error {
	if size == nil {
		size = func(f File) int64 { return f.Size }
	}
	files, total := []ISOFile{{Name: EnvironmentFile}}, int64(0)
	for _, part := range c.EnvironmentFiles {
		f, _ := p.File(part.FileRef)
		if total += max(0, size(f)); total > maxISO {
			return fmt.Errorf("the environment files are longer than %d bytes", maxISO)
		}
		files = append(files, ISOFile{Name: environmentFiles + part.Path})
	}
	return WriteISO(io.Discard, labelEnvironment, time.Time{}, files)
}
