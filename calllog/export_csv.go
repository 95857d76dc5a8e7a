package calllog

import (
	"bufio"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// exportFile is a file that is being written, row by row. close completes it, and does not close what it is written to.
type exportFile interface {
	row(cells []cell) error
	close() error
}

// csvFile is UTF-8 with a byte order mark, by which Excel knows it, with commas and CRLF (RFC 4180). Every field is quoted, so
// that a spreadsheet that splits at semicolons does not find one within a text.
type csvFile struct {
	w *bufio.Writer
	b []byte // one row
}

func newCSVFile(w io.Writer, headings []string) (*csvFile, error) {
	f := &csvFile{w: bufio.NewWriterSize(w, 64<<10)}
	if _, err := f.w.WriteString("\ufeff"); err != nil {
		return nil, err
	}
	cells := make([]cell, len(headings))
	for i, h := range headings {
		cells[i].text = h
	}
	return f, f.row(cells)
}

func (f *csvFile) row(cells []cell) error {
	f.b = f.b[:0]
	for i, c := range cells {
		if i > 0 {
			f.b = append(f.b, ',')
		}
		f.b = append(f.b, '"')
		for s := defuse(c.text); s != ""; {
			before, after, quote := strings.Cut(s, `"`)
			f.b = append(f.b, before...)
			if quote {
				f.b = append(f.b, `""`...)
			}
			s = after
		}
		f.b = append(f.b, '"')
	}
	_, err := f.w.Write(append(f.b, "\r\n"...))
	return err
}

func (f *csvFile) close() error { return f.w.Flush() }

// defuse puts an apostrophe before a text that a spreadsheet would take for a formula: one that begins, spaces and invisible
// characters aside, with = + - @ or their full-width forms, or with a tab or the end of a line. A telephone number, a plus and
// digits and nothing else, stays as it is: it is a number at worst, and whoever reads it with a program needs it as it is.
func defuse(s string) string {
	if s == "" || s[0] >= '0' && s[0] <= '9' || s[0] >= 'A' && s[0] < utf8.RuneSelf || isPhone(s) { // most
		return s
	}
	if strings.IndexByte("\t\r\n", s[0]) >= 0 {
		return "'" + s
	}
	shown := strings.TrimLeftFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Mn)
	})
	if r, _ := utf8.DecodeRuneInString(shown); shown != "" && strings.ContainsRune("=+-@＝＋－＠", r) {
		return "'" + s
	}
	return s
}

// isPhone says whether s is a plus and 1 to 40 digits.
func isPhone(s string) bool {
	if len(s) < 2 || len(s) > 41 || s[0] != '+' {
		return false
	}
	for _, c := range []byte(s[1:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
