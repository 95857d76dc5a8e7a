package crm

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Identity is what an endpoint of a PBX ("PJSIP/1001") is to the agents.
type Identity struct {
	Extension  string      // empty: not an agent's phone
	Agent      *AgentRef   // nil: the extension is nobody's
	Correction *Correction // nil: known by the rule
}

// Correction says who told us, against the rule, what an endpoint is.
type Correction struct {
	By string    `json:"by"` // that agent's username
	At time.Time `json:"at"`
}

// correction is a row of the table phone.
type correction struct {
	endpoint  string // as it was written
	extension string // empty: not an agent's phone
	Correction
}

// Corrected is an endpoint that somebody corrected.
type Corrected struct{ PBX, Endpoint string }

// Corrected lists the corrected endpoints, in no order.
func (d *Directory) Corrected() []Corrected {
	now := d.now.Load()
	list := make([]Corrected, 0, len(now.phones))
	for at, c := range now.phones {
		list = append(list, Corrected{at.pbx, c.endpoint})
	}
	return list
}

// Extension tells which extension a PBX's endpoint is, and whether it is an agent's phone at all.
func (d *Directory) Extension(pbx, endpoint string) (ext string, ok bool) {
	ext, _, _ = d.now.Load().extension(pbx, endpoint)
	return ext, ext != ""
}

// Identify tells what a PBX's endpoint is. A correction decides; without one the rule does, by the endpoint's name:
//
//   - PJSIP/1001, SIP/, IAX2/, SCCP/: an agent's extension, or two to six digits, which is an extension even if nobody's;
//   - PJSIP/991001: the browser's twin of 1001, if 1001 is an agent's extension and 991001 is none;
//   - DAHDI/201: an agent's extension only, as other numbers there are those of lines;
//   - Local/1001@from-queue, @from-internal, @ext-local: as 1001.
//
// Upper and lower case are the same, in names as in corrections.
func (d *Directory) Identify(pbx, endpoint string) Identity {
	return d.now.Load().identify(pbx, endpoint)
}

func (d *directory) identify(pbx, endpoint string) Identity {
	var id Identity
	var corrected bool
	var c correction
	if id.Extension, c, corrected = d.extension(pbx, endpoint); corrected {
		id.Correction = &c.Correction
	}
	if a, ok := d.owner(pbx, id.Extension); ok && id.Extension != "" {
		id.Agent = &a
	}
	return id
}

func (d *directory) extension(pbx, endpoint string) (ext string, c correction, corrected bool) {
	endpoint = lineOf(endpoint)
	if c, corrected = d.phones[onPBX{pbx, strings.ToLower(endpoint)}]; corrected {
		return c.extension, c, true
	}
	return d.byRule(pbx, endpoint), c, false
}

// lineOf strips the number that is dialled over a line from the line's name: "DAHDI/i1/2211" gives "DAHDI/i1". The
// same is said in SQL, where calls are kept.
func lineOf(endpoint string) string {
	if technology, name, found := strings.Cut(endpoint, "/"); found && technology != "Local" {
		name, _, _ = strings.Cut(name, "/")
		return technology + "/" + name
	}
	return endpoint
}

// ofQueues are the contexts by which FreePBX and Issabel reach an extension over a Local channel.
var ofQueues = []string{"from-queue", "from-internal", "ext-local"}

func (d *directory) byRule(pbx, endpoint string) string {
	technology, name, found := strings.Cut(endpoint, "/")
	if !found {
		technology, name = "", endpoint
	}
	if technology == "Local" {
		number, context, _ := strings.Cut(name, "@")
		context, _, _ = strings.Cut(context, "/") // options
		context, _, _ = strings.Cut(context, ";") // the half
		for _, c := range ofQueues {
			if unique, ok := strings.CutPrefix(context, c); ok && (unique == "" || unique[0] == '-') {
				return d.byRule(pbx, number)
			}
		}
		return ""
	}
	if ext, ok := d.spelled(pbx, name); ok {
		return ext
	}
	if strings.EqualFold(technology, "DAHDI") {
		return ""
	}
	if twin, ok := strings.CutPrefix(name, "99"); ok && short(twin) {
		if ext, ok := d.spelled(pbx, twin); ok {
			return ext
		}
	}
	if short(name) {
		return name
	}
	return ""
}

// spelled is an agent's extension, as it was written down.
func (d *directory) spelled(pbx, name string) (string, bool) {
	name = strings.ToLower(name)
	ext, ok := d.names[onPBX{pbx, name}]
	if !ok {
		ext, ok = d.names[onPBX{"", name}]
	}
	return ext, ok
}

func short(name string) bool {
	return len(name) >= 2 && len(name) <= maxShort && strings.Trim(name, "0123456789") == ""
}

// PhonePatch changes what a phone is; what is left out stays.
type PhonePatch struct {
	Extension *string // empty: not an agent's phone
	ByRule    bool    // takes the correction back; Extension is not looked at
	// AgentID gives the phone's extension to an agent, uuid.Nil takes it from whose it is. Where the phone has no
	// extension yet it becomes one more phone of the agent's first extension, or its own name becomes an extension.
	AgentID *uuid.UUID
	// OnlyHere gives the extension on this PBX only, not on any.
	OnlyHere bool
}

// CorrectPhone changes what an endpoint of a PBX is and whose, both or nothing. An extension that is another agent's is
// refused with the agent's name.
func (s *Store) CorrectPhone(ctx context.Context, a Actor, pbx, endpoint string, p PhonePatch) (Identity, error) {
	if err := a.Require(PhonesManage); err != nil {
		return Identity{}, err
	}
	var f FieldErrors
	pbx, endpoint = text(&f, "pbx", pbx, 100, false), lineOf(text(&f, "endpoint", endpoint, 200, false))
	if technology, name, _ := strings.Cut(endpoint, "/"); len(f) == 0 && (technology == "" || name == "") {
		f.add("endpoint", "is not an endpoint")
	}
	if p.Extension != nil {
		ext := strings.TrimSpace(asciiDigits(*p.Extension))
		p.Extension = &ext
		if ext != "" && !extensionPattern.MatchString(ext) {
			f.add("extension", "is not an extension")
		}
		if ext == "" && p.AgentID != nil && *p.AgentID != uuid.Nil {
			f.add("agent_id", "what is not an agent's phone has no agent")
		}
	}
	if err := f.err(); err != nil {
		return Identity{}, err
	}
	var saved Identity
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := lockAgents(ctx, tx); err != nil {
			return err
		}
		d, err := readDirectory(ctx, tx)
		if err != nil {
			return wrap(err, "read the phones")
		}
		before := d.identify(pbx, endpoint)
		switch {
		case p.ByRule:
			_, err = tx.Exec(ctx, `DELETE FROM phone WHERE pbx = $1 AND lower(endpoint) = lower($2)`, pbx, endpoint)
			err = wrap(err, "save phone %s", endpoint)
		case p.Extension != nil:
			err = writePhone(ctx, tx, a, pbx, endpoint, *p.Extension)
		}
		if err == nil && p.AgentID != nil {
			err = assign(ctx, tx, a, pbx, endpoint, p)
		}
		if err != nil {
			return err
		}
		if d, err = readDirectory(ctx, tx); err != nil {
			return wrap(err, "read the phones")
		}
		saved = d.identify(pbx, endpoint)
		said := changes{}
		said.note("extension", before.Extension, saved.Extension)
		said.note("agent", nameOf(before.Agent), nameOf(saved.Agent))
		said.note("corrected", before.Correction != nil, saved.Correction != nil)
		return AuditTx(ctx, tx, a, "update", "phone", pbx+" "+endpoint, said)
	})
	if err != nil {
		return Identity{}, err
	}
	s.refreshAfter(ctx)
	return saved, nil
}

func nameOf(a *AgentRef) string {
	if a == nil {
		return ""
	}
	return a.Username
}

func writePhone(ctx context.Context, tx pgx.Tx, a Actor, pbx, endpoint, extension string) error {
	_, err := tx.Exec(ctx, `DELETE FROM phone WHERE pbx = $1 AND lower(endpoint) = lower($2)`, pbx, endpoint)
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO phone (pbx, endpoint, extension, corrected_by) VALUES ($1, $2, $3, $4)`,
			pbx, endpoint, extension, a.Username)
	}
	return wrap(err, "save phone %s", endpoint)
}

// assign gives a phone's extension to an agent, or takes it away. The lock of agents is held.
func assign(ctx context.Context, tx pgx.Tx, a Actor, pbx, endpoint string, p PhonePatch) error {
	d, err := readDirectory(ctx, tx)
	if err != nil {
		return wrap(err, "read the phones")
	}
	now := d.identify(pbx, endpoint)
	if *p.AgentID == uuid.Nil {
		if now.Agent == nil {
			return nil
		}
		return changeExtensions(ctx, tx, a, now.Agent.ID, func(list []string) []string {
			return slices.DeleteFunc(list, func(e string) bool { return e == now.Extension || e == now.Extension+"@"+pbx })
		})
	}
	agent, ok := d.byID[*p.AgentID]
	if !ok {
		return FieldErrors{{"agent_id", "there is no such agent"}}
	}
	ext := now.Extension
	if ext == "" {
		_, ext, _ = strings.Cut(endpoint, "/")
		for _, e := range d.agents[agent].Extensions {
			if number, on, _ := strings.Cut(e, "@"); on == "" || on == pbx {
				ext = number
				break
			}
		}
		if !extensionPattern.MatchString(ext) {
			return FieldErrors{{"extension", "is empty"}}
		}
		if err := writePhone(ctx, tx, a, pbx, endpoint, ext); err != nil {
			return err
		}
	}
	if owner, ok := d.owner(pbx, ext); ok && owner.ID == *p.AgentID {
		return nil
	} else if ok {
		return FieldErrors{{"agent_id", "belongs to " + owner.Username}}
	}
	if p.OnlyHere {
		ext += "@" + pbx
	}
	return changeExtensions(ctx, tx, a, *p.AgentID, func(list []string) []string { return append(list, ext) })
}

func changeExtensions(ctx context.Context, tx pgx.Tx, a Actor, id uuid.UUID, change func([]string) []string) error {
	before, err := readAgent(ctx, tx, id)
	if err != nil {
		return err
	}
	after := before
	after.Extensions = change(slices.Clone(before.Extensions))
	var f FieldErrors
	after = checkAgent(&f, after)
	if err := f.err(); err != nil {
		return err
	}
	_, err = saveAgent(ctx, tx, a, "update", before, after)
	return err
}
