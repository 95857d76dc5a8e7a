package crm

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// SeedDemo fills an empty database with n plausible customers, four agents (neda 1001, sara 1002, amir 1003,
// reza 1004) in two teams and their supervisor (maryam), all with the given password, and the usual dispositions. The same n gives the same
// customers. What has customers or such agents already keeps them.
func (s *Store) SeedDemo(ctx context.Context, n int, password string) error {
	if err := s.seedAgents(ctx, password); err != nil {
		return fmt.Errorf("make the demo's agents: %w", err)
	}
	if err := s.seedDispositions(ctx); err != nil {
		return fmt.Errorf("make the demo's dispositions: %w", err)
	}
	if err := s.seedCustomers(ctx, n); err != nil {
		return fmt.Errorf("make the demo's customers: %w", err)
	}
	return nil
}

func (s *Store) seedAgents(ctx context.Context, password string) error {
	var there bool
	err := s.db.Pool().QueryRow(ctx, `SELECT EXISTS (SELECT FROM agent WHERE lower(username) = 'neda' AND archived_at IS NULL)`).Scan(&there)
	if err != nil || there {
		return err
	}
	supervisor, err := s.CreateAgent(ctx, System, AgentInput{Username: "maryam", Name: "مریم صادقی", Role: RoleSupervisor, Password: password, Extensions: []string{"1010"}})
	if err != nil {
		return err
	}
	teams := map[string]*uuid.UUID{}
	for _, name := range []string{"پشتیبانی", "فروش"} {
		t, err := s.CreateTeam(ctx, System, TeamInput{Name: name, Supervisors: []uuid.UUID{supervisor.ID}})
		if err != nil {
			return err
		}
		teams[name] = &t.ID
	}
	for _, a := range []AgentInput{
		{Username: "neda", Name: "ندا رحیمی", Extensions: []string{"1001"}, TeamID: teams["پشتیبانی"]},
		{Username: "sara", Name: "سارا محمودی", Extensions: []string{"1002"}, TeamID: teams["پشتیبانی"]},
		{Username: "amir", Name: "امیر کاظمی", Extensions: []string{"1003"}, TeamID: teams["فروش"], Role: RoleSales},
		{Username: "reza", Name: "رضا نوری", Extensions: []string{"1004"}, TeamID: teams["فروش"]},
	} {
		a.Password = password
		if _, err := s.CreateAgent(ctx, System, a); err != nil {
			return err
		}
	}
	return nil
}

// seedDispositions makes the usual ones, unless there were ever any.
func (s *Store) seedDispositions(ctx context.Context) error {
	var there bool
	err := s.db.Pool().QueryRow(ctx, `SELECT EXISTS (SELECT FROM disposition)`).Scan(&there)
	if err != nil || there {
		return err
	}
	for i, name := range []string{"حل شد", "فروخته شد", "تماس مجدد", "علاقه‌مند نبود", "شکایت", "شمارهٔ اشتباه"} {
		key := i + 1
		in := DispositionInput{Name: name, Key: &key}
		if key == 3 {
			in.FollowUp = &DispositionFollowUp{Kind: "callback", AfterMS: 24 * 60 * 60 * 1000}
		}
		if _, err := s.CreateDisposition(ctx, System, in); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) seedCustomers(ctx context.Context, n int) error {
	return s.db.InTx(ctx, func(tx pgx.Tx) error {
		var there bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM customer)`).Scan(&there); err != nil || there {
			return err
		}
		if err := s.copyCustomers(ctx, tx, n); err != nil {
			return err
		}
		// Without it the planner takes the tables for empty until autovacuum comes by, and every match reads them whole.
		_, err := tx.Exec(ctx, `ANALYZE customer, customer_number`)
		return err
	})
}

// copyCustomers writes the demo's first n customers as fast as PostgreSQL takes them.
func (s *Store) copyCustomers(ctx context.Context, tx pgx.Tx, n int) error {
	d := newDemo()
	// Organizations come first: persons refer to them.
	for _, kind := range []CustomerKind{Organization, Person} {
		i := -1
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"customer"},
			[]string{"id", "kind", "name", "organization_id", "reference", "tags", "note", "search", "created_at", "updated_at"},
			pgx.CopyFromFunc(func() ([]any, error) {
				for i++; i < n; i++ {
					if c := d.customer(i); c.Kind == kind {
						return []any{c.ID, c.Kind, c.Name, c.OrganizationID, c.Reference, c.Tags, c.Note, s.searchText(c), c.CreatedAt, c.CreatedAt}, nil
					}
				}
				return nil, nil
			}))
		if err != nil {
			return wrap(err, "copy customers")
		}
	}
	i, j := -1, 0
	var c Customer
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"customer_number"},
		[]string{"customer_id", "position", "key", "raw", "kind", "label", "extension", "historic"},
		pgx.CopyFromFunc(func() ([]any, error) {
			for i < 0 || j == len(c.Numbers) {
				if i++; i >= n {
					return nil, nil
				}
				c, j = d.customer(i), 0
			}
			m := c.Numbers[j]
			j++
			return []any{c.ID, int16(j), m.Number, m.Raw, m.Kind, m.Label, m.Extension, m.Historic}, nil
		}))
	return wrap(err, "copy numbers")
}

// DemoNumbers are numbers of the first n customers of the demo in E.164, for a PBX that pretends they call.
func DemoNumbers(n int) []string {
	d := newDemo()
	numbers := make([]string, 0, n)
	for i := range n {
		numbers = append(numbers, d.customer(i).Numbers[0].Number)
	}
	return numbers
}

// demo invents customers; the same index gives the same one. Numbers in it are of the real shape and nobody's intent.
type demo struct{ epoch time.Time }

func newDemo() demo { return demo{epoch: time.Date(2025, 3, 21, 5, 30, 0, 0, time.UTC)} }

const demoOrganizations = 8 // one customer in so many is an organization

func (d demo) rand(i int) *rand.Rand { return rand.New(rand.NewPCG(uint64(i), 0x72696e67)) }

func (d demo) id(i int) uuid.UUID {
	var id uuid.UUID
	at := d.epoch.Add(time.Duration(i) * time.Minute)
	binary.BigEndian.PutUint64(id[:8], uint64(at.UnixMilli())<<16)
	r := d.rand(i)
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

func (d demo) customer(i int) Customer {
	r := d.rand(i)
	r.Uint64() // the id's
	c := Customer{
		ID: d.id(i), Kind: Person, Tags: []string{}, Version: 1,
		CreatedAt: d.epoch.Add(time.Duration(i) * time.Minute),
	}
	city := demoCities[r.IntN(len(demoCities))]
	if i%demoOrganizations == 0 {
		c.Kind = Organization
		c.Name = d.organization(i)
		c.Numbers = append(c.Numbers, demoFixed(r, city.area, "تلفن‌خانه"))
		if r.IntN(3) == 0 {
			c.Numbers = append(c.Numbers, demoFixed(r, city.area, "نمابر"))
		}
	} else {
		first := demoFirstNames[r.IntN(len(demoFirstNames))]
		c.Name = first + " " + demoLastNames[r.IntN(len(demoLastNames))]
		c.Numbers = append(c.Numbers, demoMobile(r))
		if r.IntN(3) == 0 { // works somewhere, and is reached there through the switchboard
			o := i - i%demoOrganizations
			id := d.id(o)
			c.OrganizationID, c.Organization = &id, d.organization(o)
			if r.IntN(2) == 0 {
				n := d.customer(o).Numbers[0]
				n.Label, n.Extension = "محل کار", fmt.Sprint(100+r.IntN(800))
				n.Raw += " داخلی " + n.Extension
				c.Numbers = append(c.Numbers, n)
			}
		}
		if r.IntN(4) == 0 {
			c.Numbers = append(c.Numbers, demoFixed(r, city.area, "منزل"))
		}
		if r.IntN(20) == 0 {
			n := demoMobile(r)
			n.Label, n.Historic = "قدیمی", true
			c.Numbers = append(c.Numbers, n)
		}
	}
	c.Tags = append(c.Tags, city.name)
	for _, t := range demoTags {
		if r.IntN(12) == 0 {
			c.Tags = append(c.Tags, t)
		}
	}
	if r.IntN(6) == 0 {
		c.Note = demoNotes[r.IntN(len(demoNotes))]
	}
	c.Reference = fmt.Sprintf("C-%06d", i+1)
	return c
}

func (d demo) organization(i int) string {
	r := d.rand(i)
	kind := demoCompanies[r.IntN(len(demoCompanies))]
	name := demoCompanyNames[r.IntN(len(demoCompanyNames))]
	if r.IntN(3) == 0 {
		name += " " + demoCities[r.IntN(len(demoCities))].name
	}
	return kind + " " + name
}

func demoMobile(r *rand.Rand) CustomerNumber {
	prefix := demoMobiles[r.IntN(len(demoMobiles))]
	rest := fmt.Sprintf("%07d", 1_000_000+r.IntN(9_000_000))
	return CustomerNumber{
		Number: "+98" + prefix + rest, Raw: "0" + prefix + " " + rest[:3] + " " + rest[3:], Kind: KindE164, Label: "همراه",
	}
}

func demoFixed(r *rand.Rand, area, label string) CustomerNumber {
	local := fmt.Sprintf("3%07d", 2_000_000+r.IntN(6_000_000))
	if area == "21" {
		local = fmt.Sprintf("%d%06d", []int{22, 26, 44, 66, 77, 88}[r.IntN(6)], r.IntN(1_000_000))
	}
	return CustomerNumber{Number: "+98" + area + local, Raw: "0" + area + "-" + local, Kind: KindE164, Label: label}
}

var demoCities = []struct{ name, area string }{
	{"تهران", "21"},
	{"تهران", "21"},
	{"تهران", "21"},
	{"اصفهان", "31"},
	{"مشهد", "51"},
	{"شیراز", "71"},
	{"تبریز", "41"},
	{"کرج", "26"},
	{"اهواز", "61"},
	{"قم", "25"},
	{"رشت", "13"},
	{"کرمانشاه", "83"},
	{"یزد", "35"},
	{"ارومیه", "44"},
	{"همدان", "81"},
}

var demoMobiles = strings.Fields("912 912 912 913 914 915 916 917 918 919 910 911 901 902 903 905 920 921 922 930 933 935 936 937 938 939")

var demoTags = []string{"ویژه", "بدهکار", "نمایندگی", "مشتری جدید", "قرارداد سالانه", "پیگیری", "همکار"}

var demoNotes = []string{
	"ترجیح می‌دهد بعد از ساعت ۱۶ با او تماس گرفته شود.",
	"فاکتور به نام شرکت صادر شود.",
	"درباره‌ی تمدید قرارداد پشتیبانی سؤال داشت.",
	"آدرس تحویل کالا عوض شده است؛ پیش از ارسال بپرسید.",
	"از کیفیت خدمات راضی است و دوستانش را معرفی کرده.",
	"منتظر پیش‌فاکتور دستگاه دوم است.",
	"فقط با خط همراه تماس بگیرید.",
}

var demoFirstNames = strings.Fields(`علی محمد حسین رضا مهدی امیر حسن احمد سعید حمید مجید وحید فرهاد بهرام کامران آرش سیاوش پویا نیما بابک
	کیوان شهرام بهنام مسعود منصور ناصر جواد هادی میلاد سینا فاطمه زهرا مریم سارا نرگس لیلا الهام مینا نازنین شیرین پریسا سمیرا
	آزاده مهسا ندا نیلوفر هانیه شیما مژگان فرشته بهاره ترانه گلناز یاسمن رویا سپیده طاهره معصومه اکرم پروین`)

var demoLastNames = []string{
	"محمدی", "حسینی", "احمدی", "رضایی", "موسوی", "کریمی", "هاشمی", "رحیمی", "جعفری", "قاسمی", "مرادی", "صادقی", "ابراهیمی",
	"اکبری", "نوری", "یوسفی", "کاظمی", "سلیمانی", "عباسی", "شریفی", "میرزایی", "باقری", "زارعی", "فتحی", "حیدری", "نجفی",
	"عزیزی", "طاهری", "رستمی", "بهرامی", "خسروی", "امیری", "پورمحمدی", "علی‌زاده", "حسن‌زاده", "کریم‌زاده", "تقی‌پور",
	"اسدی", "غلامی", "فرهادی", "شاکری", "توکلی", "دهقان", "صالحی", "منصوری", "بیات", "افشار", "قنبری", "وکیلی", "شیرازی",
	"اصفهانی", "تبریزی", "کاشانی", "یزدانی", "پناهی", "نیک‌نام", "راد", "آریا", "کیانی", "جلالی", "ملکی", "فروتن", "سعادت",
}

var demoCompanies = []string{
	"شرکت", "شرکت بازرگانی", "صنایع", "فروشگاه", "گروه صنعتی", "شرکت پخش", "کلینیک", "آموزشگاه", "دفتر خدمات", "کارخانه",
	"شرکت مهندسی", "داروخانه", "هتل", "آژانس", "شرکت نرم‌افزاری",
}

var demoCompanyNames = []string{
	"آریا", "پارس‌گستر", "نوین‌پرداز", "البرز", "دماوند", "زاگرس", "کاسپین", "سپهر", "مهر", "ایرانیان", "پاسارگاد", "هخامنش",
	"آسمان آبی", "راه‌گشا", "فرداد", "پیشرو", "توسعه", "افق", "سروش", "باران", "آفتاب", "ماهان", "کیان", "رایان", "پویش",
	"نگین", "ستاره", "گلستان", "بهاران", "نیک‌اندیش", "تکین", "همراه", "امید", "صدف", "الماس", "طلوع", "رویال", "پرند",
}
