# Reads the list of TCP ports of property firewall.block-tcp-ports: numbers and
# ranges "a-b" of 1..65535, separated by commas or spaces.  Prints it in the form
# "23,8000-8010"; or, with exit code 1, a sentence that says what is wrong.

{ list = list " " $0 }

END {
    count = split(list, entries, /[ ,\t\r]+/)
    for (i = 1; i <= count; i++) {
        entry = entries[i]
        if (entry == "") continue
        parts = split(entry, bound, "-")
        low = bound[1]
        high = parts == 2 ? bound[2] : low
        if (parts > 2 || !port(low) || !port(high) || low + 0 > high + 0) {
            gsub(/[^0-9A-Za-z.:_-]/, "?", entry)    # it ends up inside JSON
            print "\047" substr(entry, 1, 40) "\047 is no TCP port or range"
            exit 1
        }
        out = out (out == "" ? "" : ",") (low + 0) (low + 0 == high + 0 ? "" : "-" (high + 0))
    }
    print out
}

function port(text) { return text ~ /^[0-9]+$/ && length(text) < 8 && text + 0 >= 1 && text + 0 <= 65535 }
