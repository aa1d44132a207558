# Prints each line of Markdown with more than 120 columns, and fails if there is one. A long line is read badly beside
# another window, and its diff shows a paragraph in place of the changed words. Three kinds of lines may be longer,
# because a line break would change the page or the text:
#
#   - a row of a table, which begins with a bar;
#   - a line that consists of one link, with or without the mark of a list;
#   - the output of a command: a fenced block without a language. Blocks of a language (```go, ```sh) are checked.
#
# A tab counts as 4 columns, a character of UTF-8 as one. Run it with LC_ALL=C, so that every awk counts bytes.

BEGIN { most = 120 }

FNR == 1 { fenced = output = 0 }

/^ *```/ {
	fenced = !fenced
	output = fenced && $0 ~ /^ *``` *$/
	next
}

fenced ? output : /^ *\|/ || /^ *([-*] )?(\[[^]]*\]: *[^ ]+|!?\[[^]]*\]\([^ )]*\)[.,;:]?|<?https?:[^ ]*) *$/ { next }

{
	columns = 0
	for (i = 1; i <= length($0); i++) {
		byte = substr($0, i, 1)
		if (byte == "\t") columns += 4 - columns % 4
		else if (byte !~ /[\200-\277]/) columns++ # no second or later byte of a character
	}
	if (columns > most) {
		printf "%s:%d: %d columns, at most %d\n", FILENAME, FNR, columns, most
		long++
	}
}

END { exit long > 0 }
