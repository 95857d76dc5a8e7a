package ami

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestReader(t *testing.T) {
	in := "Response: Success\r\nActionID: 1\r\nMessage: \r\n\r\n" +
		"\r\n\r\nEvent: X\nKey:no space\nNo colon here\n: no key\nTime: 10:20:30\n\n" +
		"Event: Y\r\nName: \xff\xfe\r\n\r\nEvent: Half\r\nQue"
	r := newReader(strings.NewReader(in))
	for i, want := range [][]Field{
		{{"Response", "Success"}, {"ActionID", "1"}, {"Message", ""}},
		{{"Event", "X"}, {"Key", "no space"}, {"", "No colon here"}, {"", "no key"}, {"Time", "10:20:30"}},
		{{"Event", "Y"}, {"Name", "\uFFFD"}},
	} {
		m, err := r.next()
		if err != nil || !slices.Equal(m.fields, want) {
			t.Errorf("message %d is %q, %v", i, m.fields, err)
		}
	}
	if _, err := r.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a message gives %v", err)
	}
	if _, err := newReader(strings.NewReader("Event: A\r\n\r\n\r\n")).next(); err != nil {
		t.Error(err)
	}
}

// Whatever comes, the reader ends, and holds no more than it says.
func FuzzReader(f *testing.F) {
	f.Add("Event: A\r\nB: c\r\n\r\n")
	f.Add("Asterisk Call Manager/11.0.0\r\nResponse: Error\r\nMessage: x")
	f.Add("\n\n:\n\n::\r\r\n\n")
	f.Fuzz(func(t *testing.T, in string) {
		r := newReader(iotestOneByte{strings.NewReader(in)})
		for total := 0; ; {
			m, err := r.next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errTooBig) {
					t.Fatalf("it ended with %v", err)
				}
				return
			}
			total += m.size
			if len(m.fields) == 0 || total > len(in) {
				t.Fatalf("%d fields of %d bytes out of %d", len(m.fields), total, len(in))
			}
			for _, field := range m.fields {
				if strings.ContainsAny(field.Key+field.Value, "\n") {
					t.Fatalf("a field holds a line end: %q", field)
				}
			}
		}
	})
}

// iotestOneByte gives one byte at a time.
type iotestOneByte struct{ r io.Reader }

func (o iotestOneByte) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	return o.r.Read(b[:1])
}

// What is sent is read back as the one action that it was, or is not sent.
func FuzzAction(f *testing.F) {
	f.Add("QueuePause", "Interface", "PJSIP/1001", "Reason", "ناهار")
	f.Add("Setvar", "Value", "a\r\n\r\nAction: Originate", "B", "")
	f.Add("Ping\n", "", ":", "Action", "x")
	f.Fuzz(func(t *testing.T, name, key1, value1, key2, value2 string) {
		a := Action{name, []Field{{key1, value1}, {key2, value2}}}
		b, err := a.encode("id-1")
		if err != nil {
			return
		}
		r := &reader{bufio.NewReader(strings.NewReader(string(b)))}
		m, err := r.next()
		want := []Field{{"Action", name}, {"ActionID", "id-1"}, {key1, strings.ToValidUTF8(value1, "\uFFFD")}, {key2, strings.ToValidUTF8(value2, "\uFFFD")}}
		if err != nil || !slices.Equal(m.fields, want) {
			t.Fatalf("%q is read as %q, %v", b, m.fields, err)
		}
		if _, err := r.next(); !errors.Is(err, io.EOF) {
			t.Fatalf("%q is more than one action", b)
		}
	})
}
