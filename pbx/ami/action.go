package ami

import (
	"errors"
	"fmt"
	"strings"
)

// Action is one thing to ask of the PBX. Keys and values must not contain line ends or other control characters, for
// a line end would begin an action of its own: Client.Do refuses them. ActionID is the client's.
type Action struct {
	Name   string
	Fields []Field
}

// Answer is what the PBX said: the fields of its Response, and for actions that answer with a list its events.
type Answer struct {
	Fields []Field
	Events []Event // without the one that ends the list
}

// Get is the value of the first field of that key, whatever its case; empty if there is none.
func (a *Answer) Get(key string) string { return get(a.Fields, key) }

// Values are those of all fields of that key, in order.
func (a *Answer) Values(key string) []string {
	var all []string
	for i := range a.Fields {
		if strings.EqualFold(a.Fields[i].Key, key) {
			all = append(all, a.Fields[i].Value)
		}
	}
	return all
}

const maxAction = 8 << 10 // bytes; Asterisk's own bounds are 128 lines of 1024 bytes

// encode writes the action as the PBX reads it.
func (a Action) encode(id string) ([]byte, error) {
	b := make([]byte, 0, 256)
	line := func(key, value string) { b = append(append(append(append(b, key...), ": "...), value...), "\r\n"...) }
	if !isKey(a.Name) {
		return nil, errors.New("the name of the action is not one")
	}
	line("Action", a.Name)
	line("ActionID", id)
	if len(a.Fields) > 100 {
		return nil, fmt.Errorf("%d fields are more than the PBX reads", len(a.Fields))
	}
	for _, f := range a.Fields {
		switch {
		case !isKey(f.Key) || strings.EqualFold(f.Key, "Action") || strings.EqualFold(f.Key, "ActionID"):
			return nil, fmt.Errorf("%q is not a field", f.Key)
		case strings.ContainsFunc(f.Value, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return nil, fmt.Errorf("the value of %s contains a line end or another control character", f.Key)
		case len(f.Key)+len(f.Value) > 1000:
			return nil, fmt.Errorf("the value of %s is longer than the PBX reads", f.Key)
		}
		line(f.Key, f.Value)
	}
	if len(b) > maxAction {
		return nil, fmt.Errorf("the action is longer than %d bytes", maxAction)
	}
	return append(b, "\r\n"...), nil
}

func isKey(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
