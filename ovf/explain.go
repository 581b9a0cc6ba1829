package ovf

import "slices"

// Explanation is what a finding code means to whoever has to act on it.
type Explanation struct {
	Code       Code
	Severities Severities
	Means      string // what was found
	Matters    string // why it is not let pass, with its source
	Remedy     string // what to do about it
}

// Severities are the ways in which findings of one code occur.
type Severities uint8

// An error and a warning are a Severity each; a remark is a warning about what
// the standard allows, which stays one in a strict reading.
const (
	CanError Severities = 1 << iota
	CanWarn
	CanRemark
)

// Explanations are all codes in groups, in the order of a package's reading:
// the text of the descriptor first, the disks last.
func Explanations() []ExplanationGroup {
	return []ExplanationGroup{
		{"The descriptor as XML", explainXML},
		{"What a descriptor must hold, and where", explainStructure},
		{"Values", explainValues},
		{"References", explainReferences},
		{"Hardware and limits", explainHardware},
		{"Properties and the network service", explainProperties},
		{"The container and its members", explainContainer},
		{"Manifest and certificate", explainManifest},
		{"Disk images", explainDisks},
		{"The report itself", explainReport},
	}
}

// ExplanationGroup are the codes of one subject.
type ExplanationGroup struct {
	Title string
	Codes []Explanation
}

// Explain returns what that code means; ok is false for a code there is not.
func Explain(code Code) (e Explanation, ok bool) {
	for _, group := range Explanations() {
		i := slices.IndexFunc(group.Codes, func(e Explanation) bool { return e.Code == code })
		if i >= 0 {
			return group.Codes[i], true
		}
	}
	return Explanation{}, false
}

var explainReport = []Explanation{
	{
		CodeTooManyFindings, CanError | CanWarn,
		"More problems of one severity were found than a report shows.",
		"A package that is wrong everywhere must not fill logs and memory; errors and warnings are counted apart, so that neither hides the other.",
		"Correct what is shown and inspect the package again.",
	},
}
