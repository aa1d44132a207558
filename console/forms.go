package console

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
)

// cookieName names the cookie to which the token of a form belongs.
const cookieName = "allocation-console"

// forms makes and checks the tokens of forms: a token is the signature of the cookie's value, so only a page of the
// console can hold the token of a browser's cookie.
type forms struct {
	key    []byte
	origin *http.CrossOriginProtection
}

// newForms takes a random key if there is none.
func newForms(key []byte) forms {
	if key == nil {
		key = make([]byte, keyLength)
		_, _ = rand.Read(key) // never fails
	}
	return forms{key: append([]byte(nil), key...), origin: http.NewCrossOriginProtection()}
}

// token returns the token for the browser's cookie, and sets a cookie if the browser has none. The cookie has no path,
// so the browser sends the cookie to the folder of the page alone, until the session of the browser ends.
func (f forms) token(w http.ResponseWriter, r *http.Request) string {
	cookie, err := r.Cookie(cookieName)
	if err != nil || cookie.Value == "" {
		cookie = &http.Cookie{
			Name: cookieName, Value: rand.Text(), HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode,
		}
		http.SetCookie(w, cookie)
	}
	return base64.RawURLEncoding.EncodeToString(f.sign(cookie.Value))
}

// check reports whether a POST comes from a page of the console in the same browser.
func (f forms) check(r *http.Request) bool {
	cookie, err := r.Cookie(cookieName)
	if err != nil || cookie.Value == "" || f.origin.Check(r) != nil {
		return false
	}
	given, err := base64.RawURLEncoding.DecodeString(r.PostFormValue("token"))
	return err == nil && hmac.Equal(given, f.sign(cookie.Value))
}

// sign returns the signature of a cookie's value.
func (f forms) sign(value string) []byte {
	mac := hmac.New(sha256.New, f.key)
	mac.Write([]byte(value))
	return mac.Sum(nil)
}
