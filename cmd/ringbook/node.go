package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"ringbook/db"
	"ringbook/pbx"
	"ringbook/web"
)

// Several ringbooks that share a database are the nodes of one house: see docs/two-nodes.md. A node has a name, for people
// and for ARI, and an identity, for the leases: that of its data folder, which it alone uses.

var validNode = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,40}$`)

// hostNode is the host's name, as far as it can be a node's.
func hostNode() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return "node"
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, host)
	return name[:min(len(name), 40)]
}

// identity is that of the data folder; a new folder is given one.
func identity(folder string) (string, error) {
	path := filepath.Join(folder, "node.id")
	known, err := os.ReadFile(path)
	if id := strings.TrimSpace(string(known)); err == nil && id != "" {
		return id, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the node's identity cannot be read: %w", err)
	}
	b := make([]byte, 16)
	rand.Read(b)
	id := hex.EncodeToString(b)
	if err := os.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("the data folder %s cannot be written: %w", folder, plain(err))
	}
	return id, nil
}

// newLeases makes the claims to the exchanges. Whoever does not see an exchange is not up to leading it.
func newLeases(s Settings, owner string, database *db.DB, exchanges []*pbx.Exchange, log *slog.Logger) *db.Leases {
	names := make([]string, len(exchanges))
	for i, x := range exchanges {
		names[i] = x.Name()
	}
	return database.NewLeases(db.LeaseConfig{
		Owner: owner, Node: s.Node, Names: names, Log: log,
		Fit: func(name string) bool {
			i := slices.Index(names, name)
			return exchanges[i].Health().Fresh(time.Now(), canaryAge)
		},
	})
}

// streamParts is how the exchanges' streams are, and which node leads each.
func streamParts(exchanges []*pbx.Exchange, leases *db.Leases) []web.Part {
	parts := make([]web.Part, len(exchanges))
	for i, lease := range leases.Status() {
		parts[i] = streamPart(exchanges[i].Name(), exchanges[i].Health(), time.Now())
		if health, configured := exchanges[i].AMI(); configured {
			parts[i].AMI = managerPart(health)
		}
		if lease.Known {
			parts[i].Leader = &web.Leader{
				Node: lease.Node, Here: lease.Leads, Epoch: lease.Epoch, Since: lease.Since, Standby: lease.Standby,
			}
		}
	}
	return parts
}
