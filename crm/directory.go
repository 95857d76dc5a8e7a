package crm

import "github.com/google/uuid"

// AgentRef is what others show of an agent.
type AgentRef struct {
	ID         uuid.UUID  `json:"id"`
	Name       string     `json:"name"`
	Username   string     `json:"username"`
	Role       Role       `json:"role"`
	TeamID     *uuid.UUID `json:"team_id"`
	Extensions []string   `json:"extensions"`
}

// Directory knows in memory which live agent has which extension. Reads take no lock and no database.
type Directory struct{}

func newDirectory() *Directory { return &Directory{} }

// Directory is the store's; the same one for ever.
func (s *Store) Directory() *Directory { return s.directory }

// ByExtension finds the agent of an extension on a PBX.
func (d *Directory) ByExtension(pbx, ext string) (AgentRef, bool) { return AgentRef{}, false }

// Agent finds a live agent.
func (d *Directory) Agent(id uuid.UUID) (AgentRef, bool) { return AgentRef{}, false }

// Agents are all live agents, by name.
func (d *Directory) Agents() []AgentRef { return nil }

// Extension tells which extension a PBX's endpoint ("PJSIP/1001") is, and whether it is an agent's phone.
func (d *Directory) Extension(pbx, endpoint string) (ext string, ok bool) { return "", false }

// OnChange calls f after the directory has changed; f must not block. stop takes f off.
func (d *Directory) OnChange(f func()) (stop func()) { return func() {} }
