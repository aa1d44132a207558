# Prints the statement coverage of every package in a Go cover profile, and fails if any has less than `least`
# percent. A profile of several test binaries has every block once for each of them; it is covered if one did.

NR > 1 {
	statements[$1] = $2
	hits[$1] += $3
}

END {
	for (block in statements) {
		package = block
		sub(/\/[^\/]*$/, "", package)
		all[package] += statements[block]
		if (hits[block] > 0) covered[package] += statements[block]
	}
	failed = NR < 2
	for (package in all) {
		percent = 100 * covered[package] / all[package]
		printf "%s: %.1f%% of %d statements covered\n", package, percent, all[package]
		if (percent < least) {
			printf "%s: less than %d%%\n", package, least
			failed = 1
		}
	}
	exit failed
}
