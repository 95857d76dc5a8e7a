package pbxtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// answer is what a REST handler says: a status and a JSON value; nil means no body.
type answer struct {
	status int
	body   any
}

func failure(status int, message string) answer {
	return answer{status, object{"message": message}}
}

var (
	noContent  = answer{http.StatusNoContent, nil}
	notFound   = failure(http.StatusNotFound, "Resource not found")
	noApp      = failure(http.StatusNotFound, "Application not found")
	noChannel  = failure(http.StatusNotFound, "Channel not found")
	messagesOf = map[int]string{
		http.StatusUnauthorized: "Authentication required",
		http.StatusForbidden:    "Write access denied",
		http.StatusNotFound:     "Resource not found",
		http.StatusConflict:     "Channel not in Stasis application",
	}
)

// ServeHTTP answers ARI under /ari.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	select {
	case <-f.done:
		f.mu.Unlock()
		return
	default:
	}
	f.work.Add(1)
	f.mu.Unlock()
	defer f.work.Done()

	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/ari/")
	if !ok {
		page(w, http.StatusNotFound)
		return
	}
	segments := strings.Split(rest, "/")
	for i, s := range segments {
		segments[i], _ = url.PathUnescape(s)
	}
	faults, _ := f.fault()
	if faults.Answer != nil {
		if status := faults.Answer(r); status != 0 {
			f.refuse(w, segments[0], status)
			return
		}
	}
	if user, password, _ := r.BasicAuth(); user != f.config.User || password != f.config.Password {
		w.Header().Set("WWW-Authenticate", `Basic realm="Asterisk REST Interface"`)
		f.refuse(w, segments[0], http.StatusUnauthorized)
		return
	}
	if faults.ReadOnly && r.Method != http.MethodGet && r.Method != http.MethodOptions {
		f.refuse(w, segments[0], http.StatusForbidden)
		return
	}
	if len(segments) == 1 && segments[0] == "events" {
		f.events(w, r)
		return
	}
	if !f.unwedged(r) {
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		write(w, failure(http.StatusRequestEntityTooLarge, "Request body too large"))
		return
	}
	f.mu.Lock()
	f.seen.Requests[r.Method+" "+segments[0]]++
	a := f.route(r.Method, segments, r.URL.Query(), body)
	var b bytes.Buffer
	if a.body != nil {
		json.NewEncoder(&b).Encode(a.body) // encoded under the lock: it may be a table
	}
	f.mu.Unlock()
	if faults.Lost != nil && faults.Lost(r) {
		panic(http.ErrAbortHandler)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	w.Write(b.Bytes())
}

func (f *Fake) refuse(w http.ResponseWriter, resource string, status int) {
	if resource == "events" {
		f.count(func(s *Seen) { s.Refused++ })
	}
	message := messagesOf[status]
	if message == "" {
		message = http.StatusText(status)
	}
	write(w, failure(status, message))
}

// unwedged waits while the fake is wedged; false when the client went away meanwhile.
func (f *Fake) unwedged(r *http.Request) bool {
	for {
		faults, changed := f.fault()
		if !faults.Wedged {
			return true
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return false
		case <-f.done:
			return false
		}
	}
}

// route finds the handler. f.mu is held.
func (f *Fake) route(method string, s []string, q url.Values, body []byte) answer {
	switch {
	case matches(s, "asterisk", "info"):
		return f.info()
	case matches(s, "asterisk", "ping"):
		return ok(object{"ping": "pong", "timestamp": f.stamp(time.Now()), "asterisk_id": asteriskID})
	case matches(s, "endpoints"):
		return f.endpoints()
	case matches(s, "deviceStates", "*"):
		return ok(object{"name": s[1], "state": f.deviceState(s[1])})
	case matches(s, "bridges"):
		return ok(sorted(f.bridges))
	case matches(s, "bridges", "*"):
		if b := f.bridges[s[1]]; b != nil {
			return ok(b)
		}
		return failure(http.StatusNotFound, "Bridge not found")
	case matches(s, "applications"):
		return f.listApps()
	case s[0] == "applications" && len(s) <= 3:
		return f.application(method, s, q, body)
	case matches(s, "events", "user", "*") && method == http.MethodPost:
		return f.userEvent(s[2], q, body)
	case matches(s, "channels") && method == http.MethodGet:
		return ok(sorted(f.channels))
	case matches(s, "channels") && method == http.MethodPost:
		return f.originate(q.Get("channelId"), q, body)
	case s[0] == "channels" && len(s) >= 2:
		return f.channel(method, s, q, body)
	}
	return notFound
}

func (f *Fake) info() answer {
	return ok(object{
		"build":  object{"os": "Linux", "kernel": "unknown", "machine": "unknown", "options": "OPTIONAL_API", "date": "2026-07-20 21:35:32 UTC", "user": "nobody"},
		"system": object{"version": f.config.Version, "entity_id": asteriskID},
		"config": object{"name": "", "default_language": "en", "setid": object{"user": "", "group": ""}},
		"status": object{"startup_time": f.stamp(f.started), "last_reload_time": f.stamp(f.started)},
	})
}

func (f *Fake) endpoints() answer {
	list := []object{}
	for _, e := range f.config.Endpoints {
		tech, resource, _ := strings.Cut(e, "/")
		ids := []string{}
		for id, ch := range f.channels {
			if name, _ := ch["name"].(string); strings.HasPrefix(name, e+"-") {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		state := "online"
		if slices.Contains(f.faults.Offline, e) {
			state = "offline"
		}
		list = append(list, object{"technology": tech, "resource": resource, "state": state, "channel_ids": ids})
	}
	return ok(list)
}

// deviceState is that of a phone which is not registered, or in a call, or neither.
func (f *Fake) deviceState(name string) string {
	if slices.Contains(f.faults.Offline, name) {
		return "UNAVAILABLE"
	}
	for _, ch := range f.channels {
		if known, _ := ch["name"].(string); strings.HasPrefix(known, name+"-") {
			return "INUSE"
		}
	}
	return "NOT_INUSE"
}

func ok(body any) answer { return answer{http.StatusOK, body} }

// matches compares path segments with a pattern; "*" stands for any one.
func matches(segments []string, pattern ...string) bool {
	return slices.EqualFunc(segments, pattern, func(s, p string) bool { return p == "*" || s == p })
}

// sorted lists a table by id, so that answers do not depend on the order of a map.
func sorted(table map[string]object) []object {
	list := make([]object, 0, len(table))
	for _, o := range table {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b object) int { return strings.Compare(a["id"].(string), b["id"].(string)) })
	return list
}

// unmarshal keeps numbers as they are written.
func unmarshal(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(v)
}

func write(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	json.NewEncoder(w).Encode(a.body)
}

// page is a failure outside of ARI's resources: Asterisk's web server says it in HTML.
func page(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<html><head>\n<title>%d %s</title>\n</head></html>\n", status, http.StatusText(status))
}
