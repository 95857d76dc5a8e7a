package crm

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// AgentRef is what others show of an agent.
type AgentRef struct {
	ID         uuid.UUID  `json:"id"`
	Name       string     `json:"name"`
	Username   string     `json:"username"`
	Role       Role       `json:"role"`
	TeamID     *uuid.UUID `json:"team_id"`
	Extensions []string   `json:"extensions"`
}

// Directory knows in memory which live agent has which extension. Reads take no lock and no database; they are of
// the last refresh. Empty until the first.
type Directory struct {
	now       atomic.Pointer[directory]
	refreshes sync.Mutex // one at a time, so that an older reading never replaces a newer one
	changed   hooks[struct{}]
}

// directory is one reading of the database. Nobody changes it.
type directory struct {
	loaded bool       // false: nobody has read it yet
	agents []AgentRef // by name
	byID   map[uuid.UUID]int
	byExt  map[onPBX]int // index into agents
	phones map[onPBX]string
}

// onPBX is an extension or endpoint on a PBX; PBX "" is any.
type onPBX struct{ pbx, name string }

func newDirectory() *Directory {
	d := &Directory{}
	d.now.Store(&directory{})
	return d
}

// Directory is the store's; the same one for ever.
func (s *Store) Directory() *Directory { return s.directory }

// Loaded says whether there was a first refresh: that nobody has an extension means something only then.
func (d *Directory) Loaded() bool { return d.now.Load().loaded }

// ByExtension finds the agent of an extension on a PBX.
func (d *Directory) ByExtension(pbx, ext string) (AgentRef, bool) {
	now := d.now.Load()
	i, ok := now.byExt[onPBX{pbx, ext}]
	if !ok {
		i, ok = now.byExt[onPBX{"", ext}]
	}
	if !ok {
		return AgentRef{}, false
	}
	return now.agents[i], true
}

// Agent finds a live agent.
func (d *Directory) Agent(id uuid.UUID) (AgentRef, bool) {
	now := d.now.Load()
	i, ok := now.byID[id]
	if !ok {
		return AgentRef{}, false
	}
	return now.agents[i], true
}

// Agents are all live agents, by name. The caller must not change them.
func (d *Directory) Agents() []AgentRef { return d.now.Load().agents }

// Extension tells which extension a PBX's endpoint ("PJSIP/1001") is, and whether it is an agent's phone: one that
// the table of phones names, one whose name is an agent's extension, or one whose name is two to six digits.
func (d *Directory) Extension(pbx, endpoint string) (ext string, ok bool) {
	now := d.now.Load()
	for _, p := range []string{pbx, ""} {
		if ext, ok := now.phones[onPBX{p, endpoint}]; ok {
			return ext, ext != ""
		}
	}
	_, name, found := strings.Cut(endpoint, "/")
	if !found {
		name = endpoint
	}
	if len(name) >= 2 && len(name) <= maxShort && strings.Trim(name, "0123456789") == "" {
		return name, true
	}
	_, ok = d.ByExtension(pbx, name)
	if !ok {
		return "", false
	}
	return name, true
}

// OnChange calls f after the directory has changed; f must not block. stop takes f off.
func (d *Directory) OnChange(f func()) (stop func()) {
	return d.changed.add(func(struct{}) { f() })
}

// Refresh loads the Directory now. Store calls it after every change of its own, and Run now and then for others'.
func (s *Store) Refresh(ctx context.Context) error {
	d := s.directory
	d.refreshes.Lock()
	fresh, err := s.readDirectory(ctx)
	different := err == nil && !reflect.DeepEqual(fresh, d.now.Load())
	if different {
		d.now.Store(fresh)
	}
	d.refreshes.Unlock()
	if different {
		d.changed.call(struct{}{})
	}
	return wrap(err, "load the directory")
}

// refreshAfter is Refresh after a change that is saved: if it fails, Run makes up for it.
func (s *Store) refreshAfter(ctx context.Context) {
	if err := s.Refresh(ctx); err != nil {
		s.log.WarnContext(ctx, "crm: the directory is stale until its next refresh", "err", err)
	}
}

func (s *Store) readDirectory(ctx context.Context) (*directory, error) {
	d := &directory{loaded: true, byID: map[uuid.UUID]int{}, byExt: map[onPBX]int{}, phones: map[onPBX]string{}}
	rows, err := s.db.Pool().Query(ctx, `
		SELECT a.id, a.name, a.username, a.role, a.team_id, `+extensionsColumn+`
		  FROM agent a WHERE a.archived_at IS NULL ORDER BY a.name, a.id`)
	if err != nil {
		return nil, err
	}
	if d.agents, err = pgx.CollectRows(rows, pgx.RowToStructByPos[AgentRef]); err != nil {
		return nil, err
	}
	for i, a := range d.agents {
		d.byID[a.ID] = i
		for _, e := range a.Extensions {
			number, pbx, _ := strings.Cut(e, "@")
			d.byExt[onPBX{pbx, number}] = i
		}
	}
	rows, err = s.db.Pool().Query(ctx, `SELECT pbx, endpoint, extension FROM phone`)
	if err != nil {
		return nil, err
	}
	var at onPBX
	var ext string
	_, err = pgx.ForEachRow(rows, []any{&at.pbx, &at.name, &ext}, func() error {
		d.phones[at] = ext
		return nil
	})
	return d, err
}

// Phone names the extension of an endpoint whose name does not tell it.
type Phone struct {
	PBX       string `json:"pbx"`       // empty: any
	Endpoint  string `json:"endpoint"`  // "PJSIP/neda-desk"
	Extension string `json:"extension"` // empty: not an agent's phone
}

// Phones lists them.
func (s *Store) Phones(ctx context.Context, a Actor) ([]Phone, error) {
	if err := a.Require(AgentsRead); err != nil {
		return nil, err
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT pbx, endpoint, extension FROM phone ORDER BY pbx, endpoint`)
	if err != nil {
		return nil, wrap(err, "list phones")
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Phone])
	return list, wrap(err, "list phones")
}

// SetPhones replaces all of them.
func (s *Store) SetPhones(ctx context.Context, a Actor, phones []Phone) error {
	if err := a.Require(AgentsWrite); err != nil {
		return err
	}
	var f FieldErrors
	phones = slices.Clone(phones)
	for i := range phones {
		p := &phones[i]
		field := "phones[" + itoa(i) + "]"
		p.PBX = text(&f, field+".pbx", p.PBX, 100, false)
		p.Endpoint = text(&f, field+".endpoint", p.Endpoint, 200, false)
		if p.Endpoint == "" {
			f.add(field+".endpoint", "is empty")
		}
		if p.Extension != "" && !extensionPattern.MatchString(p.Extension) {
			f.add(field+".extension", "is not an extension")
		}
		if slices.ContainsFunc(phones[:i], func(o Phone) bool { return o.PBX == p.PBX && o.Endpoint == p.Endpoint }) {
			f.add(field+".endpoint", "is there twice")
		}
	}
	if err := f.err(); err != nil {
		return err
	}
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := lockAgents(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM phone`); err != nil {
			return wrap(err, "save phones")
		}
		for _, p := range phones {
			if _, err := tx.Exec(ctx, `INSERT INTO phone (pbx, endpoint, extension) VALUES ($1, $2, $3)`, p.PBX, p.Endpoint, p.Extension); err != nil {
				return wrap(err, "save phones")
			}
		}
		return AuditTx(ctx, tx, a, "update", "phone", "", map[string]any{"phones": phones})
	})
	if err == nil {
		s.refreshAfter(ctx)
	}
	return err
}
