package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/db"
)

type tokenCommand struct {
	Create tokenCreate `cmd:"" help:"Make a token; it is printed once."`
	List   tokenList   `cmd:"" help:"List the tokens of a user."`
	Revoke tokenRevoke `cmd:"" help:"End a token."`
}

type tokenCreate struct {
	User string        `required:"" placeholder:"NAME" help:"Whose token it is: it may do what this user may."`
	Name string        `default:"command line" help:"What it is for, to be recognised in the list."`
	Life time.Duration `placeholder:"TIME" help:"How long it is valid, as 720h; left out: until it is revoked."`
	Database
	Logging
}

func (t tokenCreate) Run(c *console) error {
	return t.Database.withUser(c, t.Logging, t.User, func(store *crm.Store, user crm.Agent) error {
		secret, _, err := store.CreateToken(c.ctx, crm.System, user.ID, t.Name, t.Life)
		if err != nil {
			return fmt.Errorf("make a token: %w", err)
		}
		fmt.Fprintln(c.stdout, secret)
		return nil
	})
}

type tokenList struct {
	User string `required:"" placeholder:"NAME" help:"Whose tokens."`
	Database
	Logging
}

func (t tokenList) Run(c *console) error {
	return t.Database.withUser(c, t.Logging, t.User, func(store *crm.Store, user crm.Agent) error {
		tokens, err := store.Tokens(c.ctx, crm.System, user.ID)
		if err != nil {
			return fmt.Errorf("list the tokens: %w", err)
		}
		w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tNAME\tMADE\tLAST USED\tVALID UNTIL")
		for _, token := range tokens {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", token.ID, token.Name, token.CreatedAt.Local().Format(time.DateTime),
				when(token.LastUsed, "never"), when(token.ExpiresAt, "it is revoked"))
		}
		return w.Flush()
	})
}

type tokenRevoke struct {
	ID uuid.UUID `arg:"" help:"The token's id, from the list."`
	Database
	Logging
}

func (t tokenRevoke) Run(c *console) error {
	return t.Database.with(c, t.Logging, func(store *crm.Store) error {
		if err := store.EndToken(c.ctx, crm.System, t.ID); errors.Is(err, crm.ErrNotFound) {
			return fmt.Errorf("there is no token %s", t.ID)
		} else if err != nil {
			return fmt.Errorf("revoke the token: %w", err)
		}
		fmt.Fprintln(c.stdout, "The token is revoked.")
		return nil
	})
}

func when(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return t.Local().Format(time.DateTime)
}

// with opens and migrates the database for a command and hands it a store.
func (d Database) with(c *console, l Logging, do func(*crm.Store) error) (err error) {
	database, err := d.open(c, l)
	if err != nil {
		return err
	}
	defer closing(c.ctx, database, &err)
	if err := database.Migrate(c.ctx); err != nil {
		return err
	}
	return do(crm.NewStore(database, crm.Config{Log: l.logger(c.stderr)}))
}

func (d Database) withUser(c *console, l Logging, username string, do func(*crm.Store, crm.Agent) error) error {
	return d.with(c, l, func(store *crm.Store) error {
		user, err := store.AgentByUsername(c.ctx, crm.System, username)
		if errors.Is(err, crm.ErrNotFound) {
			return fmt.Errorf("there is no user %q", username)
		} else if err != nil {
			return err
		}
		return do(store, user)
	})
}

// closing closes the database at the end of a command, also when a signal has ended the context.
func closing(ctx context.Context, database *db.DB, err *error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	if closed := database.Close(ctx); closed != nil && *err == nil {
		*err = closed
	}
}
