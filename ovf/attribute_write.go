package ovf

import (
	"strconv"
	"strings"
)

// when is a boolean attribute that is left out where it is false.
func when(on bool, name string) []xmlAttr {
	if on {
		return []xmlAttr{{name, "true"}}
	}
	return nil
}

// notNegative is "" for a number that was not said.
func notNegative(n int64) string {
	if n < 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// positive is "" for 0, which means the default.
func positive[N int | int64](n N) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(int64(n), 10)
}

// unless is "" for the value that is the default.
func unless(standard, value string) string {
	if value == standard {
		return ""
	}
	return value
}

func words(list []string) string { return strings.Join(list, " ") }

// commentText is text from outside in a form that cannot end a comment.
func commentText(s string) string {
	return strings.ReplaceAll(printable(s, 100), "-", "\u2010")
}
