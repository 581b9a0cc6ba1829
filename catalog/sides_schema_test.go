package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
)

func TestSymmetricServicesOfferNoStandby(t *testing.T) {
	t.Parallel()
	in := catalog.Insertion{Topology: "single", HA: []string{"standby", "respin", "none", "cluster:2"}}
	require.Equal(t, []string{"none", "standby", "respin"}, in.Availabilities())
	in.Topology = "symmetric"
	require.Equal(t, []string{"none", "respin"}, in.Availabilities())
	in.HA = []string{"standby"}
	require.Equal(t, []string{"none"}, in.Availabilities(), "what remains is nothing to choose from")
}
