package ami

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"
)

// Said is one message of a recording: of the PBX, or an action of ours.
type Said struct {
	At     time.Time
	Ours   bool
	Fields []Field // those of an action begin with Action and ActionID
}

// said is one line of a recording:
//
//	{"at":"2026-11-22T14:40:00.123456789Z","in":[["Event","QueueMemberPause"],["Queue","support"]]}
//	{"at":...,"out":[["Action","QueueStatus"],["ActionID","ringbook-..."]]}
type said struct {
	At  time.Time   `json:"at"`
	In  [][2]string `json:"in,omitempty"`
	Out [][2]string `json:"out,omitempty"`
}

// tee writes a recording. What cannot be written is left out.
type tee struct {
	mu sync.Mutex
	to io.Writer // nil: nothing is recorded
}

func (t *tee) in(fields []Field) {
	if t.to != nil {
		t.write(said{At: time.Now(), In: pairs(nil, fields)})
	}
}

func (t *tee) out(action Action, id string) {
	if t.to == nil {
		return
	}
	all := pairs([][2]string{{"Action", action.Name}, {"ActionID", id}}, action.Fields)
	for i := range all {
		if all[i][0] == "Secret" || all[i][0] == "Key" {
			all[i][1] = "-"
		}
	}
	t.write(said{At: time.Now(), Out: all})
}

func pairs(to [][2]string, fields []Field) [][2]string {
	for _, f := range fields {
		to = append(to, [2]string{f.Key, f.Value})
	}
	return to
}

func (t *tee) write(s said) {
	b, err := json.Marshal(s)
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = t.to.Write(append(b, '\n')) // a recording that cannot be written stops nothing
}

// ReadRecording reads what Config.Record got. It ends with the first line that cannot be read, yielding the error.
func ReadRecording(r io.Reader) iter.Seq2[Said, error] {
	return func(yield func(Said, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 16<<20)
		for n := 1; lines.Scan(); n++ {
			var s said
			if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
				yield(Said{}, fmt.Errorf("recording line %d: %w", n, err))
				return
			}
			out := Said{At: s.At, Ours: s.In == nil}
			for _, pair := range append(s.In, s.Out...) {
				out.Fields = append(out.Fields, Field{pair[0], pair[1]})
			}
			if !yield(out, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Said{}, fmt.Errorf("read the recording: %w", err))
		}
	}
}
