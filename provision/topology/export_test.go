package topology

// PlanWhole plans without leaving out what no step can touch.
var PlanWhole = plan

// Concerned is what a plan looks at of both fabrics.
func Concerned(have, want Fabric) (Fabric, Fabric) {
	c := concerned(have, want)
	return c.cut(c.have), c.cut(c.want)
}
