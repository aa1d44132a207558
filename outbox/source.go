package outbox

import (
	"net/url"
	"strings"
)

// checkSource refuses an empty source, and a source that is not a URI-reference (RFC 3986). url.Parse alone would
// accept spaces and letters outside of ASCII.
func checkSource(op, source string) error {
	const punctuation = "-._~:/?#[]@!$&'()*+,;=%"
	outsideSyntax := func(c rune) bool {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		return !letter && (c < '0' || c > '9') && !strings.ContainsRune(punctuation, c)
	}
	_, err := url.Parse(source)
	if err != nil || source == "" || strings.ContainsFunc(source, outsideSyntax) {
		return invalid(op, "source", source, "must be a URI-reference")
	}
	return nil
}
