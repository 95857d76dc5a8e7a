package cdr

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// csvFile is Asterisk's Master.csv (cdr_csv): a line for each call, when it has ended, without a head. The id of the channel is
// there with loguniqueid=yes, the linked one with newcdrcolumns=yes in cdr.conf; without, every line is a call of its own.
type csvFile struct {
	path string
	zone *time.Location
}

const (
	csvStep = 1 << 20
	csvMost = 512 << 20 // read from the end, at the most
	// A call that ended within the time asked for may have begun so long before.
	longestCall = 12 * time.Hour
)

// The columns (cdr/cdr_csv.c: build_csv_record).
const (
	csvSource = iota + 1
	csvDestination
	csvContext
	csvCallerID
	csvChannel
	csvPeer
	csvApp
	csvAppData
	csvStart
	csvAnswer
	csvEnd
	csvDuration
	csvBilled
	csvDisposition
	csvFlags
	csvUniqueID // with loguniqueid
)

func (f csvFile) read(ctx context.Context, from, to time.Time) (Records, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return Records{}, fmt.Errorf("read the call records: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Records{}, fmt.Errorf("read the call records: %w", err)
	}
	// Lines come in the order of the ends of calls: from the end of the file back, twice as far each time.
	for back := int64(csvStep); ; back *= 2 {
		start := max(0, info.Size()-back)
		lines, err := f.lines(ctx, io.NewSectionReader(file, start, info.Size()-start), start > 0)
		if err != nil {
			return Records{}, err
		}
		if start == 0 || back >= csvMost || len(lines) > 0 && lines[0].End.Before(from.Add(-longestCall)) {
			return Records{Records: touching(lines, from, to)}, nil
		}
	}
}

// lines reads what can be read; cut says that the first line is not whole.
func (f csvFile) lines(ctx context.Context, r io.Reader, cut bool) ([]Record, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read the call records: %w", err)
	}
	if cut {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	// A line that is being written now is left for the next time.
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	in := csv.NewReader(bytes.NewReader(text))
	in.FieldsPerRecord, in.LazyQuotes, in.ReuseRecord = -1, true, true
	type raw struct {
		record             Record
		start, answer, end stamp
	}
	var all []raw
	seen := offsets{}
	for n := 0; ; n++ {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if n%10_000 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil || len(fields) < csvFlags+1 {
			continue
		}
		start, ok1 := readStamp(fields[csvStart])
		end, ok2 := readStamp(fields[csvEnd])
		if !ok1 || !ok2 {
			continue
		}
		answer, _ := readStamp(fields[csvAnswer])
		line := raw{Record{
			CallerName: callerName("", fields[csvCallerID]), Source: fields[csvSource], Destination: fields[csvDestination],
			Channel: fields[csvChannel], PeerChannel: fields[csvPeer], App: fields[csvApp], AppData: fields[csvAppData],
			Disposition: disposition(fields[csvDisposition]),
		}, start, answer, end}
		if len(fields) > csvUniqueID {
			line.record.UniqueID = fields[csvUniqueID]
		}
		// userfield (with loguserfield), then with newcdrcolumns: peeraccount, linkedid, sequence.
		if rest := fields[min(len(fields), csvUniqueID+1):]; len(rest) >= 3 {
			if _, err := strconv.Atoi(rest[len(rest)-1]); err == nil {
				line.record.LinkedID = rest[len(rest)-2]
			}
		}
		seen.see(start, line.record.UniqueID)
		all = append(all, line)
	}
	clock := clock{zone: f.zone}
	clock.ahead, _ = seen.most()
	records := make([]Record, len(all))
	for i, line := range all {
		r := line.record
		r.Start, r.End = clock.moment(line.start), clock.moment(line.end)
		if r.Disposition == "ANSWERED" && !line.answer.time.IsZero() {
			r.Answered = clock.moment(line.answer)
		}
		if r.UniqueID == "" {
			r.UniqueID = strings.Join([]string{r.Channel, strconv.FormatInt(r.Start.Unix(), 10)}, "@")
		}
		records[i] = r
	}
	return records, nil
}

// touching are the records of the calls of which one lies in a stretch of time.
func touching(all []Record, from, to time.Time) []Record {
	wanted := map[string]bool{}
	for _, r := range all {
		if !r.End.Before(from.Add(-around)) && !r.Start.After(to.Add(around)) {
			wanted[r.Call()] = true
		}
	}
	var found []Record
	for _, r := range all {
		if wanted[r.Call()] {
			found = append(found, r)
		}
	}
	return found
}

// Call is what the records of one call have in common.
func (r Record) Call() string {
	if r.LinkedID != "" {
		return r.LinkedID
	}
	return r.UniqueID
}
