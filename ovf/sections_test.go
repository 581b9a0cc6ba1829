package ovf

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// cluster is an example with each section that says how systems are brought up.
func cluster(t *testing.T, change ...string) *Package {
	t.Helper()
	data, err := os.ReadFile("../testdata/ovf/cluster-2.0.ovf")
	require.NoError(t, err)
	for i := 0; i < len(change); i += 2 {
		require.Contains(t, string(data), change[i])
	}
	return ReadDescriptor("cluster-2.0.ovf", []byte(strings.NewReplacer(change...).Replace(string(data))), Options{})
}

// withoutPlaces takes off what points into the file.
func withoutPlaces(c *Content) *Content {
	for i := range c.Startup {
		c.Startup[i].place = nil
	}
	for i := range c.ScaleOut {
		c.ScaleOut[i].place = nil
	}
	for i := range c.Boot {
		c.Boot[i].place = nil
	}
	for i := range c.Allocation {
		c.Allocation[i].place = nil
	}
	return c
}

func TestEachSectionOfBringingUpIsRead(t *testing.T) {
	t.Parallel()
	pkg := cluster(t)
	require.Empty(t, pkg.Findings.String())
	require.Equal(t, []PlacementGroup{
		{ID: "apart", Policy: PlaceApart, Description: "No two on one host"}, {ID: "near", Policy: PlaceTogether},
	}, pkg.PlacementGroups)
	all := withoutPlaces(pkg.Content)
	require.Equal(t, []string{"near"}, all.Placement)
	require.Equal(t, []Startup{{
		ID: "node", Order: 1, StartDelay: 5, StopDelay: 7, WaitingForGuest: true, StartAction: "powerOn", StopAction: "guestShutdown",
	}}, all.Startup)
	require.Equal(t, []ScaleOut{{ID: "node", Description: "Filter nodes", Minimum: 2, Default: 3, Maximum: 8}}, all.ScaleOut)
	require.Equal(t, []Item{{
		InstanceID: "1", ElementName: "Memory", Type: ResourceMemory, Quantity: -1, Units: "byte * 2^20",
		Reservation: 512, Limit: 4096, Weight: 3, Bound: BoundNormal, Required: true, AutomaticAllocation: true,
	}}, all.Allocation)
	node := withoutPlaces(all.Children[0])
	require.Equal(t, []string{"apart"}, node.Placement)
	require.Equal(t, []BootDevice{{InstanceID: "5", Caption: "The CD first"}, {InstanceID: "4"}}, node.Boot)
	require.Equal(t, []EnvironmentPart{{FileRef: "rules", Path: "etc/rules.json"}}, node.EnvironmentFiles)
}

// A disk to boot from goes before the others, whatever its address is.
func TestTheBootOrderDecidesTheOrderOfDisks(t *testing.T) {
	t.Parallel()
	plan, ok := cluster(t).Plan("")
	require.True(t, ok)
	require.Equal(t, []string{"5", "4"}, plan.Systems[0].Boot)
	require.Equal(t, "system", plan.Systems[0].Disks[0].ID)

	hint := `<vmw:BootOrderSection xmlns:vmw="http://www.vmware.com/schema/ovf" vmw:type="disk" vmw:instanceId="4"><Info/></vmw:BootOrderSection>`
	pkg := cluster(t, "<BootDeviceSection><Info>Boot order</Info>", hint+"<BootDeviceSection><Info/>", `<bootc:CIM_BootConfigSetting>`, `<!--`, `</bootc:CIM_BootConfigSetting>`, `-->`)
	require.Empty(t, pkg.Findings.String())
	require.Equal(t, []string{"4"}, pkg.Plans()[0].Systems[0].Boot)
}

func TestSectionsOfBringingUpRefuseWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, new string
		code     Code
	}{
		"group of no section":          {`ovf:group="apart"`, `ovf:group="afar"`, CodeUnknownGroup},
		"unknown policy":               {`"affinity"`, `"attraction"`, CodeValue},
		"two groups of one id":         {`ovf:id="near"`, `ovf:id="apart"`, CodeDuplicateID},
		"start of no child":            {`<Item ovf:id="node"`, `<Item ovf:id="nodes"`, CodeUnknownContent},
		"negative order":               {`ovf:order="1"`, `ovf:order="-1"`, CodeNumber},
		"unknown action":               {`"guestShutdown"`, `"explode"`, CodeValue},
		"copies of no child":           {`ovf:id="node"><Info>How`, `ovf:id="nodes"><Info>How`, CodeUnknownContent},
		"minimum above the maximum":    {`ovf:maximum="8"`, `ovf:maximum="1"`, CodeInstanceCount},
		"default below the minimum":    {`ovf:default="3"`, `ovf:default="1"`, CodeInstanceCount},
		"4 billion copies":             {`ovf:maximum="8"`, `ovf:maximum="4294967296"`, CodeNumber},
		"boot of no item":              {`<boots:InstanceID>5<`, `<boots:InstanceID>50<`, CodeUnknownItem},
		"boot twice of one item":       {`<boots:InstanceID>5<`, `<boots:InstanceID>4<`, CodeDuplicateItem},
		"environment file of no file":  {`ovf:fileRef="rules"`, `ovf:fileRef="rule"`, CodeUnknownFile},
		"environment file elsewhere":   {`./etc/rules.json`, `../etc/rules.json`, CodeHref},
		"environment file without one": {`ovf:fileRef="rules"`, ``, CodeMissingAttribute},
		"unknown element in a section": {`<PlacementSection ovf:group="near">`, `<PlacementSection ovf:group="near"><Else/>`, CodeRequiredUnknown},
		"negative reservation":         {`>512<`, `>-512<`, CodeNumber},
		"placement group in a system":  {`<EnvironmentFilesSection>`, `<PlacementGroupSection ovf:id="x"/><EnvironmentFilesSection>`, CodeMisplaced},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pkg := cluster(t, c.old, c.new)
			require.False(t, pkg.Valid())
			require.Equal(t, c.code, pkg.Findings.Errors()[0].Code, pkg.Findings.String())
			require.NotZero(t, pkg.Findings.Errors()[0].Line)
		})
	}
}

// Each section that the standard knows has an example of its own.
func TestEverySectionOfTheStandardHasAnExample(t *testing.T) {
	t.Parallel()
	for name := range sectionPlaces {
		require.FileExists(t, "../testdata/ovf/sections/"+name+".ovf")
	}
	for _, name := range []string{"References", "Strings", "NetworkServiceSection", "BootOrderSection"} {
		require.FileExists(t, "../testdata/ovf/sections/"+name+".ovf")
	}
}
