package pbxtest

import (
	"bytes"
	"fmt"
	"strings"

	"ringbook/pbx/ari"
)

// Again is the stream of one recorded call, as JSON, which becomes another call with every round: all its ids of channels and
// bridges hold the same digits.
type Again struct {
	messages [][]byte
	places   [][]int // where the digits stand, by message
	round    int
}

const againDigits = 10

// NewAgain makes it of a call's events as they came from the socket.
func NewAgain(messages [][]byte) (*Again, error) {
	digits := strings.Repeat("1", againDigits)
	a := &Again{}
	var renames []string
	seen := map[string]bool{}
	rename := func(id, to string) {
		if !seen[id] {
			seen[id] = true
			renames = append(renames, `"`+id+`"`, fmt.Sprintf(`"%s"`, to))
		}
	}
	for _, m := range messages {
		e, err := ari.Decode(m)
		if err != nil {
			return nil, err
		}
		if e.Bridge != nil {
			rename(e.Bridge.ID, "bridge-"+digits)
		}
		if e.Channel != nil {
			rename(e.Channel.ID, fmt.Sprintf("%s.%d", digits, len(seen)))
		}
	}
	replace := strings.NewReplacer(renames...)
	for _, m := range messages {
		m = []byte(replace.Replace(string(m)))
		a.messages = append(a.messages, m)
		var places []int
		for at := 0; ; {
			n := bytes.Index(m[at:], []byte(digits))
			if n < 0 {
				break
			}
			places = append(places, at+n)
			at += n + againDigits
		}
		a.places = append(a.places, places)
	}
	return a, nil
}

// Next is the whole call, as nobody has seen it before. The next round overwrites the messages.
func (a *Again) Next() [][]byte {
	a.round++
	digits := fmt.Appendf(make([]byte, 0, againDigits), "%0*d", againDigits, a.round)
	for i, m := range a.messages {
		for _, at := range a.places[i] {
			copy(m[at:], digits)
		}
	}
	return a.messages
}
