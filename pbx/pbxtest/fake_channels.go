package pbxtest

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// channel is everything under /channels/ID.
func (f *Fake) channel(method string, s []string, q url.Values, body []byte) answer {
	ch := f.channels[s[1]]
	switch {
	case len(s) == 2 && method == http.MethodPost:
		return f.originate(s[1], q, body)
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

func (f *Fake) originate(id string, q url.Values, body []byte) answer {
	endpoint := q.Get("endpoint")
	switch {
	case endpoint == "":
		return failure(http.StatusBadRequest, "Endpoint must be specified")
	case q.Get("app") == "" && q.Get("extension") == "":
		return failure(http.StatusBadRequest, "Application or extension must be specified")
	case id != "" && f.taken(id):
		return failure(http.StatusConflict, "Channel with given unique ID already exists")
	}
	ch := f.newChannel(id, fmt.Sprintf("%s-%08x", endpoint, f.number()), "Down", q)
	var with struct{ Variables map[string]string }
	if len(body) > 0 && unmarshal(body, &with) == nil {
		ch = f.addressed(ch, with.Variables)
	}
	if f.config.Dialled != nil {
		f.config.Dialled(Dialled{ID: ch["id"].(string), Endpoint: endpoint, Extension: q.Get("extension"), Channel: ch})
	}
	_, resource, _ := strings.Cut(endpoint, "/")
	f.publish(object{"type": "Dial", "dialstatus": "", "forward": "", "dialstring": resource, "peer": ch})
	return ok(ch)
}

// addressed is a channel with the caller and the connected party that an originate's variables say.
func (f *Fake) addressed(ch object, variables map[string]string) object {
	changed := maps.Clone(ch)
	for name, key := range map[string]string{"CALLERID(num)": "caller", "CONNECTEDLINE(num,i)": "connected"} {
		if number := variables[name]; number != "" {
			changed[key] = object{"name": "", "number": number}
		}
	}
	f.publish(object{"type": "ChannelConnectedLine", "channel": changed})
	return changed
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

// taken tells whether an id is refused: Asterisk takes the beginning of a live channel's id for that id.
func (f *Fake) taken(id string) bool {
	for live := range f.channels {
		if strings.HasPrefix(live, id) {
			return true
		}
	}
	return false
}
