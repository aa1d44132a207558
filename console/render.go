package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

//go:embed templates/*.html templates/*.css templates/*.svg
var sources embed.FS

// frame surrounds the data of a page.
type frame struct {
	Title   string // of the console
	Heading string
	Section string // of the navigation
	Style   string // address of the style sheet
	At      time.Time
	Notice  string
	Token   string          // of forms; "" if no action is offered
	May     map[string]bool // the actions to offer
	Data    any
}

// frame returns the frame of a page without actions.
func (c *console) frame(heading, section string, at time.Time) frame {
	return frame{Title: c.Title, Heading: heading, Section: section, Style: styleAddress, At: at}
}

// offer fills in the allowed actions of a page, and the token if there are any.
func (c *console) offer(w http.ResponseWriter, r *http.Request, actions []Action, f *frame) {
	able := c.actions()
	for _, action := range actions {
		if _, can := able[string(action)]; can && c.Authorize(r, action) {
			if f.May == nil {
				f.May, f.Token = map[string]bool{}, c.forms.token(w, r)
			}
			f.May[string(action)] = true
		}
	}
}

// parseTemplates returns the templates of the pages by name. Files with "_" first are common to all pages.
func parseTemplates() (map[string]*template.Template, error) {
	common, err := template.New("").Funcs(functions).ParseFS(sources, "templates/_*.html")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(sources, "templates/[a-z]*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, name := range names {
		page, err := template.Must(common.Clone()).ParseFS(sources, name)
		if err != nil {
			return nil, err
		}
		pages[strings.TrimSuffix(path.Base(name), ".html")] = page
	}
	return pages, nil
}

// functions are the functions of the templates.
var functions = template.FuncMap{
	"units":   grouped[allocation.Quantity],
	"count":   grouped[int64],
	"signed":  signed,
	"stamp":   stamp,
	"day":     day,
	"machine": machine,
	"since":   since,
	"next":    func(n int64) int64 { return n + 1 },
	"list":    func(items ...any) []any { return items },
}

// file is an embedded file, sent unchanged.
type file struct {
	kind    string
	content []byte
}

var (
	files        = embedded()
	styleAddress = "style.css?v=" + digest(files["style.css"].content)
)

// embedded reads the files to send unchanged.
func embedded() map[string]file {
	list := map[string]file{}
	for name, kind := range map[string]string{
		"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml",
	} {
		content, err := sources.ReadFile("templates/" + name)
		if err != nil {
			panic(err) // the file was there when the program was built
		}
		list[name] = file{kind, content}
	}
	return list
}

// digest tells one version of a file from another.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// serve sends the file. A browser may keep the file for an hour, since there is no data of the store inside.
func (f file) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", "max-age=3600")
	_, _ = w.Write(f.content) // a reader who left needs no answer
}
