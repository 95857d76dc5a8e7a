package pbxtest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

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
		case !on: // so does Asterisk 22.10.1, which gives no subscription to all of them back
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
