// Package focus writes charges in the form of the FinOps Open Cost and Usage
// Specification, FOCUS 1.2 (https://focus.finops.org), as CSV, and checks files of that
// form. It knows nothing of ours but what money there is: what a charge is made of is its caller's matter.
//
// The columns are all mandatory ones and those conditional and recommended ones that
// apply to a provider of network services without zones and commitment
// discounts. What has no value is an empty cell.
package focus
