package outbox

import (
	"net/url"
	"strings"
)

// checkSource refuses what is no URI-reference (RFC 3986), or an empty one. Package url alone would let spaces
// through.
func checkSource(op, source string) error {
	const others = "-._~:/?#[]@!$&'()*+,;=%"
	foreign := func(c rune) bool {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		return !letter && (c < '0' || c > '9') && !strings.ContainsRune(others, c)
	}
	_, err := url.Parse(source)
	if err != nil || source == "" || strings.ContainsFunc(source, foreign) {
		return invalid(op, "source", source, "must be a URI-reference")
	}
	return nil
}
