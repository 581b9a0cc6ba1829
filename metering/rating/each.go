package rating

import "github.com/bumpwire/bumpwire/provision/topology"

// RateEach is Rate for each instance by itself: of one whose usage or prices are unsound it
// gives the error of Rate in place of lines, and the others have theirs.
func RateEach(usage []Usage, prices Prices, period Period) ([]Line, map[topology.InstanceID]error) {
	each := map[topology.InstanceID][]Usage{}
	for _, u := range usage {
		each[u.Instance] = append(each[u.Instance], u)
	}
	lines, unsound := []Line{}, map[topology.InstanceID]error{}
	for instance, own := range each {
		more, err := Rate(own, prices, period)
		if err != nil {
			unsound[instance] = err
			continue
		}
		lines = append(lines, more...)
	}
	return Ordered(lines), unsound
}
