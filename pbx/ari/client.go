package ari

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// Config describes one PBX and how patient to be with it. Every duration and size has a usable zero value.
type Config struct {
	Name string // what we call the PBX: in logs, metrics and calls
	// URL is http(s)://user:password@host:port/ari; user and password are percent-encoded where they need it.
	URL string
	// Node is this process among several: it is part of the application names. Letters, digits, "-", "_", "."
	Node string
	Log  *slog.Logger // nil: slog.Default()
	// Record, if set, gets a copy of the stream for ReadRecording. It holds names and numbers of callers, but no
	// digits that they typed. Run writes to it from the goroutine that calls follow.
	Record io.Writer

	CAFile      string // certificates to trust, PEM; empty: the system's
	InsecureTLS bool   // do not check the PBX's certificate
	// DialContext opens connections to the PBX; nil: plain TCP.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)

	Canary         time.Duration // how often the stream is tested end to end; 10 s
	Check          time.Duration // how often the PBX is asked which channels it has, and whether we are subscribed; 20 s
	CanaryTimeout  time.Duration // how long a test event may take; 5 s
	Ping           time.Duration // how often the socket is pinged; 5 s
	ReadTimeout    time.Duration // a socket that is silent for so long, pongs included, is dead; 15 s
	RequestTimeout time.Duration // of one REST call; 10 s
	MinBackoff     time.Duration // first pause before connecting again; 100 ms
	MaxBackoff     time.Duration // longest pause; 30 s
	MaxRefused     time.Duration // longest pause after the user or its password was refused; 5 min, see doc.go
	Ring           int           // events that may wait for the consumer; 8192
}

func (c Config) withDefaults() Config {
	duration := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	duration(&c.Canary, 10*time.Second)
	duration(&c.Check, 20*time.Second)
	duration(&c.CanaryTimeout, 5*time.Second)
	duration(&c.Ping, 5*time.Second)
	duration(&c.ReadTimeout, 15*time.Second)
	duration(&c.RequestTimeout, 10*time.Second)
	duration(&c.MinBackoff, 100*time.Millisecond)
	duration(&c.MaxBackoff, 30*time.Second)
	duration(&c.MaxRefused, 5*time.Minute)
	if c.Ring <= 0 {
		c.Ring = 8192
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Node == "" {
		c.Node = "node"
	}
	return c
}

const (
	readLimit    = 16 << 20 // a bigger message ends the connection
	maxRingBytes = 64 << 20
	setupTimeout = 30 * time.Second // from open socket to the first canary
)

// Client speaks to one PBX. Its REST methods may be used from any goroutine; Run once.
type Client struct {
	config         Config
	base           string // "http://host:8088/ari", without user and without final slash
	user, password string
	http           *http.Client
	dialer         *websocket.Dialer
	log            *slog.Logger
	metrics        *metrics

	complete atomic.Int64 // unix nanoseconds, see Health.Complete; 0: never was

	mu     sync.Mutex
	health Health
}

// Health is how the stream fares.
type Health struct {
	Live       bool
	Since      time.Time     // of Live, or of not being it
	LastCanary time.Time     // when a test event last came through the whole path, consumer included; zero: never
	CanaryRTT  time.Duration // of that event, until it was read from the socket
	Complete   time.Time     // up to here the stream was complete when it was last live; zero: it never was
	Rate       float64       // events per second, between the last two test events
	App        string        // application name of the live connection
	Version    string        // Asterisk's; of the last connection if there is none now
	Started    time.Time     // when that Asterisk started
	Err        string        // the last failure, for the log; empty while live
	Reason     string        // the same in plain words for people
	Refused    bool          // the PBX refuses the user or its password: every request that is made now counts against us
}

// Fresh tells whether the stream is truly live: a test event came through not longer ago than age. It is what
// readiness should be decided on.
func (h Health) Fresh(now time.Time, age time.Duration) bool {
	return h.Live && now.Sub(h.LastCanary) <= age
}

// New checks the configuration. It opens no connection. Its errors never contain the password.
func New(config Config) (*Client, error) {
	config = config.withDefaults()
	if config.Name == "" {
		return nil, errors.New("a PBX has no name")
	}
	fail := func(problem string) (*Client, error) {
		return nil, fmt.Errorf("PBX %s: %s", config.Name, problem)
	}
	if strings.Trim(config.Node, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
		return fail("the node's name may have letters, digits, '-', '_' and '.' only")
	}
	if len(config.Node) > 40 { // Asterisk allows 80 less "stasis-" for the whole application name
		return fail("the node's name is longer than 40 characters")
	}
	u, err := url.Parse(config.URL)
	if err != nil { // err quotes the URL, password included
		return fail("the URL cannot be read; in user and password, write characters such as @ / : # % percent-encoded (%40 %2F %3A %23 %25)")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fail("the URL must begin with http:// or https://")
	case u.Hostname() == "":
		return fail("the URL has no host")
	case u.User == nil || u.User.Username() == "":
		return fail("the URL has no user: write http://user:password@host:8088/ari")
	case u.RawQuery != "" || u.Fragment != "":
		return fail("the URL must end with the path of ARI, without ? or #")
	}
	password, _ := u.User.Password()
	if password == "" {
		return fail("the URL has no password: write http://user:password@host:8088/ari")
	}
	tlsConfig, err := config.tls()
	if err != nil {
		return nil, fmt.Errorf("PBX %s: %w", config.Name, err)
	}
	c := &Client{
		config:   config,
		user:     u.User.Username(),
		password: password,
		log:      config.Log.With("pbx", config.Name),
		metrics:  newMetrics(config.Name),
		health:   Health{Since: time.Now(), Reason: "not connected yet"},
	}
	u.User = nil
	c.base = strings.TrimRight(u.String(), "/")

	dial := config.DialContext
	if dial == nil {
		// Less than a request may take, so that an address which does not answer at all shows as such.
		dial = (&net.Dialer{Timeout: config.RequestTimeout / 2, KeepAlive: 10 * time.Second}).DialContext
	}
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext:         dial,
			TLSClientConfig:     tlsConfig,
			TLSHandshakeTimeout: config.RequestTimeout,
			// Asterisk counts every connection against sessionlimit (100) and closes idle ones after 15 s.
			MaxConnsPerHost: 8,
			IdleConnTimeout: 10 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.dialer = &websocket.Dialer{
		NetDialContext:   dial,
		TLSClientConfig:  tlsConfig,
		HandshakeTimeout: config.RequestTimeout,
		ReadBufferSize:   32 << 10,
		Subprotocols:     []string{"ari"},
	}
	return c, nil
}

// Name is the configured name of the PBX.
func (c *Client) Name() string { return c.config.Name }

// Close gives back the connections that idle REST calls keep. Run does so when it ends; a client that only makes
// REST calls is closed when it is done with. It may be used again afterwards.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Health tells how the stream fares now.
func (c *Client) Health() Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.health
	if n := c.complete.Load(); n != 0 {
		h.Complete = time.Unix(0, n)
	}
	return h
}

func (c *Client) setHealth(change func(*Health)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.health)
}

func (c Config) tls() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.InsecureTLS}
	if c.CAFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificates to trust: %w", err)
	}
	t.RootCAs = x509.NewCertPool()
	if !t.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", c.CAFile)
	}
	return t, nil
}

// secret returns n random bytes in hex.
func secret(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
