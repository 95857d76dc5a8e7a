package calllog

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	sheetRows = 1_048_576 // of one sheet, the headings among them: Excel's limit
	cellMost  = 32_767    // UTF-16 units in one cell: Excel's limit
)

// xlsxFile is an Office Open XML workbook (ECMA-376), written from its first byte to its last without going back: the sheets
// first, and what names them at the end. Libraries for Excel collect a sheet in memory or on disk before the first byte can be
// sent, by which time a proxy has given up on a long list.
type xlsxFile struct {
	zip      *zip.Writer
	sheet    *bufio.Writer // of the sheet that is being written
	headings []string
	name     string // of the first sheet
	rtl      bool
	most     int // rows of a sheet
	sheets   int
	rows     int // of this sheet
	letters  []string
	b        []byte // one row
}

// Styles of cells: indexes into cellXfs of stylesXML.
const (
	styleText = iota + 1
	styleHeading
	styleDuration
	styleDay
	styleClock
	styleCount
)

const stylesXML = xml.Header + `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">` +
	`<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/></numFmts>` +
	`<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
	`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
	`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>` +
	`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
	`<cellXfs count="7"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>` +
	`<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>` +
	`<xf numFmtId="46" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` + // [h]:mm:ss
	`<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="21" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` + // h:mm:ss
	`<xf numFmtId="1" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>` +
	`<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`

// newXLSXFile begins a workbook whose sheets have most rows at the most.
func newXLSXFile(w io.Writer, headings []string, name string, rtl bool, most int) (*xlsxFile, error) {
	f := &xlsxFile{zip: zip.NewWriter(w), headings: headings, name: name, rtl: rtl, most: most, letters: make([]string, len(headings))}
	f.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for i := range f.letters {
		f.letters[i] = string(rune('A' + i)) // there are fewer than 26
	}
	return f, f.nextSheet()
}

// nextSheet ends the sheet before, if there is one, and begins another with the headings.
func (f *xlsxFile) nextSheet() error {
	if err := f.endSheet(); err != nil {
		return err
	}
	f.sheets, f.rows = f.sheets+1, 0
	w, err := f.zip.Create(fmt.Sprintf("xl/worksheets/sheet%d.xml", f.sheets))
	if err != nil {
		return err
	}
	f.sheet = bufio.NewWriterSize(w, 64<<10)
	rtl, selected := "", ""
	if f.rtl {
		rtl = ` rightToLeft="1"`
	}
	if f.sheets == 1 {
		selected = ` tabSelected="1"`
	}
	fmt.Fprintf(f.sheet, xml.Header+`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetViews>`+
		`<sheetView%s%s workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>`,
		rtl, selected)
	for i, h := range exportHeadings[:len(f.headings)] {
		fmt.Fprintf(f.sheet, `<col min="%d" max="%[1]d" width="%d" customWidth="1"/>`, i+1, h.width)
	}
	if _, err := f.sheet.WriteString(`</cols><sheetData>`); err != nil {
		return err
	}
	f.begin()
	for i, h := range f.headings {
		f.text(i, styleHeading, h)
	}
	return f.end()
}

func (f *xlsxFile) endSheet() error {
	if f.sheet == nil {
		return nil
	}
	last := f.letters[len(f.letters)-1]
	fmt.Fprintf(f.sheet, `</sheetData><autoFilter ref="A1:%s%d"/><ignoredErrors><ignoredError sqref="A1:%[1]s%[2]d" numberStoredAsText="1"/></ignoredErrors></worksheet>`,
		last, f.rows)
	return f.sheet.Flush()
}

func (f *xlsxFile) row(cells []cell) error {
	if f.rows >= f.most {
		if err := f.nextSheet(); err != nil {
			return err
		}
	}
	f.begin()
	for i, c := range cells {
		switch c.kind {
		case cellCount:
			f.number(i, styleCount, strconv.FormatInt(c.n, 10))
		case cellDuration:
			f.number(i, styleDuration, fraction(max(0, c.n)))
		case cellClock:
			f.number(i, styleClock, fraction(c.n))
		case cellDay:
			if c.n != noDay {
				f.number(i, styleDay, strconv.FormatInt(c.n+25569, 10)) // days since 1899-12-30
				continue
			}
			f.text(i, styleText, c.text)
		default:
			f.text(i, styleText, c.text)
		}
	}
	return f.end()
}

// fraction is whole seconds as a part of a day.
func fraction(ms int64) string { return strconv.FormatFloat(float64(ms/1000)/86400, 'g', 15, 64) }

func (f *xlsxFile) begin() {
	f.rows++
	f.b = append(f.b[:0], `<row r="`...)
	f.b = strconv.AppendInt(f.b, int64(f.rows), 10)
	f.b = append(f.b, `">`...)
}

func (f *xlsxFile) end() error {
	f.b = append(f.b, `</row>`...)
	_, err := f.sheet.Write(f.b)
	return err
}

func (f *xlsxFile) cell(column, style int) {
	f.b = append(f.b, `<c r="`...)
	f.b = append(f.b, f.letters[column]...)
	f.b = strconv.AppendInt(f.b, int64(f.rows), 10)
	f.b = append(f.b, `" s="`...)
	f.b = strconv.AppendInt(f.b, int64(style), 10)
}

func (f *xlsxFile) number(column, style int, n string) {
	f.cell(column, style)
	f.b = append(f.b, `"><v>`...)
	f.b = append(f.b, n...)
	f.b = append(f.b, `</v></c>`...)
}

// text writes a cell that is a text whatever it looks like: formulas are elements of their own. Nothing for an empty one.
func (f *xlsxFile) text(column, style int, s string) {
	if s == "" {
		return
	}
	f.cell(column, style)
	f.b = append(f.b, `" t="inlineStr"><is><t xml:space="preserve">`...)
	f.b = appendText(f.b, s)
	f.b = append(f.b, `</t></is></c>`...)
}

// escaped is what Excel takes for a character in hexadecimal (ECMA-376 22.4.2.4, ST_Xstring).
var escaped = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

// appendText appends s as XML text that Excel shows as s: at most cellMost long, and without what XML cannot hold.
func appendText(b []byte, s string) []byte {
	if strings.Contains(s, "_x") {
		s = escaped.ReplaceAllString(s, "_x005F$0")
	}
	if strings.ContainsRune(s, '\r') {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	units := 0
	for _, r := range s {
		if units++; r > 0xFFFF {
			units++
		}
		if units > cellMost {
			break
		}
		switch {
		case r == '&':
			b = append(b, `&amp;`...)
		case r == '<':
			b = append(b, `&lt;`...)
		case r == '>':
			b = append(b, `&gt;`...)
		case r == '\n' || r == '\t' || r >= 0x20 && r < 0x7F:
			b = append(b, byte(r))
		case r < 0x20 || r == 0xFFFE || r == 0xFFFF:
			b = append(b, "\uFFFD"...)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

func (f *xlsxFile) close() error {
	if err := f.endSheet(); err != nil {
		return err
	}
	const (
		types = "http://schemas.openxmlformats.org/package/2006/content-types"
		rels  = "http://schemas.openxmlformats.org/package/2006/relationships"
		doc   = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
		main  = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
		kind  = "application/vnd.openxmlformats-officedocument.spreadsheetml."
	)
	var sheets, sheetRels, overrides strings.Builder
	for n := 1; n <= f.sheets; n++ {
		name := f.name
		if n > 1 {
			name = fmt.Sprintf("%s %d", f.name, n)
		}
		fmt.Fprintf(&sheets, `<sheet name="%s" sheetId="%d" r:id="rId%[2]d"/>`, appendText(nil, name), n)
		fmt.Fprintf(&sheetRels, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%[1]d.xml"/>`, n, doc)
		fmt.Fprintf(&overrides, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="%sworksheet+xml"/>`, n, kind)
	}
	for _, part := range []struct{ path, text string }{
		{"xl/styles.xml", stylesXML},
		{"xl/workbook.xml", fmt.Sprintf(xml.Header+`<workbook xmlns="%s" xmlns:r="%s"><bookViews><workbookView/></bookViews><sheets>%s</sheets></workbook>`,
			main, doc, &sheets)},
		{"xl/_rels/workbook.xml.rels", fmt.Sprintf(xml.Header+`<Relationships xmlns="%s">%s<Relationship Id="rId%d" Type="%s/styles" Target="styles.xml"/></Relationships>`,
			rels, &sheetRels, f.sheets+1, doc)},
		{"_rels/.rels", fmt.Sprintf(xml.Header+`<Relationships xmlns="%s"><Relationship Id="rId1" Type="%s/officeDocument" Target="xl/workbook.xml"/></Relationships>`, rels, doc)},
		{"[Content_Types].xml", fmt.Sprintf(xml.Header+`<Types xmlns="%s"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>`+
			`<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="%ssheet.main+xml"/>`+
			`<Override PartName="/xl/styles.xml" ContentType="%[2]sstyles+xml"/>%s</Types>`, types, kind, &overrides)},
	} {
		w, err := f.zip.Create(part.path)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, part.text); err != nil {
			return err
		}
	}
	return f.zip.Close()
}
