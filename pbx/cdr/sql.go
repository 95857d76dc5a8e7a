package cdr

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// tables is a database with the tables of one PBX. It is connected to for each reading only: that is seldom.
type tables struct {
	open     func() *sql.DB
	db       *sql.DB // while it is read
	mysql    bool
	cdr, cel string
	zone     *time.Location
}

// ours are the parts of the query that are this package's, and not the driver's.
var ours = []string{"table", "cel", "zone"}

func openSQL(u *url.URL, zone *time.Location) (*Source, error) {
	query := u.Query()
	t := tables{mysql: u.Scheme == "mysql", zone: zone, cdr: "cdr", cel: "cel"}
	for name, into := range map[string]*string{"table": &t.cdr, "cel": &t.cel} {
		if v := query.Get(name); v != "" {
			*into = v
		}
	}
	for _, name := range ours {
		query.Del(name)
	}
	if u.Path == "" || u.Path == "/" {
		return nil, errors.New("the address of the call records names no database: write one behind the host, as /asteriskcdrdb")
	}
	if t.mysql {
		c := mysql.NewConfig()
		c.User = u.User.Username()
		c.Passwd, _ = u.User.Password()
		c.DBName = strings.TrimPrefix(u.Path, "/")
		c.Net, c.Addr = "tcp", u.Host
		if u.Port() == "" {
			c.Addr = net.JoinHostPort(u.Hostname(), "3306")
		}
		if socket := query.Get("socket"); socket != "" {
			c.Net, c.Addr = "unix", socket
		}
		if mode := query.Get("tls"); mode != "" {
			c.TLSConfig = mode // true, skip-verify, preferred
		}
		c.Timeout, c.ReadTimeout, c.WriteTimeout = 10*time.Second, time.Minute, 10*time.Second
		c.AllowNativePasswords = true
		c.Collation = "utf8mb4_general_ci"
		connector, err := mysql.NewConnector(c)
		if err != nil {
			return nil, errors.New("the address of the call records cannot be read")
		}
		t.open = func() *sql.DB { return sql.OpenDB(connector) }
	} else {
		clean := *u
		clean.RawQuery = query.Encode()
		c, err := pgx.ParseConfig(clean.String())
		if err != nil {
			return nil, errors.New("the address of the call records cannot be read")
		}
		c.ConnectTimeout = 10 * time.Second
		c.DefaultQueryExecMode = pgx.QueryExecModeExec // nothing is left on the server
		t.open = func() *sql.DB { return stdlib.OpenDB(*c) }
	}
	return &Source{t.read}, nil
}

// table is what is known of one table: which of the wanted columns it has.
type table struct {
	name    string
	columns []string
	time    string // the column of the time, as text and as it is
	zoned   bool
	ordered bool // has an id that grows
}

var (
	celColumns = []string{"eventtype", "eventtime", "uniqueid", "linkedid", "channame", "cid_name", "cid_num", "exten", "context", "appname", "appdata", "extra", "eventextra"}
	cdrColumns = []string{"calldate", "start", "duration", "billsec", "clid", "src", "dst", "did", "cnam", "channel", "dstchannel", "lastapp", "lastdata", "disposition", "uniqueid", "linkedid", "recordingfile"}
)

// read finds the calls by time, then takes everything that belongs to them.
func (t tables) read(ctx context.Context, from, to time.Time) (r Records, err error) {
	t.db = t.open()
	defer t.db.Close()
	t.db.SetMaxOpenConns(1) // it is the PBX's own database
	cel, err := t.find(ctx, t.cel, celColumns, "eventtime")
	if err != nil {
		return r, err
	}
	cdr, err := t.find(ctx, t.cdr, cdrColumns, "calldate", "start")
	if err != nil {
		return r, err
	}
	if cel == nil && cdr == nil {
		return r, fmt.Errorf("the database has neither a table %s nor a table %s with the usual columns", t.cdr, t.cel)
	}
	if cel != nil {
		err := t.take(ctx, *cel, from, to, func(row map[string]string, at time.Time) {
			r.Events = append(r.Events, Event{
				Type: eventType(row["eventtype"]), Time: at, UniqueID: row["uniqueid"], LinkedID: row["linkedid"], Channel: row["channame"],
				CallerName: row["cid_name"], CallerNumber: row["cid_num"], Exten: row["exten"], Context: row["context"],
				App: row["appname"], AppData: row["appdata"], Extra: row["extra"] + row["eventextra"],
			})
		})
		if err != nil {
			return r, fmt.Errorf("read the table %s: %w", t.cel, err)
		}
	}
	if cdr != nil {
		err := t.take(ctx, *cdr, from, to, func(row map[string]string, at time.Time) {
			duration, _ := strconv.ParseFloat(row["duration"], 64)
			talked, _ := strconv.ParseFloat(row["billsec"], 64)
			record := Record{
				Start: at, End: at.Add(seconds(duration)),
				CallerName: callerName(row["cnam"], row["clid"]), Source: row["src"], Destination: row["dst"], DID: row["did"],
				Channel: row["channel"], PeerChannel: row["dstchannel"], App: row["lastapp"], AppData: row["lastdata"],
				Disposition: disposition(row["disposition"]), UniqueID: row["uniqueid"], LinkedID: row["linkedid"], RecordingFile: row["recordingfile"],
			}
			if record.Disposition == "ANSWERED" {
				record.Answered = record.End.Add(-seconds(talked))
			}
			r.Records = append(r.Records, record)
		})
		if err != nil {
			return r, fmt.Errorf("read the table %s: %w", t.cdr, err)
		}
	}
	return r, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// find looks at a table; nil if there is none with the columns that matter.
func (t tables) find(ctx context.Context, name string, wanted []string, times ...string) (*table, error) {
	schema := "current_schema()"
	if t.mysql {
		schema = "database()"
	}
	rows, err := t.db.QueryContext(ctx, `SELECT column_name, data_type FROM information_schema.columns
		WHERE table_schema = `+schema+` AND table_name = `+t.arg(1), name)
	if err != nil {
		return nil, fmt.Errorf("look for the table %s: %w", name, err)
	}
	defer rows.Close()
	found := table{name: name}
	for rows.Next() {
		var column, kind string
		if err := rows.Scan(&column, &kind); err != nil {
			return nil, err
		}
		column, kind = strings.ToLower(column), strings.ToLower(kind)
		if slices.Contains(wanted, column) {
			found.columns = append(found.columns, column)
		}
		if slices.Contains(times, column) {
			found.time, found.zoned = column, strings.Contains(kind, "with time zone")
		}
		found.ordered = found.ordered || column == "id" && strings.Contains(kind, "int")
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look for the table %s: %w", name, err)
	}
	if found.time == "" || !slices.Contains(found.columns, "uniqueid") {
		return nil, nil
	}
	return &found, nil
}

// around is how much more than what was asked for is read, for zones that are told wrong by an hour and calls that are long.
const around = time.Hour

// take gives every row of the calls that touch a stretch of time.
func (t tables) take(ctx context.Context, from table, begin, end time.Time, each func(row map[string]string, at time.Time)) error {
	clock, err := t.clock(ctx, from)
	if err != nil {
		return err
	}
	key := "uniqueid"
	if slices.Contains(from.columns, "linkedid") {
		key = "linkedid"
	}
	low, high := clock.local(begin.Add(-around)), clock.local(end.Add(around))
	column := t.quote(from.time)
	bound := func(n int) string { return t.arg(n) }
	if !t.mysql {
		cast := "::timestamp"
		if from.zoned {
			cast = "::timestamptz"
			low, high = begin.Add(-around).UTC().Format(time.RFC3339), end.Add(around).UTC().Format(time.RFC3339)
		}
		bound = func(n int) string { return t.arg(n) + "::text" + cast }
		column += cast
	}
	// Which calls: a record stands where it began, and may have ended much later.
	touch := column + " BETWEEN " + bound(1) + " AND " + bound(2)
	if slices.Contains(from.columns, "duration") {
		early := "12 hours"
		if t.mysql {
			touch = column + " BETWEEN " + bound(1) + " - INTERVAL 12 HOUR AND " + bound(2)
		} else {
			touch = column + " BETWEEN " + bound(1) + " - interval '" + early + "' AND " + bound(2)
		}
	}
	which := `SELECT DISTINCT ` + t.quote(key) + ` FROM ` + t.quote(from.name) + ` WHERE ` + touch + ` LIMIT ` + strconv.Itoa(mostRows)
	ids, err := t.strings(ctx, which, low, high)
	if err != nil {
		return err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" })
	for chunk := range slices.Chunk(ids, 500) {
		if err := t.rows(ctx, from, clock, key, chunk, each); err != nil {
			return err
		}
	}
	return nil
}

// rows gives all rows of some calls.
func (t tables) rows(ctx context.Context, from table, clock clock, key string, ids []string, each func(row map[string]string, at time.Time)) error {
	args, marks := make([]any, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		args[i], marks[i] = id, t.arg(i+1)
	}
	order := t.quote(from.time)
	if from.ordered {
		order += ", id"
	}
	columns := make([]string, len(from.columns))
	for i, c := range from.columns {
		columns[i] = t.text(c)
	}
	rows, err := t.db.QueryContext(ctx, `SELECT `+strings.Join(columns, ", ")+` FROM `+t.quote(from.name)+
		` WHERE `+t.quote(key)+` IN (`+strings.Join(marks, ", ")+`) ORDER BY `+order+` LIMIT `+strconv.Itoa(mostRows), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	values := make([]sql.NullString, len(from.columns))
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row := make(map[string]string, len(values))
		for i, c := range from.columns {
			row[c] = strings.TrimRight(values[i].String, " ")
		}
		if at, ok := readStamp(row[from.time]); ok {
			each(row, clock.moment(at))
		}
	}
	return rows.Err()
}

// clock finds out how far the table's times are from UTC, by its newest rows.
func (t tables) clock(ctx context.Context, from table) (clock, error) {
	c := clock{zone: t.zone}
	if from.zoned || t.zone != nil {
		return c, nil
	}
	order := t.quote(from.time)
	if from.ordered {
		order = "id"
	}
	kind := `''`
	if slices.Contains(from.columns, "eventtype") {
		kind = t.text("eventtype")
	}
	rows, err := t.db.QueryContext(ctx, `SELECT `+t.text(from.time)+`, uniqueid, `+kind+` FROM `+t.quote(from.name)+` ORDER BY `+order+` DESC LIMIT 500`)
	if err != nil {
		return c, err
	}
	defer rows.Close()
	seen := offsets{}
	for rows.Next() {
		var at, id, kind sql.NullString
		if err := rows.Scan(&at, &id, &kind); err != nil {
			return c, err
		}
		if s, ok := readStamp(at.String); ok && (kind.String == "" || eventType(kind.String) == "CHAN_START") {
			seen.see(s, id.String)
		}
	}
	c.ahead, _ = seen.most()
	return c, rows.Err()
}

func (t tables) strings(ctx context.Context, query string, args ...any) (all []string, err error) {
	rows, err := t.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s sql.NullString
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s.String)
	}
	return all, rows.Err()
}

func (t tables) arg(n int) string {
	if t.mysql {
		return "?"
	}
	return "$" + strconv.Itoa(n)
}

func (t tables) quote(name string) string {
	if t.mysql {
		return "`" + strings.ReplaceAll(name, "`", "``") + "`"
	}
	return pgx.Identifier{name}.Sanitize()
}

// text is a column as text, whatever it is.
func (t tables) text(column string) string {
	if t.mysql {
		return "CAST(" + t.quote(column) + " AS CHAR)"
	}
	return t.quote(column) + "::text"
}

// eventType is the name of a kind of event, which some tables keep as a number (include/asterisk/cel.h).
func eventType(s string) string {
	names := []string{
		1: "CHAN_START", 2: "CHAN_END", 3: "HANGUP", 4: "ANSWER", 5: "APP_START", 6: "APP_END", 7: "PARK_START", 8: "PARK_END",
		9: "USER_DEFINED", 10: "BRIDGE_ENTER", 11: "BRIDGE_EXIT", 12: "BLINDTRANSFER", 13: "ATTENDEDTRANSFER", 14: "PICKUP",
		15: "FORWARD", 16: "LINKEDID_END", 17: "LOCAL_OPTIMIZE",
	}
	if n, err := strconv.Atoi(s); err == nil && n > 0 && n < len(names) {
		return names[n]
	}
	return strings.ToUpper(s)
}

// disposition is the name of an outcome, which some tables keep as a number (include/asterisk/cdr.h).
func disposition(s string) string {
	switch s {
	case "0":
		return "NO ANSWER"
	case "1", "2", "4", "8", "16":
		return map[string]string{"1": "NO ANSWER", "2": "FAILED", "4": "BUSY", "8": "ANSWERED", "16": "CONGESTION"}[s]
	}
	return strings.ToUpper(strings.ReplaceAll(s, "_", " "))
}

// callerName is the name of who called: FreePBX's column, else what the caller id says: "Sara" <0912...>.
func callerName(cnam, clid string) string {
	if cnam != "" {
		return cnam
	}
	name, _, ok := strings.Cut(clid, "<")
	if !ok {
		return ""
	}
	return strings.Trim(name, `" `)
}
