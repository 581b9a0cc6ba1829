package ovf_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/bumpwire/bumpwire/ovf"
)

func ExampleOpen() {
	pkg, err := ovf.Open(context.Background(), "../testdata/ovf/firewall.ovf", ovf.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, plan := range pkg.Plans() {
		fmt.Printf("%s: %d vCPU, %d MiB\n", plan.ID, plan.VCPUs, plan.MemoryBytes>>20)
		for _, nic := range plan.Systems[0].NICs {
			fmt.Printf("  %s on %q is %s\n", nic.Name, nic.Network, nic.Role)
		}
	}
	fmt.Println(pkg.Findings)
	// Output:
	// small: 1 vCPU, 512 MiB
	//   eth0 on "Control & care" is management
	//   eth1 on "Inside" is inside
	//   eth2 on "Outside" is outside
	// large: 4 vCPU, 2048 MiB
	//   eth0 on "Control & care" is management
	//   eth1 on "Inside" is inside
	//   eth2 on "Outside" is outside
	// firewall.ovf:7:5: warning file-missing: file "firewall-disk1.vmdk" is not in the package
}

func ExampleWriteISO() {
	env := ovf.Environment{ID: "firewall", Properties: []ovf.EnvironmentProperty{{Key: "mode", Value: "strict & fast"}}}
	document, err := env.XML()
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := os.CreateTemp("", "env-*.iso")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(f.Name())
	defer f.Close()
	err = ovf.WriteISO(f, "OVF-ENV", time.Time{}, []ovf.ISOFile{{Name: ovf.EnvironmentFile, Data: document}})
	fmt.Println(err)
	fmt.Print(string(document))
	// Output:
	// <nil>
	// <?xml version="1.0" encoding="UTF-8"?>
	// <Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1" oe:id="firewall">
	//   <PlatformSection/>
	//   <PropertySection>
	//     <Property oe:key="mode" oe:value="strict &amp; fast"/>
	//   </PropertySection>
	// </Environment>
}
