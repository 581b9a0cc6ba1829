package openstack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// alone takes all OS_ variables out of a test's environment.
func alone(t *testing.T) {
	for _, name := range []string{"OS_CLOUD", "OS_CLIENT_CONFIG_FILE", "OS_AUTH_URL", "OS_TOKEN", "OS_USERNAME", "OS_USER_ID", "OS_PASSWORD", "OS_PROJECT_NAME",
		"OS_PROJECT_ID", "OS_TENANT_NAME", "OS_TENANT_ID", "OS_ENDPOINT_TYPE", "OS_CLIENT_SECURE_FILE", "OS_CLIENT_VENDOR_FILE", "OS_USER_DOMAIN_NAME", "OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_NAME", "OS_PROJECT_DOMAIN_ID", "OS_DOMAIN_NAME", "OS_DOMAIN_ID", "OS_REGION_NAME", "OS_INTERFACE",
		"OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_NAME", "OS_APPLICATION_CREDENTIAL_SECRET", "OS_TRUST_ID", "OS_CACERT", "OS_CERT", "OS_KEY"} {
		t.Setenv(name, "")
	}
}

func TestAccountsOfTheEnvironmentAndOfTheFileAreTheSame(t *testing.T) {
	alone(t)
	_, _, _, err := credentials(Options{})
	require.ErrorIs(t, err, fault.Invalid, "no cloud is named")

	for name, value := range map[string]string{
		"OS_AUTH_URL": "https://cloud.example:5000/v3", "OS_USERNAME": "ann", "OS_PASSWORD": `p"w: x`, "OS_PROJECT_NAME": "acme",
		"OS_USER_DOMAIN_NAME": "people", "OS_PROJECT_DOMAIN_NAME": "work", "OS_REGION_NAME": "north", "OS_INTERFACE": "internal",
	} {
		t.Setenv(name, value)
	}
	account, endpoint, _, err := credentials(Options{})
	require.NoError(t, err)
	require.Equal(t, "people", account.DomainName)
	require.Equal(t, "work", account.Scope.DomainName)
	require.Equal(t, "acme", account.Scope.ProjectName)
	require.Equal(t, "north", endpoint.Region)

	file := filepath.Join(t.TempDir(), "clouds.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
clouds:
  one:
    region_name: north
    interface: internal
    auth: {auth_url: "https://cloud.example:5000/v3", username: ann, password: 'p"w: x', project_name: acme, user_domain_name: people, project_domain_name: work}
`), 0o600))
	same, place, _, err := credentials(Options{Cloud: "one", File: file})
	require.NoError(t, err)
	require.Equal(t, account, same)
	require.Equal(t, endpoint, place)
	_, place, _, err = credentials(Options{Cloud: "one", File: file, Region: "south"})
	require.NoError(t, err)
	require.Equal(t, "south", place.Region)
	_, _, _, err = credentials(Options{Cloud: "two", File: file})
	require.ErrorIs(t, err, fault.Invalid)
}

// The first service of each kind could be another region's than the first of another.
func TestARegionIsChosenWhereThereAreSeveral(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.f.regions = []string{"north", "south"}
	delete(p.entry, "region_name")
	p.examine() // writes the file
	_, err := newDriver(t.Context(), p.options)
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, "regions north, south")
	p.options.Region = "south"
	_, err = newDriver(t.Context(), p.options)
	require.NoError(t, err)
}

// Two drivers of one account, each for a region, make each call where its region is.
func TestEveryServiceIsThatOfTheRegion(t *testing.T) {
	t.Parallel()
	north, south := newPatient(t), newPatient(t)
	north.f.regions = []string{"north", "south"}
	north.f.at = map[string]string{"south": south.f.URL}
	delete(north.entry, "region_name")
	north.examine() // writes the file
	for _, p := range []*patient{north, south} {
		p.f.put("projects", thing{"id": "acme", "name": "acme", "domain_id": "default"})
	}
	south.f.put("networks", thing{"id": "far", "name": "far", "project_id": "acme"})
	seen := func(region string) []string {
		options := north.options
		options.Region = region
		north.f.token, south.f.token = 1, 2 // all regions take the tokens of the only Keystone
		d, err := newDriver(t.Context(), options)
		require.NoError(t, err)
		f, err := d.Observe(t.Context(), "acme")
		require.NoError(t, err)
		var names []string
		for _, n := range f.Networks {
			names = append(names, string(n.ID))
		}
		return names
	}
	require.Contains(t, seen("south"), "far")
	require.NotContains(t, seen("north"), "far")
}

func TestAccountsWithoutPasswords(t *testing.T) {
	alone(t)
	t.Setenv("OS_AUTH_URL", "https://cloud.example/v3")
	t.Setenv("OS_APPLICATION_CREDENTIAL_ID", "id")
	t.Setenv("OS_APPLICATION_CREDENTIAL_SECRET", "secret")
	account, _, _, err := credentials(Options{})
	require.NoError(t, err)
	require.Equal(t, [2]string{"id", "secret"}, [2]string{account.ApplicationCredentialID, account.ApplicationCredentialSecret})
	t.Setenv("OS_TOKEN", "gAAAA")
	t.Setenv("OS_APPLICATION_CREDENTIAL_ID", "")
	account, _, _, err = credentials(Options{})
	require.NoError(t, err)
	require.Equal(t, "gAAAA", account.TokenID)
}
