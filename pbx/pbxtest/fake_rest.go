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
		return ok(object{"name": s[1], "state": "NOT_INUSE"})
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
		return f.originate(q.Get("channelId"), q)
	case s[0] == "channels" && len(s) >= 2:
		return f.channel(method, s, q)
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
		list = append(list, object{"technology": tech, "resource": resource, "state": "online", "channel_ids": ids})
	}
	return ok(list)
}

func (f *Fake) listApps() answer {
	list := []object{}
	for _, a := range f.apps {
		list = append(list, a.describe())
	}
	return ok(list)
}

func (f *Fake) application(method string, s []string, q url.Values, body []byte) answer {
	a := f.apps[s[1]]
	if a == nil {
		return noApp
	}
	switch {
	case len(s) == 2 && method == http.MethodGet:
		return ok(a.describe())
	case len(s) == 3 && s[2] == "subscription" && (method == http.MethodPost || method == http.MethodDelete):
		if !q.Has("eventSource") {
			return failure(http.StatusBadRequest, "Missing parameter eventSource")
		}
		return a.subscribe(method == http.MethodPost, strings.Split(q.Get("eventSource"), ","), f.faults.Forgetful)
	case len(s) == 3 && s[2] == "eventFilter" && method == http.MethodPut && !f.faults.Unfiltered:
		var filter struct {
			Allowed    *[]any `json:"allowed"`
			Disallowed *[]any `json:"disallowed"`
		}
		if json.Unmarshal(body, &filter) != nil {
			return failure(http.StatusBadRequest, "Error parsing request body")
		}
		if filter.Allowed == nil && filter.Disallowed == nil {
			a.allowed, a.disallowed = nil, nil
		}
		if filter.Allowed != nil {
			a.allowed = *filter.Allowed
		}
		if filter.Disallowed != nil {
			a.disallowed = *filter.Disallowed
		}
		return ok(a.describe())
	}
	return notFound
}

// subscribe changes what the app gets. Single channels, bridges and endpoints are accepted and not followed: the
// fake knows only all of them.
func (a *app) subscribe(on bool, sources []string, forget bool) answer {
	for _, source := range sources {
		scheme, id, found := strings.Cut(source, ":")
		var all *bool
		switch {
		case !found:
			return failure(http.StatusBadRequest, "Invalid event source URI scheme")
		case scheme == "channel":
			all = &a.channels
		case scheme == "bridge":
			all = &a.bridges
		case scheme == "endpoint":
			all = &a.endpoints
		case scheme == "deviceState":
			if !on && !slices.Contains(a.devices, id) {
				return failure(http.StatusUnprocessableEntity, "Event source was not subscribed to")
			}
			a.devices = slices.DeleteFunc(a.devices, func(d string) bool { return d == id })
			if on && !forget {
				a.devices = append(a.devices, id)
			}
			continue
		default:
			return failure(http.StatusBadRequest, "Invalid event source URI scheme")
		}
		switch {
		case id != "":
			return failure(http.StatusUnprocessableEntity, "Event source does not exist")
		case !on && !*all:
			return failure(http.StatusUnprocessableEntity, "Event source was not subscribed to")
		case !on && scheme == "endpoint": // so does Asterisk 22.10.1
			return failure(http.StatusNotImplemented, "Method not implemented")
		}
		*all = on && !forget
	}
	return ok(a.describe())
}

func (a *app) describe() object {
	ids := func(on bool, name string) []string {
		if on {
			return []string{name}
		}
		return []string{}
	}
	return object{
		"name":              a.name,
		"channel_ids":       ids(a.channels, "__AST_CHANNEL_ALL_TOPIC"),
		"bridge_ids":        ids(a.bridges, "__AST_BRIDGE_ALL_TOPIC"),
		"endpoint_ids":      ids(a.endpoints, "__AST_ENDPOINT_ALL_TOPIC"),
		"device_names":      append([]string{}, a.devices...),
		"events_allowed":    append([]any{}, a.allowed...),
		"events_disallowed": append([]any{}, a.disallowed...),
	}
}

func (f *Fake) userEvent(name string, q url.Values, body []byte) answer {
	target := q.Get("application")
	if f.apps[target] == nil {
		return noApp
	}
	var given struct {
		Variables object `json:"variables"`
	}
	if len(body) > 0 && unmarshal(body, &given) != nil {
		return failure(http.StatusBadRequest, "Error parsing request body")
	}
	vars := given.Variables
	if vars == nil {
		vars = object{}
	}
	vars["eventname"] = name
	a := f.apps[target]
	if a.session == nil || hasType(a.disallowed, "ChannelUserevent") || len(a.allowed) > 0 && !hasType(a.allowed, "ChannelUserevent") {
		return noContent
	}
	message, _ := json.Marshal(object{
		"type": "ChannelUserevent", "timestamp": f.stamp(time.Now()), "eventname": name, "userevent": vars,
		"asterisk_id": asteriskID, "application": target,
	})
	a.session.send(task{data: message})
	return noContent
}

// channel is everything under /channels/ID.
func (f *Fake) channel(method string, s []string, q url.Values) answer {
	ch := f.channels[s[1]]
	switch {
	case len(s) == 2 && method == http.MethodPost:
		return f.originate(s[1], q)
	case len(s) == 3 && s[2] == "variable" && method == http.MethodGet:
		return f.variable(ch, q.Get("variable"))
	case ch == nil && s[len(s)-1] == "snoop":
		return failure(http.StatusNotFound, "Provided channel was not found")
	case ch == nil:
		return noChannel
	case len(s) == 2 && method == http.MethodGet:
		return ok(ch)
	case len(s) == 2 && method == http.MethodDelete:
		return f.hangUp(ch, q.Get("reason"))
	case len(s) == 3 && s[2] == "snoop" && method == http.MethodPost:
		snoop := f.newChannel(q.Get("snoopId"), fmt.Sprintf("Snoop/%s-%08x", s[1], f.number()), "Up", q)
		return ok(snoop)
	case len(s) == 3 && method == http.MethodPost: // hold, mute, play, ...
		return failure(http.StatusConflict, "Channel not in Stasis application")
	}
	return notFound
}

func (f *Fake) variable(ch object, name string) answer {
	switch {
	case name == "":
		return failure(http.StatusBadRequest, "Variable name is required")
	case ch == nil:
		return failure(http.StatusNotFound, "Provided channel was not found")
	}
	if vars, _ := ch["channelvars"].(object); vars != nil {
		if v, ok := vars[name].(string); ok {
			return answer{http.StatusOK, object{"value": v}}
		}
	}
	switch name {
	case "CHANNEL(linkedid)", "UNIQUEID":
		return ok(object{"value": ch["id"]})
	case "CALLERID(num-pres)":
		return ok(object{"value": "allowed_not_screened"})
	case "CALLERID(num)":
		caller, _ := ch["caller"].(object)
		return ok(object{"value": caller["number"]})
	}
	return failure(http.StatusNotFound, "Provided variable was not found")
}

// hangUp ends a channel as Asterisk would: the request first, then the end.
func (f *Fake) hangUp(ch object, reason string) answer {
	cause, known := map[string]int{
		"": 16, "normal": 16, "busy": 17, "congestion": 34, "no_answer": 19, "timeout": 102, "rejected": 21,
		"answered_elsewhere": 26, "failure": 38,
	}[reason]
	if !known {
		return failure(http.StatusBadRequest, "Invalid reason for hangup reason provided")
	}
	f.publish(object{"type": "ChannelHangupRequest", "cause": cause, "channel": ch})
	f.destroy(ch, cause)
	return noContent
}

func (f *Fake) destroy(ch object, cause int) {
	text := map[int]string{16: "Normal Clearing", 17: "User busy", 19: "User alerting, no answer", 21: "Call Rejected", 26: "Answered elsewhere"}[cause]
	if text == "" {
		text = "Unknown"
	}
	f.publish(object{"type": "ChannelDestroyed", "cause": cause, "cause_txt": text, "channel": ch})
}

func (f *Fake) originate(id string, q url.Values) answer {
	endpoint := q.Get("endpoint")
	switch {
	case endpoint == "":
		return failure(http.StatusBadRequest, "Endpoint must be specified")
	case q.Get("app") == "" && q.Get("extension") == "":
		return failure(http.StatusBadRequest, "Application or extension must be specified")
	case id != "" && (f.channels[id] != nil || f.dead[id]):
		return failure(http.StatusConflict, "Channel with given unique ID already exists")
	}
	ch := f.newChannel(id, fmt.Sprintf("%s-%08x", endpoint, f.number()), "Down", q)
	_, resource, _ := strings.Cut(endpoint, "/")
	f.publish(object{"type": "Dial", "dialstatus": "", "forward": "", "dialstring": resource, "peer": ch})
	return ok(ch)
}

func (f *Fake) newChannel(id, name, state string, q url.Values) object {
	now := time.Now()
	if id == "" {
		id = fmt.Sprintf("%d.%d", now.Unix(), f.number())
	}
	party := object{"name": "", "number": q.Get("callerId")}
	ch := object{
		"id": id, "name": name, "state": state, "protocol_id": "", "caller": party, "connected": party, "accountcode": "",
		"dialplan":     object{"context": q.Get("context"), "exten": q.Get("extension"), "priority": 1, "app_name": "AppDial2", "app_data": "(Outgoing Line)"},
		"creationtime": f.stamp(now), "language": "en",
	}
	f.publish(object{"type": "ChannelCreated", "channel": ch})
	return ch
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
