package pbx

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// CallID is the id of the call whose root channel has this id and creation time on the PBX of this name. Every
// node derives the same one. It has the layout of a UUIDv7: 48 bits of milliseconds, so that ids sort by the
// time their calls began, and the rest from a hash, so that equal times on two exchanges do not collide.
// A channel id alone would not do: Asterisk counts from its start, and two exchanges count alike.
func CallID(pbx, channelID string, created time.Time) uuid.UUID {
	ms := min(max(created.UnixMilli(), 0), 1<<48-1)

	h := sha256.New()
	var n [8]byte
	for _, s := range []string{pbx, channelID} {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	binary.BigEndian.PutUint64(n[:], uint64(ms))
	h.Write(n[:])
	sum := h.Sum(nil)

	var id uuid.UUID
	copy(id[6:], sum)
	binary.BigEndian.PutUint64(n[:], uint64(ms))
	copy(id[:6], n[2:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}
