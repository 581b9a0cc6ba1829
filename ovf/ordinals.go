package ovf

// ordinals numbers namesakes among the children of one element. Most elements
// have few kinds of children, which a short list holds cheaper than a map.
type ordinals struct {
	few  []tally
	many map[string]int32
}

type tally struct {
	name string
	n    int32
}

const fewNames = 16

// next returns how many of that name there are with this one.
func (c *ordinals) next(name string) int32 {
	for i := range c.few {
		if c.few[i].name == name {
			c.few[i].n++
			return c.few[i].n
		}
	}
	if len(c.few) < fewNames {
		c.few = append(c.few, tally{name, 1})
		return 1
	}
	if c.many == nil {
		c.many = map[string]int32{}
	}
	c.many[name]++
	return c.many[name]
}
