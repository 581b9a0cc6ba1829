# Reads an OVF environment document (DSP8027) and writes the value of each
# property this appliance knows into a file of its name in `folder`.
#
# Prefixes of XML are arbitrary, so only local names count.  Everything from the
# first Entity on is about the sibling systems of a multi-VM package, and is not
# for us.

BEGIN {
    RS = "\001"                     # the whole document is one record
    known["firewall.block-tcp-ports"]
    known["optimiser.dscp"]
    known["management.password"]
    known["management.address"]
    known["management.netmask"]
}

{
    document = without($0, "<!--", "-->")
    while (match(document, /<[^>"']*("[^"]*"[^>"']*|'[^']*'[^>"']*)*>/)) {
        tag = substr(document, RSTART + 1, RLENGTH - 2)
        document = substr(document, RSTART + RLENGTH)
        name = tag
        sub(/[ \t\r\n\/].*/, "", name)
        sub(/^[^:]*:/, "", name)
        if (name == "Entity") exit
        if (name == "Property") property(tag)
    }
}

function property(tag,    key) {
    key = attribute(tag, "key")
    if (key in known) {
        printf "%s", attribute(tag, "value") > (folder "/" key)
        close(folder "/" key)
    }
}

# The value of the attribute with this local name, or "".
function attribute(tag, local,    found, quote, name, value) {
    while (match(tag, /[^ \t\r\n=]+[ \t\r\n]*=[ \t\r\n]*("[^"]*"|'[^']*')/)) {
        found = substr(tag, RSTART, RLENGTH)
        tag = substr(tag, RSTART + RLENGTH)
        name = found
        sub(/[ \t\r\n]*=.*/, "", name)
        sub(/^[^:]*:/, "", name)
        if (name != local) continue
        value = found
        sub(/^[^=]*=[ \t\r\n]*/, "", value)
        return unescape(substr(value, 2, length(value) - 2))
    }
    return ""
}

function unescape(text,    out, entity) {
    gsub(/[\t\r\n]/, " ", text)     # XML 1.0, 3.3.3: white space of an attribute
    while (match(text, /&[^;&]*;/)) {
        entity = substr(text, RSTART + 1, RLENGTH - 2)
        out = out substr(text, 1, RSTART - 1) character(entity)
        text = substr(text, RSTART + RLENGTH)
    }
    return out text
}

function character(entity) {
    if (entity == "lt") return "<"
    if (entity == "gt") return ">"
    if (entity == "amp") return "&"
    if (entity == "quot") return "\""
    if (entity == "apos") return "'"
    if (entity ~ /^#x[0-9A-Fa-f]+$/) return utf8(number(tolower(substr(entity, 3)), 16))
    if (entity ~ /^#[0-9]+$/) return utf8(number(substr(entity, 2), 10))
    return "&" entity ";"
}

function number(digits, base,    i, n) {
    for (i = 1; i <= length(digits); i++)
        n = n * base + index("0123456789abcdef", substr(digits, i, 1)) - 1
    return n
}

function utf8(code) {
    if (code < 128) return sprintf("%c", code)
    if (code < 2048) return sprintf("%c%c", 192 + int(code / 64), 128 + code % 64)
    if (code < 65536)
        return sprintf("%c%c%c", 224 + int(code / 4096), 128 + int(code / 64) % 64, 128 + code % 64)
    return sprintf("%c%c%c%c", 240 + int(code / 262144), 128 + int(code / 4096) % 64, \
        128 + int(code / 64) % 64, 128 + code % 64)
}

function without(text, from, to,    at, rest, out) {
    while ((at = index(text, from)) > 0) {
        out = out substr(text, 1, at - 1)
        rest = substr(text, at + length(from))
        at = index(rest, to)
        text = at > 0 ? substr(rest, at + length(to)) : ""
    }
    return out text
}
