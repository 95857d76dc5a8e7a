package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/pbx/ami"
	"ringbook/pbx/cdr"
)

// Config is everything that `ringbook serve` can be told. Each field is a flag and an environment variable of the
// same name; docs/configuration.md and deploy/ringbook.env.example are generated from these tags. Fields are kept
// as they were written: Settings checks them all at once and turns them into what the program works with.
type Config struct {
	Listen string `env:"RINGBOOK_LISTEN" default:"127.0.0.1:8080" help:"HTTP address, as host:port."`
	Database
	Node          string `env:"RINGBOOK_NODE" placeholder:"NAME" help:"Name of this node among several that share a database, as the health page and Asterisk show it. Empty: the host's name."`
	PBX           string `name:"pbx" env:"RINGBOOK_PBX" secret:"" placeholder:"NAME=URL" help:"The exchanges: name=http://user:password@host:8088/ari, several separated by spaces. Empty: no exchange, nothing rings."`
	AMI           string `name:"ami" env:"RINGBOOK_AMI" secret:"" placeholder:"NAME=URL" help:"Optional AMI access: name=tcp://user:password@host:5038, with the names of RINGBOOK_PBX. tls:// is port 5039. For queues, pausing, transfers and hold; without it the rest works. Empty: none."`
	CDR           string `name:"cdr" env:"RINGBOOK_CDR" secret:"" placeholder:"NAME=URL" help:"Where an exchange keeps its own call records, to fill in what ringbook could not hear: name=mysql://user:password@host/asteriskcdrdb, postgres://… or file:///var/log/asterisk/cdr-csv/Master.csv, with the names of RINGBOOK_PBX. Empty: gaps stay gaps."`
	PBXCA         string `name:"pbx-ca" env:"RINGBOOK_PBX_CA" type:"path" help:"PEM file of a certificate authority to trust, besides the system's, for exchanges by https and AMI by tls."`
	Region        string `env:"RINGBOOK_REGION" default:"IR" help:"Country of bare numbers, as IR. Per exchange or trunk: \"IR dubai=AE main/PJSIP/trunk-de=DE\"."`
	Area          string `env:"RINGBOOK_AREA" help:"Area code of bare local numbers without its leading 0, as 21. Per exchange or trunk: \"21 isfahan=31\"."`
	Strip         string `env:"RINGBOOK_STRIP" help:"Digits that a trunk puts before the numbers of its callers, several separated by commas: \"9\" or \"main/PJSIP/gsm=0,00\". They are taken off where a valid number is left."`
	Add           string `env:"RINGBOOK_ADD" help:"Digits that a trunk leaves out before the numbers of its callers: \"main/PJSIP/gsm=+98\". They are put before where a valid number results."`
	DialContext   string `env:"RINGBOOK_DIAL_CONTEXT" default:"from-internal" help:"Where in the dialplan the agents' phones dial, for calls placed and transferred from the screen. Per exchange: \"from-internal shop=internal\"."`
	DialPrefix    string `env:"RINGBOOK_DIAL_PREFIX" help:"Digits that agents dial before numbers outside, as 9. Per exchange: \"9 shop=0\"."`
	Timezone      string `env:"RINGBOOK_TIMEZONE" default:"Asia/Tehran" help:"Business time zone, as the IANA database names it."`
	CallHours     string `name:"call-hours" env:"RINGBOOK_CALL_HOURS" default:"8-20" help:"When customers are called back, in the business time zone: the next try after a callback that was not answered falls there. By days: \"sat-wed 8-20, thu 8:30-13\"; on a day that is not named, never."`
	AdminPassword string `env:"RINGBOOK_ADMIN_PASSWORD" secret:"" help:"Password of the first user, admin, used only when there is no user yet. Empty: one is made and printed once."`
	Spool         int    `env:"RINGBOOK_SPOOL" default:"256" placeholder:"MB" help:"Size, in megabytes, of the spool on disk that keeps calls while the database is away."`
	KeepCalls     int    `name:"keep-calls" env:"RINGBOOK_KEEP_CALLS" default:"0" placeholder:"MONTHS" help:"How many months before the present one calls are kept, with all that belongs to them; older ones are deleted for good. 0: for ever."`
	Secure        bool   `env:"RINGBOOK_SECURE" help:"Browsers reach ringbook over https (through a proxy): cookies are marked Secure."`
	Logging
}

// Database is where a command finds PostgreSQL.
type Database struct {
	Database string `env:"RINGBOOK_DATABASE" secret:"" placeholder:"URL" help:"PostgreSQL URL, as postgres://user:password@host:5432/ringbook. Empty: a private cluster in the data folder."`
	Data     string `env:"RINGBOOK_DATA" default:"./data" help:"Data folder: private cluster, spool, recordings."`
}

// Logging is how a command speaks.
type Logging struct {
	Log      string `env:"RINGBOOK_LOG" default:"text" placeholder:"FORMAT" help:"Form of the log on standard error: text or json."`
	LogLevel string `env:"RINGBOOK_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"Least level that is logged: debug, info, warn or error. Numbers of callers appear at debug only."`
}

// Settings is a Config that was found to be right.
type Settings struct {
	Config
	Exchanges []ExchangeSettings
	Records   []ExchangeSettings // where call records are, for some of Exchanges
	Managers  []ExchangeSettings // the AMI of some of Exchanges
	Numbering crm.Numbering
	Contexts  scoped // of the dialplans, by exchange
	Prefixes  scoped // of numbers outside, by exchange
	Zone      *time.Location
	Hours     calllog.Hours
}

// ExchangeSettings is one entry of RINGBOOK_PBX.
type ExchangeSettings struct {
	Name string
	URL  string
}

// Faults are everything that is wrong with a configuration.
type Faults []Fault

// Fault is one wrong field, and what would be right.
type Fault struct{ Name, Problem string }

func (f *Faults) add(name, format string, args ...any) {
	*f = append(*f, Fault{name, fmt.Sprintf(format, args...)})
}

func (f Faults) Error() string {
	if len(f) == 1 {
		return f[0].Name + ": " + f[0].Problem
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d settings are wrong:", len(f))
	for _, fault := range f {
		fmt.Fprintf(&b, "\n  %s: %s", fault.Name, fault.Problem)
	}
	return b.String()
}

// Settings checks every field and reports all faults together, as Faults.
func (c Config) Settings() (Settings, error) {
	s := Settings{Config: c}
	var faults Faults
	if host, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" || !validHost(host) {
		faults.add("RINGBOOK_LISTEN", "%q is not an address; write host:port, as 127.0.0.1:8080", c.Listen)
	} else if _, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", port); err != nil {
		faults.add("RINGBOOK_LISTEN", "%q is not a port; write a number from 0 to 65535", port)
	}
	if s.Node == "" {
		s.Node = hostNode()
	}
	if !validNode.MatchString(s.Node) {
		faults.add("RINGBOOK_NODE", "%q is not a node's name; use up to 40 letters, digits, dots, dashes and underscores", c.Node)
	}
	c.Database.check(&faults)
	c.Logging.check(&faults)

	s.Exchanges = parseNamedURLs("RINGBOOK_PBX", c.PBX, []string{"http", "https"}, "main=http://user:password@host:8088/ari", &faults)
	s.Managers = parseManagers(c.AMI, &faults)
	for _, manager := range s.Managers {
		if !slices.ContainsFunc(s.Exchanges, func(x ExchangeSettings) bool { return x.Name == manager.Name }) {
			faults.add("RINGBOOK_AMI", "there is no exchange %q in RINGBOOK_PBX; use one of its names", manager.Name)
		}
	}
	s.Records = parseNamed("RINGBOOK_CDR", c.CDR, cdrExample, &faults, func(name string, u *url.URL) string {
		if _, err := cdr.Open(u.String()); err != nil {
			return fmt.Sprintf("the address of %q is wrong (%v)", name, err)
		}
		if !slices.ContainsFunc(s.Exchanges, func(x ExchangeSettings) bool { return x.Name == name }) {
			return fmt.Sprintf("there is no exchange %q in RINGBOOK_PBX; use one of its names", name)
		}
		return ""
	})
	if c.PBXCA != "" {
		if _, err := os.Stat(c.PBXCA); err != nil {
			faults.add("RINGBOOK_PBX_CA", "cannot be read: %v; name a PEM file", plain(err))
		}
	}
	if c.KeepCalls < 0 || c.KeepCalls > 1200 {
		faults.add("RINGBOOK_KEEP_CALLS", "%d is no number of months; write 24 for two years, 0 for ever", c.KeepCalls)
	}
	s.Numbering = parseNumbering(c, s.Exchanges, &faults)
	s.Contexts = parseScoped("RINGBOOK_DIAL_CONTEXT", c.DialContext, contextShape, "the name of a context, as from-internal", s.Exchanges, &faults)
	s.Prefixes = parseScoped("RINGBOOK_DIAL_PREFIX", c.DialPrefix, dialPrefixShape, "digits, as 9", s.Exchanges, &faults)

	zone, err := time.LoadLocation(c.Timezone)
	if err != nil || c.Timezone == "" {
		faults.add("RINGBOOK_TIMEZONE", "%q is not a time zone; write an IANA name, as Asia/Tehran", c.Timezone)
	}
	s.Zone = zone
	if s.Hours, err = calllog.ParseHours(c.CallHours, zone); err != nil {
		faults.add("RINGBOOK_CALL_HOURS", "%v; write 8-20, or by days: sat-wed 8-20, thu 8:30-13", err)
	}
	if c.AdminPassword != "" && len([]rune(c.AdminPassword)) < 8 {
		faults.add("RINGBOOK_ADMIN_PASSWORD", "is shorter than 8 characters; choose a longer one, or leave it empty to have one made")
	}
	if c.Spool < 1 || c.Spool > 1<<20 {
		faults.add("RINGBOOK_SPOOL", "%d is out of range; write megabytes, from 1 to 1048576", c.Spool)
	}
	if len(faults) > 0 {
		return Settings{}, faults
	}
	return s, nil
}

func (d Database) check(faults *Faults) {
	const right = "write postgres://user:password@host:5432/ringbook, or leave it empty for a private cluster"
	if d.Database != "" {
		u, err := url.Parse(d.Database)
		switch {
		case err != nil:
			// url.Parse quotes what it was given, password and all, so its words are not repeated.
			faults.add("RINGBOOK_DATABASE", "is not a URL; %s", right)
		case u.Scheme != "postgres" && u.Scheme != "postgresql":
			faults.add("RINGBOOK_DATABASE", "begins with %q; %s", u.Scheme, right)
		}
	}
	if d.Data == "" {
		faults.add("RINGBOOK_DATA", "is empty; name a folder, as ./data")
	}
}

func (l Logging) check(faults *Faults) {
	if l.Log != "text" && l.Log != "json" {
		faults.add("RINGBOOK_LOG", "%q is not a form of log; write text or json", l.Log)
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, l.LogLevel) {
		faults.add("RINGBOOK_LOG_LEVEL", "%q is not a level; write debug, info, warn or error", l.LogLevel)
	}
}

var exchangeName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,30}$`)

const cdrExample = "main=mysql://user:password@host/asteriskcdrdb"

// parseNamedURLs reads "name=URL name=URL" of URLs that have a host, a user and a password.
func parseNamedURLs(field, value string, schemes []string, example string, faults *Faults) []ExchangeSettings {
	return parseNamed(field, value, example, faults, func(name string, u *url.URL) string {
		password, ok := u.User.Password()
		switch {
		case !slices.Contains(schemes, u.Scheme):
			return fmt.Sprintf("the URL of %q begins with %q", name, u.Scheme+":")
		case u.Hostname() == "":
			return fmt.Sprintf("the URL of %q has no host", name)
		case u.User.Username() == "" || !ok || password == "":
			return fmt.Sprintf("the URL of %q has no user and password", name)
		}
		return ""
	})
}

// parseManagers reads RINGBOOK_AMI.
func parseManagers(value string, faults *Faults) []ExchangeSettings {
	all := parseNamedURLs("RINGBOOK_AMI", value, []string{"tcp", "tls"}, amiExample, faults)
	for _, manager := range all {
		if _, err := ami.New(ami.Config{Name: manager.Name, URL: manager.URL}); err != nil {
			faults.add("RINGBOOK_AMI", "%v; write %s", err, amiExample)
		}
	}
	return all
}

const amiExample = "main=tcp://user:password@host:5038"

// parseNamed reads "name=URL name=URL"; check says what is wrong with one, empty if nothing is. Its faults never repeat a
// URL, for it holds a password.
func parseNamed(field, value, example string, faults *Faults, check func(name string, u *url.URL) string) []ExchangeSettings {
	var all []ExchangeSettings
	for i, entry := range strings.Fields(value) {
		name, raw, ok := strings.Cut(entry, "=")
		if !ok || strings.Contains(name, ":") {
			faults.add(field, "entry %d has no name; write %s", i+1, example)
			continue
		}
		if !exchangeName.MatchString(name) {
			faults.add(field, "the name %q is not one; use up to 31 small letters, digits and dashes, as main", name)
			continue
		}
		if slices.ContainsFunc(all, func(x ExchangeSettings) bool { return x.Name == name }) {
			faults.add(field, "the name %q is used twice; give every entry its own", name)
			continue
		}
		u, err := url.Parse(raw)
		if err != nil {
			faults.add(field, "the URL of %q cannot be read (%s); write %s, with special characters of the password as %%XX", name, urlProblem(err), example)
			continue
		}
		if problem := check(name, u); problem != "" {
			faults.add(field, "%s; write %s", problem, example)
			continue
		}
		all = append(all, ExchangeSettings{Name: name, URL: raw})
	}
	return all
}

// urlProblem is what url.Parse found, without the URL.
func urlProblem(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	text := err.Error()
	if i := strings.IndexByte(text, '"'); i >= 0 { // what follows quotes the URL
		text = strings.TrimRight(text[:i], " ")
	}
	return text
}

// validHost says whether a listener may be asked for host; empty is every address.
func validHost(host string) bool {
	return !strings.ContainsAny(host, " /@")
}

// plain is an error's last words: "no such file or directory" of "open x: no such file or directory".
func plain(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}
