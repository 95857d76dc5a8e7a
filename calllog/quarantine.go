package calllog

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

const quarantineMost = 64 << 20

// quarantine is a file of pictures that the database refuses, for a person to look at: a line of JSON for each. Used
// by the goroutine that writes only.
type quarantine struct{ path string }

func (q quarantine) add(p picture, why error) error {
	line, err := json.Marshal(struct {
		At    time.Time `json:"at"`
		Error string    `json:"error"`
		picture
	}{time.Now().UTC(), why.Error(), p})
	if err != nil {
		return fmt.Errorf("encode for quarantine: %w", err)
	}
	f, err := os.OpenFile(q.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open quarantine: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.Size()+int64(len(line)) > quarantineMost {
		return errors.Join(errors.New("quarantine is full"), f.Close())
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}
