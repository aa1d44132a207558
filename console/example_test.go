package console_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/console"
	"github.com/cosmic-go/allocation/memory"
)

// A host mounts the console behind its own login. Everybody on the staff may look, and a manager may act.
func ExampleNew() {
	store := memory.New() // or a database, see package sqlstore
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	if err != nil {
		log.Fatal(err)
	}
	isManager := func(r *http.Request, _ console.Action) bool {
		user, _, _ := r.BasicAuth()
		return user == "manager"
	}
	pages, err := console.New(store, &console.Options{Title: "Stock", Authorize: isManager, Sweep: service.Sweep})
	if err != nil {
		log.Fatal(err)
	}
	onlyStaff := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, _, _ := r.BasicAuth(); user == "" { // a host checks the password, too
				w.Header().Set("WWW-Authenticate", `Basic realm="staff"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	mux := http.NewServeMux()
	mux.Handle("/console/", onlyStaff(http.StripPrefix("/console", pages)))

	for _, user := range []string{"", "manager"} {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/console/outbox", nil)
		if user != "" {
			r.SetBasicAuth(user, "secret")
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// 401
	// 200
}
