package crm

import (
	"context"
	"errors"
	"reflect"
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

// Directory knows in memory which live agent has which extension, and the queues. Reads take no lock and no database; they are of
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
	leads  map[uuid.UUID][]uuid.UUID // the teams that an agent supervises
	byExt  map[onPBX]int             // index into agents
	names  map[onPBX]string          // extensions by their lower-case spelling
	phones map[onPBX]correction      // by the endpoint in lower case

	queues      []Queue // by label
	queuesByID  map[uuid.UUID]int
	queueByName map[onPBX]int // by the name in lower case
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
	return d.now.Load().owner(pbx, ext)
}

func (d *directory) owner(pbx, ext string) (AgentRef, bool) {
	i, ok := d.byExt[onPBX{pbx, ext}]
	if !ok {
		i, ok = d.byExt[onPBX{"", ext}]
	}
	if !ok {
		return AgentRef{}, false
	}
	return d.agents[i], true
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

// Actor is a live agent as an actor: what they may do now.
func (d *Directory) Actor(id uuid.UUID) (Actor, bool) {
	now := d.now.Load()
	i, ok := now.byID[id]
	if !ok {
		return Actor{}, false
	}
	a := &now.agents[i]
	return Actor{AgentID: a.ID, Username: a.Username, Name: a.Name, Role: a.Role, TeamID: a.TeamID, Teams: now.leads[id]}, true
}

// Agents are all live agents, by name. The caller must not change them.
func (d *Directory) Agents() []AgentRef { return d.now.Load().agents }

// Queue finds a queue by its name on a PBX, archived or not; nil: it is not known, yet. Nobody may change it.
func (d *Directory) Queue(pbx, name string) *Queue { return d.now.Load().queue(pbx, name) }

func (d *directory) queue(pbx, name string) *Queue {
	if name == "" {
		return nil
	}
	i, ok := d.queueByName[onPBX{pbx, lowerASCII(name)}]
	if !ok {
		return nil
	}
	return &d.queues[i]
}

// QueueByID finds a queue, archived or not; nil: it is not known, yet. Nobody may change it.
func (d *Directory) QueueByID(id uuid.UUID) *Queue {
	now := d.now.Load()
	i, ok := now.queuesByID[id]
	if !ok {
		return nil
	}
	return &now.queues[i]
}

// QueueLabel is what people call the queue of that id and name.
func (d *Directory) QueueLabel(id uuid.UUID, name string) string {
	if q := d.QueueByID(id); q != nil {
		return q.Label
	}
	return name
}

// Queues are all queues, archived ones too, by label. The caller must not change them.
func (d *Directory) Queues() []Queue { return d.now.Load().queues }

// OnChange calls f after the directory has changed; f must not block. stop takes f off.
func (d *Directory) OnChange(f func()) (stop func()) {
	return d.changed.add(func(struct{}) { f() })
}

// Refresh loads the Directory and the States now. Store calls it after every change of its own, and Run now and then for
// others'.
func (s *Store) Refresh(ctx context.Context) error {
	return errors.Join(s.refreshDirectory(ctx), s.states.load(ctx, nil))
}

func (s *Store) refreshDirectory(ctx context.Context) error {
	d := s.directory
	d.refreshes.Lock()
	fresh, err := readDirectory(ctx, s.db.Pool())
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

func readDirectory(ctx context.Context, q querier) (*directory, error) {
	d := &directory{
		loaded: true, byID: map[uuid.UUID]int{}, leads: map[uuid.UUID][]uuid.UUID{}, byExt: map[onPBX]int{}, names: map[onPBX]string{}, phones: map[onPBX]correction{},
		queuesByID: map[uuid.UUID]int{}, queueByName: map[onPBX]int{},
	}
	rows, err := q.Query(ctx, `
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
			d.names[onPBX{pbx, strings.ToLower(number)}] = number
		}
	}
	rows, err = q.Query(ctx, `
		SELECT ts.agent_id, ts.team_id FROM team_supervisor ts JOIN team t ON t.id = ts.team_id
		 WHERE t.archived_at IS NULL ORDER BY ts.team_id`)
	if err != nil {
		return nil, err
	}
	var leader, team uuid.UUID
	if _, err = pgx.ForEachRow(rows, []any{&leader, &team}, func() error {
		d.leads[leader] = append(d.leads[leader], team)
		return nil
	}); err != nil {
		return nil, err
	}
	rows, err = q.Query(ctx, `SELECT pbx, endpoint, extension, corrected_by, corrected_at FROM phone`)
	if err != nil {
		return nil, err
	}
	var at onPBX
	var c correction
	_, err = pgx.ForEachRow(rows, []any{&at.pbx, &c.endpoint, &c.extension, &c.By, &c.At}, func() error {
		at.name = strings.ToLower(c.endpoint)
		d.phones[at] = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.queues, err = readQueues(ctx, q, `true ORDER BY coalesce(q.said_label, q.name COLLATE persian), q.pbx, q.id`)
	for i := range d.queues {
		d.queuesByID[d.queues[i].ID] = i
		d.queueByName[onPBX{d.queues[i].PBX, lowerASCII(d.queues[i].Name)}] = i
	}
	return d, err
}
