package crm

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The costs of a password: OWASP's second argon2id choice, 19 MiB and two passes.
const (
	argonMemory  = 19 * 1024 // KiB
	argonPasses  = 2
	argonThreads = 1
	argonSalt    = 16
	argonKey     = 32
)

const (
	shortestPassword = 8 // characters
	longestPassword  = 1024
)

// hashers bounds the memory that log-ins take.
func hashers() int { return max(2, runtime.NumCPU()) }

func checkPassword(f *FieldErrors, field, password string) {
	switch n := utf8.RuneCountInString(password); {
	case n < shortestPassword:
		f.add(field, "is shorter than "+itoa(shortestPassword)+" characters")
	case len(password) > longestPassword:
		f.add(field, "is longer than "+itoa(longestPassword)+" bytes")
	}
}

// hashPassword makes "argon2id$m=…,t=…,p=…$salt$key". It waits for its turn.
func (s *Store) hashPassword(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	key, err := s.argon(ctx, password, salt, argonPasses, argonMemory, argonThreads, argonKey)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("argon2id$m=%d,t=%d,p=%d$%s$%s", argonMemory, argonPasses, argonThreads, b64(salt), b64(key)), nil
}

func (s *Store) argon(ctx context.Context, password string, salt []byte, passes, memory uint32, threads uint8, length uint32) ([]byte, error) {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, passes, memory, threads, length), nil
}

// nobodysHash is compared with when there is no such account, so that both take the same time.
const nobodysHash = "argon2id$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// samePassword compares in constant time. An empty or foreign hash fits no password.
func (s *Store) samePassword(ctx context.Context, hash, password string) (bool, error) {
	known := hash != ""
	if !known {
		hash = nobodysHash
	}
	if len(password) > longestPassword {
		password, known = "", false
	}
	var memory, passes uint32
	var threads uint8
	part := strings.Split(hash, "$")
	if len(part) != 4 || part[0] != "argon2id" {
		return false, errors.New("a stored password is not argon2id")
	}
	if _, err := fmt.Sscanf(part[1], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil {
		return false, fmt.Errorf("read a stored password: %w", err)
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(part[2])
	want, err2 := base64.RawStdEncoding.DecodeString(part[3])
	if err := errors.Join(err1, err2); err != nil {
		return false, fmt.Errorf("read a stored password: %w", err)
	}
	got, err := s.argon(ctx, password, salt, passes, memory, threads, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && known, nil
}

// secret makes 256 random bits to give away.
func secret() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// throttle slows the guessing of passwords down, in this node's memory: per account and address sharply, per account
// and per address alone loosely, so that a stranger does not lock an agent out.
type throttle struct {
	mu    sync.Mutex
	count map[string]*failures // guarded by mu
	now   func() time.Time
}

type failures struct {
	n    int
	last time.Time
}

const (
	throttleForget = 15 * time.Minute // after the last failure
	throttleKeys   = 20_000           // more are not remembered: the oldest go
)

func newThrottle() *throttle { return &throttle{count: map[string]*failures{}, now: time.Now} }

func throttleKeysOf(username, address string) map[string]int {
	return map[string]int{
		"both " + username + " " + address: 5,
		"name " + username:                 50,
		"addr " + address:                  50,
	}
}

// wait is how long a log-in must still wait; zero: it may be tried.
func (t *throttle) wait(username, address string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	var wait time.Duration
	for key, free := range throttleKeysOf(username, address) {
		f := t.count[key]
		if f == nil || f.n < free {
			continue
		}
		pause := min(time.Second<<min(f.n-free, 10), throttleForget)
		wait = max(wait, f.last.Add(pause).Sub(now))
	}
	return wait
}

func (t *throttle) failed(username, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.count) >= throttleKeys {
		t.forget(now)
	}
	for key := range throttleKeysOf(username, address) {
		f := t.count[key]
		if f == nil || now.Sub(f.last) > throttleForget {
			f = &failures{}
			t.count[key] = f
		}
		f.n++
		f.last = now
	}
}

// forget drops what is over, and if that is not enough everything: an attacker with that many names has other limits.
func (t *throttle) forget(now time.Time) {
	for key, f := range t.count {
		if now.Sub(f.last) > throttleForget {
			delete(t.count, key)
		}
	}
	if len(t.count) >= throttleKeys {
		clear(t.count)
	}
}

// succeeded takes back what failed has counted; with the right password all is forgiven for that account and address.
func (t *throttle) succeeded(username, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key := range throttleKeysOf(username, address) {
		f := t.count[key]
		if f == nil {
			continue
		}
		f.n--
		if f.n <= 0 || strings.HasPrefix(key, "both ") {
			delete(t.count, key)
		}
	}
}
