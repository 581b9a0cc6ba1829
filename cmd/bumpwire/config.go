package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
)

// config is everything that `bumpwire serve` can be told. A key left out keeps
// the default that standard gives it. Each is overridden by an environment
// variable, BUMPWIRE_SECTION_KEY, and that by a flag.
type config struct {
	Server   serverConfig   `yaml:"server"`
	Store    storeConfig    `yaml:"store"`
	Cloud    cloudConfig    `yaml:"cloud"`
	Packages packagesConfig `yaml:"packages"`
	OSB      osbConfig      `yaml:"osb"`
	Metering meteringConfig `yaml:"metering"`
	Monitor  monitorConfig  `yaml:"monitor"`
	Identity identityConfig `yaml:"identity"`

	Provision provisionConfig `yaml:"provision"`

	Log logConfig `yaml:"log"`
}

type serverConfig struct {
	Listen string `yaml:"listen"` // host:port; port 0: any that is free
	Data   string `yaml:"data"`   // folder of the store, the packages, the key and the clouds' images

	// Drain is how long a broker that is to stop goes on serving while /readyz says 503.
	Drain time.Duration `yaml:"drain"`
}

// mostBootWait is less than work.Options has as the deadline of a task that waits.
const mostBootWait = 8 * time.Minute

type storeConfig struct {
	URL          string `yaml:"url"`           // sqlite:PATH or mongodb://…; empty: sqlite:DATA/bumpwire.db
	PasswordFile string `yaml:"password_file"` // mongodb: holds the password of the URI's user; empty: as the URI says
}

type cloudConfig struct {
	Driver      string        `yaml:"driver"`          // linux, openstack or sim
	Scope       string        `yaml:"scope"`           // linux, openstack: tells brokers in one cloud apart; 1 to 16 of a-z, 0-9
	Name        string        `yaml:"name"`            // openstack: a cloud of clouds.yaml; empty: as OS_CLOUD or the other OS_ variables say
	File        string        `yaml:"file"`            // openstack: a clouds.yaml elsewhere than where OpenStack's tools look for it
	Region      string        `yaml:"region"`          // openstack: empty: as clouds.yaml or OS_REGION_NAME says
	Regions     regionsConfig `yaml:"regions"`         // openstack, sim: regions that one broker serves, by name, the first for whoever names none; empty: the one of the keys around this one
	CA          string        `yaml:"ca"`              // openstack: a PEM file of certificates to be trusted beside the system's
	Retain      bool          `yaml:"retain"`          // openstack: keep the data volumes of appliances that are removed
	Management  string        `yaml:"management"`      // openstack: a network that all appliances' management legs share and the broker reaches; empty: each tenant has its own
	MgmtFrom    string        `yaml:"management_from"` // openstack: ranges from which appliances may be reached there, with commas between them: the broker's, and where tenants' administrators are
	Cutover     string        `yaml:"cutover"`         // openstack: how a gateway's port moves: api, or ovn by access to OVN's northbound database
	OVNAddress  string        `yaml:"ovn_address"`     // openstack: that database: tcp:HOST:PORT, ssl:HOST:PORT or unix:PATH, a cluster's with commas
	OVNCA       string        `yaml:"ovn_ca"`          // openstack: ssl: a PEM file of who may have signed the database's certificate
	OVNCert     string        `yaml:"ovn_cert"`        // openstack: ssl: a PEM file of the broker's own certificate
	OVNKey      string        `yaml:"ovn_key"`         // openstack: ssl: a PEM file of its key
	Accelerator string        `yaml:"accelerator"`     // linux: kvm, tcg, or empty for the best that works
	BootTime    time.Duration `yaml:"boot_time"`       // sim: how long an appliance takes until it forwards
	BootWait    time.Duration `yaml:"boot_wait"`       // openstack: how long after its start an appliance gets traffic that has no health endpoint, or none that is reached; to 8m; 0: at once
	Parallel    int           `yaml:"parallel"`        // tenants whose networks this broker works on at the same time
}

type packagesConfig struct {
	Store      string `yaml:"store"`      // swift://CONTAINER; empty: files in the data folder
	Cloud      string `yaml:"cloud"`      // swift: a cloud of clouds.yaml; empty: as OS_CLOUD or the other OS_ variables say
	Strict     bool   `yaml:"strict"`     // refuse a pushed package for every deviation, as package push --strict does
	Trust      string `yaml:"trust"`      // who may sign: a PEM file or a folder of them; empty: nobody is trusted
	Signatures string `yaml:"signatures"` // which packages are taken: optional, signed or trusted
	SizeGiB    int    `yaml:"size_gib"`   // of the files of one package
	VendorGiB  int    `yaml:"vendor_gib"` // of the files of all packages of one vendor; 0: no limit
	Uploads    int    `yaml:"uploads"`    // at once, of one vendor; of all vendors together four times as many
}

type osbConfig struct {
	MissingVersionStatus int           `yaml:"missing_version_status"` // 412 or 400
	PollingLimit         time.Duration `yaml:"polling_limit"`          // maximum_polling_duration of plans
	RetryAfter           time.Duration `yaml:"retry_after"`            // between two polls
	StrictOperation      bool          `yaml:"strict_operation"`       // 400 for a poll that names another operation than the latest
	BindingLifetime      time.Duration `yaml:"binding_lifetime"`       // of bindings' own logins; 0: until they are unbound
}

type meteringConfig struct {
	Window   time.Duration `yaml:"window"`   // length of a metering window; a day is a whole number of them
	Sample   time.Duration `yaml:"sample"`   // between two readings of counters; a window is a whole number of them; 0: a twelfth of it
	Schedule string        `yaml:"schedule"` // cron expression in UTC, when windows are closed; empty: as soon as each is over
	Zone     string        `yaml:"zone"`     // time zone in which months of statements begin, as Europe/Berlin
	Lateness time.Duration `yaml:"lateness"` // how long a month's statements wait for usage that is reported late
	Issuer   string        `yaml:"issuer"`   // who issues invoices, as exports name it; empty: "Operator"

	RetainNames time.Duration `yaml:"retain_names"` // after how long people's names are erased; 0: never

	PrivateWebhooks bool `yaml:"private_webhooks"` // alerts of budgets may go to addresses that are not public, and by http
}

type monitorConfig struct {
	Every time.Duration `yaml:"every"` // between two probes of an appliance
}

type provisionConfig struct {
	Reconcile reconcileConfig `yaml:"reconcile"`
}

type reconcileConfig struct {
	Schedule string `yaml:"schedule"` // when the cloud is compared with the records: a duration or a cron expression in UTC; empty: only on demand
	Policy   string `yaml:"policy"`   // what then happens: report or repair
}

type logConfig struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text or json
}

// standard is the configuration of somebody who says nothing.
func standard() config {
	return config{
		Server:    serverConfig{Listen: "127.0.0.1:8080", Data: "bumpwire-data"},
		Packages:  packagesConfig{Signatures: "optional", SizeGiB: 64, Uploads: 4},
		Cloud:     cloudConfig{Driver: "linux", Scope: "bumpwire", Cutover: "api", BootTime: 2 * time.Second, BootWait: time.Minute, Parallel: 16},
		OSB:       osbConfig{MissingVersionStatus: 412, PollingLimit: time.Hour, RetryAfter: time.Second},
		Metering:  meteringConfig{Window: time.Hour, Zone: "UTC", Lateness: metering.DefaultLateness},
		Monitor:   monitorConfig{Every: time.Second},
		Provision: provisionConfig{Reconcile: reconcileConfig{Schedule: "5m", Policy: "report"}},
		Identity:  identityConfig{OperatorRoles: "admin", VendorRoles: "vendor", TenantRoles: "member"},
		Log:       logConfig{Level: "info", Format: "text"},
	}
}

// readConfig is the standard one, the file over it, the environment over that.
func readConfig(file string, env func(string) string) (config, error) {
	c := standard()
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return c, fault.New(fault.Invalid, "cannot read the configuration: %s", err)
		}
		if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
			return c, fault.New(fault.Invalid, "%s: %s", file, yaml.FormatError(err, false, true))
		}
	}
	return c, override(reflect.ValueOf(&c).Elem(), "BUMPWIRE", env)
}

// override sets every key whose environment variable is not empty.
func override(v reflect.Value, name string, env func(string) string) error {
	for n := range v.NumField() {
		key := name + "_" + strings.ToUpper(v.Type().Field(n).Tag.Get("yaml"))
		field := v.Field(n)
		if field.Kind() == reflect.Struct {
			if err := override(field, key, env); err != nil {
				return err
			}
			continue
		}
		text := env(key)
		if text == "" {
			continue
		}
		if err := assign(field, text); err != nil {
			return fault.New(fault.Invalid, "%s: %s", key, err)
		}
	}
	return nil
}

func assign(field reflect.Value, text string) error {
	switch p := field.Addr().Interface().(type) {
	case *string:
		*p = text
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		*p = n
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*p = b
	case *regionsConfig:
		*p = nil // by name alone, as in a list with commas
		for _, name := range listed(text) {
			*p = append(*p, regionConfig{Name: name})
		}
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 90s or 1h", text)
		}
		*p = d
	default:
		return fmt.Errorf("a %s cannot be given in the environment", field.Type())
	}
	return nil
}

// check says what cannot be right, before anything is opened.
func (c config) check() error {
	if _, _, err := net.SplitHostPort(c.Server.Listen); err != nil {
		return fault.New(fault.Invalid, "server.listen: %q is not host:port", c.Server.Listen)
	}
	if c.Server.Data == "" {
		return fault.New(fault.Invalid, "server.data: a folder is needed")
	}
	if s := c.OSB.MissingVersionStatus; s != 412 && s != 400 {
		return fault.New(fault.Invalid, "osb.missing_version_status is 412 or 400, not %d", s)
	}
	if c.OSB.BindingLifetime < 0 {
		return fault.New(fault.Invalid, "osb.binding_lifetime is not negative; 0 means until a binding is removed")
	}
	if c.Server.Drain < 0 {
		return fault.New(fault.Invalid, "server.drain is not negative")
	}
	if w := c.Cloud.BootWait; w < 0 || w > mostBootWait {
		return fault.New(fault.Invalid, "cloud.boot_wait is from 0, so that appliances get traffic as soon as they run, to %v, not %v", mostBootWait, w)
	}
	if c.Cloud.Parallel < 1 {
		return fault.New(fault.Invalid, "cloud.parallel is at least 1, not %d", c.Cloud.Parallel)
	}
	if _, err := zoneOf(c.Metering.Zone); err != nil {
		return fault.New(fault.Invalid, "metering.zone: %s", fault.Message(err))
	}
	if r := c.Metering.RetainNames; r != 0 && r < 24*time.Hour {
		return fault.New(fault.Invalid, "metering.retain_names is a day (24h) at least; 0 means for ever")
	}
	if _, err := prefixes(c.Cloud.MgmtFrom); err != nil {
		return fault.New(fault.Invalid, "cloud.management_from: %s", err)
	}
	if err := c.Cloud.checkRegions(); err != nil {
		return err
	}
	if err := c.Store.check(); err != nil {
		return err
	}
	if err := c.Packages.check(); err != nil {
		return err
	}
	if err := c.Provision.Reconcile.check(); err != nil {
		return err
	}
	for _, d := range []struct {
		key string
		is  time.Duration
	}{
		{"osb.polling_limit", c.OSB.PollingLimit}, {"osb.retry_after", c.OSB.RetryAfter},
		{"metering.window", c.Metering.Window}, {"metering.lateness", c.Metering.Lateness}, {"monitor.every", c.Monitor.Every},
	} {
		if d.is <= 0 {
			return fault.New(fault.Invalid, "%s must be longer than nothing", d.key)
		}
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		return fault.New(fault.Invalid, "log.format is text or json, not %q", c.Log.Format)
	}
	return nil
}

func (c reconcileConfig) check() error {
	if c.Policy != "report" && c.Policy != "repair" {
		return fault.New(fault.Invalid, "provision.reconcile.policy is report or repair, not %q", c.Policy)
	}
	if c.Schedule == "" {
		return nil
	}
	if _, err := provision.ParseSchedule(c.Schedule); err != nil {
		return fault.New(fault.Invalid, "provision.reconcile.schedule: %s", err)
	}
	return nil
}

// loop reconciles until its context ends.
func (c reconcileConfig) loop(p *provision.Service) func(context.Context) error {
	return func(ctx context.Context) error {
		if c.Schedule == "" {
			return nil
		}
		schedule, err := provision.ParseSchedule(c.Schedule)
		if err != nil {
			return err
		}
		return p.Reconcile(ctx, schedule, c.Policy == "repair")
	}
}

// path is a file or folder in the data folder.
func (c config) path(name string) string { return filepath.Join(c.Server.Data, name) }
