package main

import (
	"cmp"
	"io"
	"sync"
)

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
