package main

import (
	"fmt"
	"io"
	"os"
)

// maxInput bounds what is read of a file or of the standard input, in bytes.
const maxInput = 16 << 20

// read returns what is in a file, or on the standard input if path is "-", which
// can be had once.
func (c *command) read(path string) ([]byte, error) {
	r := c.stdin
	if path == "-" {
		if r == nil {
			return nil, usagef("the standard input can hold one thing only: give the secret as a file or in the environment")
		}
		c.stdin = nil
		if terminal, ok := r.(*os.File); ok && isTerminal(terminal) { // which would seem to hang, and cuts long lines
			fmt.Fprintf(c.stderr, "countersign %s: paste it here, and end it with Ctrl-D on a line of its own (on Windows with Ctrl-Z and Enter); what has a line of over 1000 bytes comes from a file, by < FILE\n", c.name)
		}
	} else {
		f, err := os.Open(path)
		if err != nil {
			return nil, usageError{err}
		}
		defer f.Close()
		r = f
	}
	data, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	switch {
	case err != nil:
		return nil, usagef("the input cannot be read: %w", err)
	case len(data) > maxInput:
		return nil, usagef("the input is longer than %d bytes", maxInput)
	}
	return data, nil
}

// isTerminal reports whether a file is a terminal, or another device of characters.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
