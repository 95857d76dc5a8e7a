package crm

import "context"

// Setup is how far the people of a call centre have been told to ringbook: what an administrator does first.
type Setup struct {
	Agents        int // that are not archived, without administrators
	WithoutPhone  int // of them, those who take calls and have no extension
	WithoutTeam   int // of them, those who take calls and are in no team
	Teams         int
	TeamsUnled    int  // of them, those that nobody supervises
	Queues        int  // that have been seen
	QueuesUnnamed int  // of them, those for which people have said no label
	Customers     bool // there is at least one
	Dispositions  bool // there is at least one
}

// Setup reads how far an administrator has come.
func (s *Store) Setup(ctx context.Context, a Actor) (Setup, error) {
	var u Setup
	if err := a.Require(AgentsWrite); err != nil {
		return u, err
	}
	err := s.db.Pool().QueryRow(ctx, `
		WITH a AS (
			SELECT g.team_id IS NOT NULL OR g.role = 'supervisor' AS team, g.role = 'supervisor' OR EXISTS (SELECT FROM agent_extension e WHERE e.agent_id = g.id) AS phone
			FROM agent g WHERE g.archived_at IS NULL AND g.role <> 'admin'),
		t AS (SELECT EXISTS (SELECT FROM team_supervisor l WHERE l.team_id = t.id) AS led FROM team t WHERE t.archived_at IS NULL)
		SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM a WHERE NOT phone), (SELECT count(*) FROM a WHERE NOT team),
			(SELECT count(*) FROM t), (SELECT count(*) FROM t WHERE NOT led),
			(SELECT count(*) FROM queue WHERE archived_at IS NULL AND gone_at IS NULL),
			(SELECT count(*) FROM queue WHERE archived_at IS NULL AND gone_at IS NULL AND said_label IS NULL),
			EXISTS (SELECT FROM customer WHERE archived_at IS NULL), EXISTS (SELECT FROM disposition WHERE archived_at IS NULL)`).
		Scan(&u.Agents, &u.WithoutPhone, &u.WithoutTeam, &u.Teams, &u.TeamsUnled, &u.Queues, &u.QueuesUnnamed, &u.Customers, &u.Dispositions)
	return u, wrap(err, "read how far the setting up is")
}
