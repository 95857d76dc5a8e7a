package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line. Every command's fields are its flags, and name their environment variables.
type cli struct {
	Serve   serveCommand   `cmd:"" help:"Run the service."`
	Demo    demoCommand    `cmd:"" help:"Try it: a private database with customers, and a PBX that keeps ringing. Needs nothing else."`
	Doctor  doctorCommand  `cmd:"" help:"Look at an exchange and say in plain words what is right and what is wrong."`
	Token   tokenCommand   `cmd:"" help:"Make, list and revoke tokens for the API."`
	Migrate migrateCommand `cmd:"" help:"Bring the database to this version's shape, and leave. serve does it by itself."`
	Backup  backupCommand  `cmd:"" help:"Make a backup of the database, the recordings and the spool, also while the service runs."`
	Restore restoreCommand `cmd:"" help:"Make a database and a data folder of a backup, and compare them with it."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// console is what a command may use of the outside: where it prints, and the context that a signal ends.
type console struct {
	ctx    context.Context
	stdout io.Writer
	stderr io.Writer
	stdin  io.Reader // nil: none
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // the second signal does what signals do: it kills
	}()
	code := execute(&console{ctx: ctx, stdout: os.Stdout, stderr: os.Stderr, stdin: os.Stdin}, os.Args[1:])
	stop()
	os.Exit(code)
}

// execute runs one command line and returns the exit status: 0 done, 1 it could not be done, 2 it was not understood.
func execute(c *console, args []string) int {
	parsed, err := parse(c, args)
	if err != nil {
		if done, ok := errors.AsType[exitRequest](err); ok { // --help
			return int(done)
		}
		fmt.Fprintf(c.stderr, "ringbook: %v\n", err)
		if _, ok := errors.AsType[Faults](err); ok {
			return 1
		}
		fmt.Fprintln(c.stderr, "See ringbook --help.")
		return 2
	}
	if err := parsed.Run(c); err != nil {
		if !errors.Is(err, errSaid) {
			fmt.Fprintf(c.stderr, "ringbook: %v\n", err)
		}
		return 1
	}
	return 0
}

// errSaid ends a command unsuccessfully that has already told the user all there is to say.
var errSaid = errors.New("already said")

// exitRequest carries kong's wish to leave (after --help) out of the parser.
type exitRequest int

func (e exitRequest) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func newParser(c *console, into *cli) (*kong.Kong, error) {
	return kong.New(into,
		kong.Name("ringbook"),
		kong.Description("Shows who is calling while the phone rings, and remembers every call. Each flag is also an environment variable; a secret can be read from a file, as RINGBOOK_PBX_FILE=/run/secrets/pbx."),
		kong.Writers(c.stdout, c.stderr),
		kong.Exit(func(code int) { panic(exitRequest(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
}

func parse(c *console, args []string) (parsed *kong.Context, err error) {
	defer func() {
		if r := recover(); r != nil {
			done, ok := r.(exitRequest)
			if !ok {
				panic(r)
			}
			err = done
		}
	}()
	parser, err := newParser(c, &cli{})
	if err != nil {
		return nil, err
	}
	var faults Faults
	restore := loadSecrets(parser.Model.Node, &faults)
	defer restore()
	parsed, err = parser.Parse(args)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return parsed, nil
}

// loadSecrets makes every secret whose NAME_FILE is set readable as NAME until restore is called.
func loadSecrets(node *kong.Node, faults *Faults) (restore func()) {
	var undo []string
	for name := range secretNames(node) {
		path, ok := os.LookupEnv(name + "_FILE")
		if !ok || path == "" {
			continue
		}
		if os.Getenv(name) != "" {
			faults.add(name+"_FILE", "is set beside %s; leave one of them out", name)
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			faults.add(name+"_FILE", "%s cannot be read: %v", path, plain(err))
			continue
		}
		os.Setenv(name, strings.TrimRight(string(content), "\r\n"))
		undo = append(undo, name)
	}
	return func() {
		for _, name := range undo {
			os.Unsetenv(name)
		}
	}
}

// secretNames are the environment variables of all flags tagged secret.
func secretNames(node *kong.Node) map[string]bool {
	names := map[string]bool{}
	for _, flag := range node.Flags {
		if flag.Tag.Has("secret") {
			for _, name := range flag.Envs {
				names[name] = true
			}
		}
	}
	for _, child := range node.Children {
		for name := range secretNames(child) {
			names[name] = true
		}
	}
	return names
}

// logger is what the program and all packages log to.
func (l Logging) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.LogLevel)); err != nil {
		level = slog.LevelInfo // check has refused everything else
	}
	options := &slog.HandlerOptions{Level: level}
	if l.Log == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
