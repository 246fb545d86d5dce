// Command countersign shows how Countersign authenticates requests to payment
// gateways.
//
//	countersign demo
//
// starts emulated gateways on the loopback interface, sends them real requests
// through one http.Client, and prints what was signed and what they answered. It
// needs no network, no credentials and no configuration, and exits with 1 if
// anything is not as it should be.
package main

import (
	"fmt"
	"io"
	"os"
)

const usage = `usage: countersign demo

demo  starts emulated gateways on loopback, signs and sends requests to them,
      and prints what was signed and what they answered
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit code: 0 if all is right, 1 if something is wrong, 2 for a
// mistake in the arguments.
func run(args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 1 && args[0] == "demo":
		if err := demo(stdout); err != nil {
			fmt.Fprintln(stderr, "countersign demo:", err)
			return 1
		}
		return 0
	case len(args) == 1 && (args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help"):
		io.WriteString(stdout, usage)
		return 0
	}
	io.WriteString(stderr, usage)
	return 2
}
