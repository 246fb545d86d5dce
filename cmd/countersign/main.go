// Command countersign signs, verifies and explains requests to payment gateways,
// and plays the gateways.
//
//	countersign demo     shows it all on loopback, without an account
//	countersign sign     signs a request, and prints it or a curl command
//	countersign verify   says whether a request's signature is right
//	countersign explain  says why it is wrong
//	countersign check    asks the gateway whether the credentials are right
//	countersign serve    plays the gateways for a client in any language
//
// Each prints its flags and an example with --help. It exits with 0 if all is
// right or done, with 1 if something is wrong, refused or failed, and with 2 if it
// could not tell what it was to do. A secret comes from the environment, a file or
// the standard input, and never from an argument.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/countersign/countersign/auth"
)

// The exit codes.
const (
	exitRight = 0 // or done
	exitWrong = 1 // or refused, or failed
	exitUsage = 2
)

// A subcommand is one row of the usage.
type subcommand struct {
	name, summary string
	run           func(*command) int
	interruptible bool // it ends by itself when its context does; others are killed
}

var subcommands = []subcommand{
	{name: "demo", summary: "signs and sends requests to emulated gateways, and shows what they saw", run: demo},
	{name: "sign", summary: "signs a request, and prints it or a curl command", run: sign},
	{name: "verify", summary: "says whether the signature of a request is right", run: verify},
	{name: "explain", summary: "says why the signature of a request is wrong", run: explainRequest},
	{name: "check", summary: "asks the gateway whether the credentials are right", run: check, interruptible: true},
	{name: "serve", summary: "plays the gateways for a client in any language", run: serve, interruptible: true},
}

// helpFlags are those that package flag takes for a call for help.
var helpFlags = []string{"-h", "--h", "-help", "--help"}

// A command is one run of a subcommand.
type command struct {
	ctx            context.Context // ends on an interrupt
	name           string
	args           []string // what follows the name
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		if args[0] == "help" || slices.Contains(helpFlags, args[0]) {
			printUsage(stdout)
			return exitRight
		}
		for _, s := range subcommands {
			if s.name != args[0] {
				continue
			}
			out := &output{Writer: stdout}
			c := &command{context.Background(), s.name, args[1:], stdin, out, stderr, os.Getenv}
			if s.interruptible {
				var stop context.CancelFunc
				c.ctx, stop = signal.NotifyContext(c.ctx, os.Interrupt, syscall.SIGTERM)
				defer stop()
			}
			code := s.run(c)
			if err := out.failed(); code == exitRight && err != nil {
				return c.fail(err)
			}
			return code
		}
		fmt.Fprintf(stderr, "countersign: there is no command %q\n", args[0])
	}
	printUsage(stderr)
	return exitUsage
}

// An output keeps the first error of writing, such as that of a full disk.
type output struct {
	io.Writer
	mu  sync.Mutex // an emulated gateway may answer still when serve ends
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = cmp.Or(o.err, err)
	return n, err
}

func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

func printUsage(w io.Writer) {
	io.WriteString(w, "usage: countersign COMMAND ...\n\n")
	for _, s := range subcommands {
		fmt.Fprintf(w, "  %-8s %s\n", s.name, s.summary)
	}
	io.WriteString(w, "\ncountersign COMMAND --help tells more of one, with an example.\n")
}

// parse parses the flags, which may stand before, between and behind the other
// words, and returns those. With --help it prints usage, and with a mistake what is
// wrong; done then says that nothing is left to do but to exit with code.
func (c *command) parse(flags *flag.FlagSet, usage string) (words []string, code int, done bool) {
	flags.Init(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for args := c.args; ; args = flags.Args()[1:] {
		err := flags.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			io.WriteString(c.stdout, usage)
			return nil, exitRight, true
		case err != nil:
			if strings.HasPrefix(err.Error(), "flag provided but not defined: -secret") {
				err = errors.New("a secret is not taken as an argument, where every process of the machine can read it: use the environment, or --secret-file")
			}
			return nil, c.fail(usageError{err}), true
		case flags.NArg() == 0:
			return words, 0, false
		}
		words = append(words, flags.Arg(0))
	}
}

// printJSON prints v, with characters such as & as they are.
func (c *command) printJSON(v any) {
	e := json.NewEncoder(c.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	e.Encode(v) // of what is printed, all can be encoded
}

// A usageError is a mistake of the user's in arguments, environment or input.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// fail prints an error and returns the exit code that goes with it.
func (c *command) fail(err error) int {
	fmt.Fprintf(c.stderr, "countersign %s: %s\n", c.name, strings.TrimPrefix(err.Error(), "countersign: "))
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(c.stderr, "countersign %s --help tells more\n", c.name)
		return exitUsage
	}
	if errors.Is(err, auth.ErrConfig) || errors.Is(err, auth.ErrSecret) {
		return exitUsage
	}
	return exitWrong
}
