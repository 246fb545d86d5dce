package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/cmd/countersign/internal/printable"
	"github.com/countersign/countersign/internal/redact"
)

// A command is one run of a subcommand.
type command struct {
	ctx            context.Context // ends on an interrupt
	name           string
	args           []string // what follows the name
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string

	held *redact.Words // secrets that the input holds, nil if none: no error repeats them
}

// helpFlags are those that package flag takes for a call for help.
var helpFlags = []string{"-h", "--h", "-help", "--help"}

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
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	e.Encode(v) // of what is printed, all can be encoded
	c.stdout.Write(printable.JSON(text.Bytes()))
}

// maxFailure bounds the text of an error that is shown, in bytes.
const maxFailure = 1800

// failure returns the text of an error as it is shown: one line, all of which can be
// seen.
func failure(text string) string { return printable.Cut(printable.Line(text), maxFailure) }

// A usageError is a mistake of the user's in arguments, environment or input.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// fail prints an error, which may hold what a peer or its certificate says, and
// returns the exit code that goes with it.
func (c *command) fail(err error) int {
	text := strings.TrimPrefix(err.Error(), "countersign: ")
	if c.held != nil {
		text = c.held.String(text)
	}
	fmt.Fprintf(c.stderr, "countersign %s: %s\n", c.name, failure(text))
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(c.stderr, "countersign %s --help tells more\n", c.name)
		return exitUsage
	}
	if errors.Is(err, auth.ErrConfig) || errors.Is(err, auth.ErrSecret) {
		return exitUsage
	}
	return exitWrong
}
