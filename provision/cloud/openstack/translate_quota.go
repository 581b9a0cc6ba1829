package openstack

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// How the services say that a quota is used up: Neutron with 409, Nova with 403,
// Cinder with 413, Glance with 413 and, by Keystone's limits, 403.
var (
	quota      = saying(`quota exceeded|exceed\w*\b.*\bquota|over limit|LimitExceeded|AvailableQuota`)
	novas      = saying(`quota exceeded for ([a-z_, ]+): requested ([\d, ]+), but already used ([\d, ]+) of ([\d, ]+)`)
	neutrons   = saying(`quota exceeded for resources: \[([^\]]*)\]`)
	cinders    = saying(`maximum number of (volumes) allowed \((\d+)\)`)
	gigabytes  = saying(`requested (\d+)G, quota is (\d+)G and (\d+)G has been consumed`)
	keystones  = saying(`resource ([a-z_]+) is over limit of (\d+) due to current usage (\d+) and delta (\d+)`)
	tooManyAre = saying(`too many (server groups|servers in group)`)
)

// overQuota says which quota is used up, with its numbers where the service tells them.
func overQuota(status int, c complaint) (string, bool) {
	may := status == http.StatusConflict || status == http.StatusForbidden || status == http.StatusRequestEntityTooLarge
	if !may || c.name != "OverQuota" && !quota.MatchString(c.text) {
		return "", false
	}
	if m := novas.FindStringSubmatch(c.text); m != nil {
		return eachQuota(m)
	}
	if m := gigabytes.FindStringSubmatch(c.text); m != nil {
		return quotaLine(ofGiB, m[2], m[3], m[1]), true
	}
	if m := keystones.FindStringSubmatch(c.text); m != nil {
		return quotaLine(known(m[1]), m[2], m[3], m[4]), true
	}
	if m := cinders.FindStringSubmatch(c.text); m != nil {
		return fmt.Sprintf("quota for %s is %s, and all are used", ofVolumes, m[2]), true
	}
	if names := usedUp(c); len(names) > 0 {
		return "the quota for " + strings.Join(names, ", ") + " of the broker's project is used up", true
	}
	if m := tooManyAre.FindStringSubmatch(c.text); m != nil {
		return "the quota for " + strings.ToLower(m[1]) + " of the broker's project is used up", true
	}
	return "a quota of the broker's project is used up", true
}

// eachQuota are those of Nova, which lists names and numbers in one order.
func eachQuota(m []string) (string, bool) {
	names, asked, used, most := strings.Split(m[1], ", "), strings.Split(m[2], ", "), strings.Split(m[3], ", "), strings.Split(m[4], ", ")
	if len(asked) != len(names) || len(used) != len(names) || len(most) != len(names) {
		return "a quota of the broker's project is used up", true
	}
	var lines []string
	for i, name := range names {
		lines = append(lines, quotaLine(known(name), most[i], used[i], asked[i]))
	}
	return strings.Join(lines, "; "), true
}

func quotaLine(of, most, used, takes string) string {
	return fmt.Sprintf("quota for %s is %s, %s used, this needs %s", of, strings.TrimSpace(most), strings.TrimSpace(used), strings.TrimSpace(takes))
}

// usedUp are the things that Neutron has no quota left for; it tells no numbers.
func usedUp(c complaint) (names []string) {
	m := neutrons.FindStringSubmatch(c.text)
	if m == nil {
		return nil
	}
	for name := range strings.SplitSeq(m[1], ",") {
		names = append(names, known(strings.Trim(name, " '\"u")))
	}
	return names
}

// known is what people call a thing that a service has a quota for.
func known(name string) string {
	if to, ok := map[string]string{
		"network": ofNetworks, "subnet": ofSubnets, "port": ofPorts, "floatingip": ofFloatingIPs, "router": ofRouters,
		"instances": ofServers, "cores": ofVCPUs, "ram": ofMemory, "server_groups": ofServerGroups, "key_pairs": ofKeys,
		"volumes": ofVolumes, "gigabytes": ofGiB, "image_count_total": "images", "image_size_total": "MiB of images",
		"image_stage_total": "MiB of images being made", "image_count_uploading": "images being uploaded",
		"security_group": "security groups", "security_group_rule": "rules of security groups",
	}[name]; ok {
		return to
	}
	return "things of this kind"
}

// counted adds the numbers of Neutron's quotas, which it leaves out when it refuses.
func (d *Driver) counted(ctx context.Context, err error) error {
	answer, ok := unexpected(err)
	if !ok {
		return err
	}
	more := need{}
	for _, name := range usedUp(complaintOf(answer.Body)) {
		more[name] = 1
	}
	if len(more) == 0 {
		return err
	}
	limits, lookErr := d.networkLimits(ctx)
	told := short(limits, more)
	if lookErr != nil || told == nil {
		return err
	}
	what, _, _ := strings.Cut(fault.Message(err), ": ")
	return &fault.Error{Kind: fault.Full, Message: what + ": " + fault.Message(told), Err: err}
}
