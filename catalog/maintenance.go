package catalog

import (
	"regexp"
	"strconv"
	"strings"
)

// MaintenanceVersion is the package's version as platforms want it: semantic
// versioning 2.0 (OSB 2.17, "Maintenance Info Object"). A version that is one
// already stays as it is. Of any other the numbers at its beginning, up to three,
// are the version, missing ones zero, and the rest is build metadata, so that two
// versions that differ in it differ here: 7.2 is 7.2.0, v10.1.3.4-a is
// 10.1.3+4-a, 2024_07 is 2024.0.0+07, final is 0.0.0+final.
func (id PackageID) MaintenanceVersion() string {
	_, version, _ := strings.Cut(string(id), "@")
	if semver.MatchString(version) {
		return version
	}
	numbers := leading.FindString(version)
	rest := version[len(numbers):]
	parts := strings.Split(strings.TrimLeft(numbers, "vV"), ".")
	for n := range parts {
		parts[n] = plain(parts[n])
	}
	for len(parts) < 3 {
		parts = append(parts, "0")
	}
	text := strings.Join(parts, ".")
	if rest = strings.Trim(notBuild.ReplaceAllString(rest, "."), ".-"); rest != "" {
		text += "+" + rest
	}
	return text
}

// The expressions of semver.org, item 9 and 10, and what is like them.
var (
	semver = regexp.MustCompile(`^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)` +
		`(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?` +
		`(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$`)
	leading  = regexp.MustCompile(`^[vV]?[0-9]{1,18}(\.[0-9]{1,18}){0,2}`)
	notBuild = regexp.MustCompile(`[^0-9A-Za-z-]+`)
)

// plain is a number without leading zeros; nothing is zero.
func plain(digits string) string {
	n, _ := strconv.ParseUint("0"+digits, 10, 64) // at most 18 digits
	return strconv.FormatUint(n, 10)
}
