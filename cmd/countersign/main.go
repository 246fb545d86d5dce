// Command countersign signs, verifies and explains requests to payment gateways,
// and plays the gateways.
//
//	countersign demo     shows it all on loopback, without an account
//	countersign sign     signs a request, and prints it or a curl command; or a link
//	countersign verify   says whether the signature of a request or a URL is right
//	countersign explain  says why it is wrong
//	countersign send     sends a receiver what a gateway would send it
//	countersign check    asks the gateway whether the credentials are right
//	countersign probe    asks the gateway what it takes
//	countersign serve    plays the gateways for a client in any language
//	countersign version  says which version this is
//
// Each prints its flags and an example with --help. It exits with 0 if all is
// right or done, with 1 if something is wrong, refused or failed, and with 2 if it
// could not tell what it was to do. A secret comes from the environment, a file or
// the standard input, and never from an argument.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
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
	{name: "sign", summary: "signs a request, and prints it or a curl command; or a buy link", run: sign},
	{name: "verify", summary: "says whether the signature of a request, a notification or a return URL is right", run: verify},
	{name: "explain", summary: "says why the signature of a request is wrong", run: explainRequest},
	{name: "send", summary: "sends a receiver what a gateway would, and says what it makes of the answer", run: send, interruptible: true},
	{name: "check", summary: "asks the gateway whether the credentials are right", run: check, interruptible: true},
	{name: "probe", summary: "asks the gateway what it takes, and how it reads a request", run: probeGateway, interruptible: true},
	{name: "serve", summary: "plays the gateways for a client in any language", run: serve, interruptible: true},
	{name: "version", summary: "says which version this is, and what built it", run: version},
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		if args[0] == "help" && len(args) > 1 {
			return run(append(slices.Clone(args[1:]), "--help"), stdin, stdout, stderr)
		}
		if args[0] == "help" || slices.Contains(helpFlags, args[0]) {
			printUsage(stdout)
			return exitRight
		}
		var names []string
		for _, s := range subcommands {
			names = append(names, s.name)
			if s.name != args[0] {
				continue
			}
			out := &output{Writer: stdout}
			c := &command{ctx: context.Background(), name: s.name, args: args[1:], stdin: stdin, stdout: out, stderr: stderr, getenv: os.Getenv}
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
		fmt.Fprintf(stderr, "countersign: there is no command %q%s\n", args[0], didYouMean(args[0], names...))
	}
	printUsage(stderr)
	return exitUsage
}

func printUsage(w io.Writer) {
	io.WriteString(w, "usage: countersign COMMAND ...\n\n")
	for _, s := range subcommands {
		fmt.Fprintf(w, "  %-8s %s\n", s.name, s.summary)
	}
	io.WriteString(w, "\ncountersign COMMAND --help tells more of one, with an example.\n")
}
