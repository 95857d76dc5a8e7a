package calllog

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/db/dbtest"
	"ringbook/pbx"
)

// The log that is measured is of three years until now, with six legs to a call: 65 of 100 calls come in, most of them to one
// of 40 queues, and ring at seven agents of 200; 25 go out, 10 are internal. Some numbers, queues and words are frequent and
// some rare.
const (
	benchYears     = 3
	benchAgents    = 200
	benchTeams     = 10
	benchQueues    = 40
	benchRung      = 7
	benchRareEvery = 100_000 // calls that have a word that no other has
)

var (
	benchFirst = []string{"سارا", "علی", "رضا", "زهرا", "مینا", "حسین", "فاطمه", "مهدی", "نرگس", "امیر", "john", "maria", "omar", "neda", "peter", "leila", "ahmad", "anna", "بهرام", "شیرین"}
	benchLast  = []string{
		"احمدی", "کریمی", "محمدی", "حسینی", "رضایی", "موسوی", "جعفری", "صادقی", "نوری", "قاسمی", "یوسفی", "کاظمی", "شریفی", "اکبری", "فلاحی",
		"smith", "brown", "karimi", "miller", "jones", "garcia", "wilson", "taylor", "khan", "lopez", "moradi", "سلطانی", "رستمی", "بهرامی", "طاهری",
	}
	benchNote = []string{
		"قرارداد", "پیگیری", "سفارش", "تحویل", "فاکتور", "مرجوعی", "گارانتی", "تماس", "فردا", "هفته", "از", "به", "با", "مشتری", "ناراضی", "قیمت",
		"order", "invoice", "delivery", "refund", "callback", "angry", "price", "contract", "of", "to", "late", "broken", "نصب", "خرابی", "تعمیر", "پرداخت",
	}
)

func benchAgent(n int) uuid.UUID {
	return uuid.UUID{0x01, 0x93, 0x52, 0x7f, 0, 0, 0x70, 0, 0x80, 14: byte(n >> 8), 15: byte(n)}
}

func benchTeam(n int) uuid.UUID {
	return uuid.UUID{0x01, 0x93, 0x52, 0x7f, 0, 0, 0x70, 1, 0x80, 15: byte(n)}
}

func benchCustomer(n int) uuid.UUID {
	return uuid.UUID{0x01, 0x93, 0x52, 0x7f, 0, 0, 0x70, 2, 0x80, 12: byte(n >> 24), 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}
}
func benchNumber(n int) string { return fmt.Sprintf("+989%09d", n*7919%999999937) }

// benchLog is a database with a log of so many calls.
type benchLog struct {
	calls, customers int
	db               *db.DB
	store            *Store
	took             time.Duration // to make it
	bytes            int64
}

func newBenchLog(b *testing.B, calls int) *benchLog {
	b.Helper()
	dbtest.Roomy(b)
	d := dbtest.New(b)
	l := &benchLog{
		calls: calls, customers: max(100, min(calls/8, 1_000_000)), db: d,
		store: NewStore(d, crm.NewStore(d, crm.Config{Numbering: crm.Numbering{Default: crm.Rules{Region: "IR", Area: "21"}}})),
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Minute)
	defer cancel()
	for _, sql := range []string{
		fmt.Sprintf(`INSERT INTO team (id, name) SELECT ('0193527f-0000-7001-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'team ' || n FROM generate_series(0, %d) n`, benchTeams-1),
		fmt.Sprintf(`INSERT INTO agent (id, username, name, role, team_id) SELECT ('0193527f-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'agent' || n, 'Agent ' || n, 'agent',
			('0193527f-0000-7001-8000-' || lpad(to_hex(n %% %d), 12, '0'))::uuid FROM generate_series(0, %d) n`, benchTeams, benchAgents-1),
		fmt.Sprintf(`INSERT INTO customer (id, kind, name, search) SELECT ('0193527f-0000-7002-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'person', 'مشتری ' || n, ''
			FROM generate_series(0, %d) n`, l.customers-1),
	} {
		l.exec(ctx, b, sql)
	}
	for q := range benchQueues {
		if _, err := d.Pool().Exec(ctx, `INSERT INTO queue (id, pbx, name) VALUES ($1, 'main', $2)`, crm.QueueID("main", benchQueue(q)), benchQueue(q)); err != nil {
			b.Fatal(err)
		}
	}
	now := monthOf(time.Now())
	months := make([]time.Time, 12*benchYears)
	for i := range months {
		months[i] = now.AddDate(0, i-len(months)+1, 0)
	}
	span := time.Since(months[0])
	todo := make(chan int)
	var making sync.WaitGroup
	failed := make(chan error, 2)
	for range 2 {
		making.Go(func() {
			for i := range todo {
				if err := l.month(ctx, months[i], i, span); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	for i := range months {
		todo <- i
	}
	close(todo)
	making.Wait()
	select {
	case err := <-failed:
		b.Fatal(err)
	default:
	}
	if err := NewMonths(d, 0, nil).Look(ctx, time.Now()); err != nil {
		b.Fatal(err)
	}
	l.exec(ctx, b, `ANALYZE call, call_leg, call_agent, call_annotation`)
	if err := d.Pool().QueryRow(ctx, `SELECT pg_database_size(current_database())`).Scan(&l.bytes); err != nil {
		b.Fatal(err)
	}
	l.took = time.Since(began)
	b.Logf("made %d calls in %s, %d MB", calls, l.took.Round(time.Second), l.bytes>>20)
	return l
}

func benchQueue(n int) string { return "q" + strconv.Itoa(n) }

// exec runs what may take its time.
func (l *benchLog) exec(ctx context.Context, b *testing.B, sql string) {
	b.Helper()
	conn, err := l.db.Pool().Acquire(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	for _, sql := range []string{`SET statement_timeout = 0`, sql, `RESET statement_timeout`} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			b.Fatalf("%.200s: %v", sql, err)
		}
	}
}

// month makes the tables of one and all that is in them, by COPY, which leaves nothing to vacuum; their indexes afterwards.
func (l *benchLog) month(ctx context.Context, month time.Time, i int, span time.Duration) error {
	end := month.AddDate(0, 1, 0)
	if now := time.Now(); end.After(now) {
		end = now
	}
	calls := int(float64(l.calls) * float64(end.Sub(month)) / float64(span))
	m := newBenchMonth(l, month, end.Sub(month), calls, uint64(i))
	conn, err := l.db.Pool().Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
			SET LOCAL maintenance_work_mem = '512MB'; SET LOCAL max_parallel_maintenance_workers = 0`); err != nil {
			return err
		}
		suffix := month.Format("_2006_01")
		for _, table := range []string{"call", "call_annotation", "call_note", "call_leg", "call_agent"} {
			if _, err := tx.Exec(ctx, `CREATE TABLE `+table+suffix+` (LIKE `+table+` INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS INCLUDING STORAGE)`); err != nil {
				return err
			}
		}
		for _, load := range []struct {
			table, columns string
			next           func(*bytes.Buffer) bool
		}{
			{"call", benchCallColumns, m.nextCall},
			{"call_leg", "call_id, id, version, channel, role, extension, number, agent_id, offered_at, answered_at, ended_at, ended_as, talk_ms, hold_ms, parent, pbx", m.nextLegs},
			{"call_agent", "call_id, agent_id, started_at", m.nextAgents},
			{"call_annotation", "call_id, note, updated_at", m.nextNote},
		} {
			m.rewind()
			from := &benchReader{next: load.next}
			if _, err := conn.Conn().PgConn().CopyFrom(ctx, from, `COPY `+load.table+suffix+` (`+load.columns+`) FROM STDIN (FREEZE)`); err != nil {
				return fmt.Errorf("copy into %s: %w", load.table, err)
			}
		}
		for _, t := range []struct{ table, key string }{{"call", "id"}, {"call_annotation", "call_id"}, {"call_note", "call_id"}, {"call_leg", "call_id"}, {"call_agent", "call_id"}} {
			if _, err := tx.Exec(ctx, fmt.Sprintf(`ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')`,
				t.table, t.table+suffix, idAt(month), idAt(month.AddDate(0, 1, 0)))); err != nil {
				return fmt.Errorf("attach %s: %w", t.table+suffix, err)
			}
		}
		return nil
	})
}

// benchReader reads what next writes, a piece at a time.
type benchReader struct {
	next func(*bytes.Buffer) bool
	have bytes.Buffer
	over bool
}

func (r *benchReader) Read(p []byte) (int, error) {
	for !r.over && r.have.Len() < len(p) {
		r.over = !r.next(&r.have)
	}
	return r.have.Read(p)
}

const benchCallColumns = `id, pbx, version, direction, state, outcome, caller_raw, caller_number, caller_name, caller_withheld, dialed_raw, dialed_number, number,
	trunk, queue, customer_ref, started_at, answered_at, ended_at, wait_ms, talk_ms, hold_ms, hangup_by, hangup_cause, hangup_text, transfers,
	partial, reconstructed, whole, search, note_search, match_rule, matched_id, candidates, agents`

// benchMonth makes the same calls each time that it is rewound.
type benchMonth struct {
	log        *benchLog
	began      time.Time
	long       time.Duration
	calls      int
	seed       uint64
	n          int
	random     *rand.Rand
	numbers    *rand.Zipf
	queues     *rand.Zipf
	notes      *rand.Zipf
	id         uuid.UUID
	at         time.Time
	direction  pbx.Direction
	outcome    pbx.Outcome
	queue      int // -1: none
	number     int
	first      int // agent who was rung
	rung       int
	name, note string
}

func newBenchMonth(l *benchLog, began time.Time, long time.Duration, calls int, seed uint64) *benchMonth {
	return &benchMonth{log: l, began: began, long: long, calls: calls, seed: seed}
}

func (m *benchMonth) rewind() {
	m.n = 0
	m.random = rand.New(rand.NewPCG(m.seed, 5))
	m.numbers = rand.NewZipf(m.random, 1.2, 50, uint64(m.log.customers*2-1))
	m.queues = rand.NewZipf(m.random, 1.5, 4, benchQueues-1)
	m.notes = rand.NewZipf(m.random, 1.3, 3, uint64(len(benchNote)-1))
}

// step goes on to the next call.
func (m *benchMonth) step() bool {
	if m.n >= m.calls {
		return false
	}
	m.at = m.began.Add(time.Duration(float64(m.long) * float64(m.n) / float64(m.calls))).Truncate(time.Millisecond)
	m.id = idAt(m.at)
	m.id[6], m.id[8] = 0x70, 0x80
	for i := range 4 {
		m.id[12+i] = byte(m.n >> (8 * (3 - i)))
	}
	m.n++
	r := m.random
	m.queue, m.number = -1, int(m.numbers.Uint64())
	share := r.IntN(1000)
	switch d := r.IntN(100); {
	case d < 65:
		m.direction, m.rung = pbx.Inbound, benchRung
		if d < 60 {
			m.queue = int(m.queues.Uint64())
		}
		m.outcome = pick(share, pbx.Answered, 780, pbx.Abandoned, 930, pbx.Missed, 996, pbx.Voicemail)
	case d < 90:
		m.direction, m.rung = pbx.Outbound, 1
		m.outcome = pick(share, pbx.Answered, 700, pbx.Cancelled, 900, pbx.Busy, 990, pbx.Failed)
	default:
		m.direction, m.rung, m.number = pbx.Internal, 2, -1
		m.outcome = pick(share, pbx.Answered, 850, pbx.Missed, 999, pbx.Busy, 1000, pbx.Busy)
	}
	// Agents 0 to 4 have left: they had no call in the last year.
	m.first = 5 + (max(0, m.queue)*5+r.IntN(12))%(benchAgents-5)
	if r.IntN(3000) == 0 && time.Since(m.at) > 365*24*time.Hour {
		m.first = r.IntN(5)
	}
	m.name = benchFirst[m.number&0xffff%len(benchFirst)] + " " + benchLast[(m.number>>1)&0xffff%len(benchLast)]
	if m.n%benchRareEvery == benchRareEvery/2 {
		m.name += " نادرترین"
	}
	m.note = ""
	if r.IntN(20) == 0 {
		for range 6 {
			m.note += benchNote[m.notes.Uint64()] + " "
		}
		m.note += strconv.Itoa(r.IntN(1_000_000))
	}
	return true
}

func pick(share int, a pbx.Outcome, to1 int, b pbx.Outcome, to2 int, c pbx.Outcome, to3 int, d pbx.Outcome) pbx.Outcome {
	switch {
	case share < to1:
		return a
	case share < to2:
		return b
	case share < to3:
		return c
	}
	return d
}

func (m *benchMonth) agent(i int) uuid.UUID {
	if m.first < 5 && i == 0 {
		return benchAgent(m.first)
	}
	return benchAgent(5 + (m.first+i)%(benchAgents-5))
}

func (m *benchMonth) nextCall(b *bytes.Buffer) bool {
	if !m.step() {
		return false
	}
	number, queue, matched, rule := "", "", `\N`, "none"
	if m.number >= 0 {
		number = benchNumber(m.number)
		if m.number < m.log.customers {
			matched, rule = benchCustomer(m.number).String(), "exact"
		}
	}
	caller, dialed := "1001", "1002"
	switch m.direction {
	case pbx.Inbound:
		caller, dialed = number, "+982191001234"
	case pbx.Outbound:
		dialed = number
	}
	if m.queue >= 0 {
		queue = benchQueue(m.queue)
	}
	answered := `\N`
	ended := m.at.Add(time.Minute)
	if m.outcome == pbx.Answered {
		answered = stamp(m.at.Add(7 * time.Second))
	}
	b.WriteString(m.id.String())
	b.WriteString("\tmain\t")
	b.WriteString(strconv.FormatInt(m.at.UnixMicro(), 10))
	for _, s := range []string{string(m.direction), "ended", string(m.outcome), caller, caller, m.name, "f", dialed, dialed, number, "PJSIP/trunk", queue, "", stamp(m.at), answered, stamp(ended)} {
		b.WriteByte('\t')
		b.WriteString(s)
	}
	b.WriteString("\t7000\t53000\t0\tcaller\t16\tNormal Clearing\t[]\tf\tf\tt\t")
	b.WriteString(m.name)
	b.WriteByte(' ')
	b.WriteString(queue)
	b.WriteByte('\t')
	b.WriteString(m.note)
	b.WriteByte('\t')
	b.WriteString(rule)
	b.WriteByte('\t')
	b.WriteString(matched)
	b.WriteString("\t{}\t{")
	for i := range m.rung {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(m.agent(i).String())
	}
	b.WriteString("}\n")
	return true
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000Z") }

func (m *benchMonth) nextLegs(b *bytes.Buffer) bool {
	if !m.step() {
		return false
	}
	id, at, version := m.id.String(), stamp(m.at), strconv.FormatInt(m.at.UnixMicro(), 10)
	ended := stamp(m.at.Add(time.Minute))
	leg := func(n int, channel, role, extension, number, agent, answered, as string) {
		for _, s := range []string{id, strconv.FormatInt(m.at.Unix(), 10) + "." + strconv.Itoa(n), version, channel, role, extension, number, agent, at, answered, ended, as, "0", "0", ""} {
			b.WriteString(s)
			b.WriteByte('\t')
		}
		b.WriteString("main\n")
	}
	if m.direction != pbx.Internal {
		leg(0, "PJSIP/trunk-"+strconv.FormatInt(int64(m.n), 16), "customer", "", benchNumber(m.number), `\N`, at, "hung_up")
	}
	for i := range m.rung {
		agent := m.agent(i)
		extension := strconv.Itoa(1000 + int(agent[14])<<8 + int(agent[15]))
		answered, as := `\N`, "answered_elsewhere"
		if i == 0 && m.outcome == pbx.Answered {
			answered, as = at, "hung_up"
		}
		leg(i+1, "PJSIP/"+extension+"-0000"+strconv.FormatInt(int64(m.n&0xffff), 16), "agent", extension, "", agent.String(), answered, as)
	}
	return true
}

func (m *benchMonth) nextAgents(b *bytes.Buffer) bool {
	if !m.step() {
		return false
	}
	id, at := m.id.String(), stamp(m.at)
	for i := range m.rung {
		b.WriteString(id)
		b.WriteByte('\t')
		b.WriteString(m.agent(i).String())
		b.WriteByte('\t')
		b.WriteString(at)
		b.WriteByte('\n')
	}
	return true
}

func (m *benchMonth) nextNote(b *bytes.Buffer) bool {
	if !m.step() {
		return false
	}
	if m.note != "" {
		b.WriteString(m.id.String() + "\t" + m.note + "\t" + stamp(m.at) + "\n")
	}
	return true
}
