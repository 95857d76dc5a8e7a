package ami

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// What one message may be. Asterisk writes lines of some hundred bytes and messages of some thousand; the answer to
// Command may be long.
const (
	maxLine    = 64 << 10 // what is beyond is cut off
	maxMessage = 4 << 20
	maxFields  = 1 << 16
)

// message is what stands between two empty lines: an event, or the answer to an action.
type message struct {
	fields []Field
	size   int
	cut    bool // a line was longer than maxLine
}

// reader reads messages from a connection. Lines end with CRLF, or LF alone.
type reader struct{ in *bufio.Reader }

func newReader(r io.Reader) *reader { return &reader{bufio.NewReaderSize(r, 32<<10)} }

// next returns the next message that has fields. It fails with io.EOF between two messages, with io.ErrUnexpectedEOF
// within one, half of which is then dropped, and with errTooBig.
func (r *reader) next() (message, error) {
	var m message
	for {
		line, cut, err := r.line()
		switch {
		case errors.Is(err, io.EOF) && (len(line) > 0 || len(m.fields) > 0):
			return message{}, io.ErrUnexpectedEOF
		case err != nil:
			return message{}, err
		case len(line) == 0 && len(m.fields) > 0:
			return m, nil
		case len(line) == 0:
			continue
		}
		m.size += len(line)
		if m.size > maxMessage || len(m.fields) >= maxFields {
			return message{}, errTooBig
		}
		m.cut = m.cut || cut
		m.fields = append(m.fields, field(line))
	}
}

// line returns a line without its end.
func (r *reader) line() (line []byte, cut bool, err error) {
	for {
		part, err := r.in.ReadSlice('\n')
		if room := maxLine - len(line); len(part) > room {
			part, cut = part[:max(0, room)], true
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return line, cut, err
		}
		return bytes.TrimRight(line, "\r\n"), cut, nil
	}
}

// field splits a line; what has no colon is a field without a key.
func field(line []byte) Field {
	s := strings.ToValidUTF8(string(line), "\uFFFD")
	key, value, ok := strings.Cut(s, ":")
	if !ok {
		return Field{Value: s}
	}
	return Field{strings.TrimSpace(key), strings.TrimPrefix(value, " ")}
}

// event is the message as an event, nil if it is none.
func (m *message) event() *Event {
	if len(m.fields) == 0 || !strings.EqualFold(m.fields[0].Key, "Event") || m.fields[0].Value == "" {
		return nil
	}
	return &Event{m.fields[0].Value, m.fields[1:]}
}

// isResponse tells whether the message answers an action.
func (m *message) isResponse() bool {
	return len(m.fields) > 0 && strings.EqualFold(m.fields[0].Key, "Response")
}
