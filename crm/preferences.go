package crm

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Preferences is how an agent likes the pages.
type Preferences struct {
	Language string `json:"language" enum:"fa,en"`
	Theme    string `json:"theme" enum:"light,dark,auto"`
	Digits   string `json:"digits" enum:"persian,latin" doc:"of phone numbers, extensions and durations"`
}

// PreferencesPatch changes preferences; nil leaves a field as it is.
type PreferencesPatch struct {
	Language *string
	Theme    *string
	Digits   *string
}

// defaultPreferences are those of an agent who has changed nothing.
var defaultPreferences = Preferences{Language: "fa", Theme: "auto", Digits: "persian"}

const selectPreferences = `SELECT language, theme, digits FROM agent_preferences WHERE agent_id = $1`

// Preferences are the actor's own.
func (s *Store) Preferences(ctx context.Context, a Actor) (Preferences, error) {
	p := defaultPreferences
	err := s.db.Pool().QueryRow(ctx, selectPreferences, a.AgentID).Scan(&p.Language, &p.Theme, &p.Digits)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Preferences{}, fmt.Errorf("preferences of %s: %w", a.Username, err)
	}
	return p, nil
}

const upsertPreferences = `
	INSERT INTO agent_preferences AS p (agent_id, language, theme, digits)
	VALUES ($1, coalesce($2, $5), coalesce($3, $6), coalesce($4, $7))
	ON CONFLICT (agent_id) DO UPDATE SET
		language = coalesce($2, p.language), theme = coalesce($3, p.theme), digits = coalesce($4, p.digits)
	RETURNING language, theme, digits`

// SetPreferences changes the actor's own, one field without touching what another tab sets at the same time. No event tells
// other nodes of it: no node keeps preferences in memory, and no picture that is pushed shows them. Every node reads them from the
// database when a page asks who is logged in, so that a page opened on another node has them at once; one that is open keeps
// what it has, on the node of the change as well.
func (s *Store) SetPreferences(ctx context.Context, a Actor, patch PreferencesPatch) (Preferences, error) {
	if err := patch.check(); err != nil {
		return Preferences{}, err
	}
	d, p := defaultPreferences, Preferences{}
	err := s.db.Pool().QueryRow(ctx, upsertPreferences, a.AgentID, patch.Language, patch.Theme, patch.Digits, d.Language, d.Theme, d.Digits).
		Scan(&p.Language, &p.Theme, &p.Digits)
	if err != nil {
		return Preferences{}, fmt.Errorf("set preferences of %s: %w", a.Username, err)
	}
	return p, nil
}

func (p PreferencesPatch) check() error {
	var faults FieldErrors
	one := func(field string, v *string, of ...string) {
		if v == nil {
			return
		}
		for _, o := range of {
			if *v == o {
				return
			}
		}
		faults.add(field, "is none of the choices")
	}
	one("language", p.Language, "fa", "en")
	one("theme", p.Theme, "light", "dark", "auto")
	one("digits", p.Digits, "persian", "latin")
	return faults.err()
}
