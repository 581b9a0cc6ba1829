package topology

// PlanWhole plans without leaving out what no step can touch.
var PlanWhole = plan

// PlanOnce plans in one manner only.
func PlanOnce(have, want Fabric) ([]Step, error) {
	p, err := planned(Settle(have), Settle(want), manner{})
	if err != nil {
		return nil, err
	}
	return p.steps, nil
}

// Concerned is what a plan looks at of both fabrics.
func Concerned(have, want Fabric) (Fabric, Fabric) {
	c := concerned(have, want)
	return c.cut(c.have), c.cut(c.want)
}
