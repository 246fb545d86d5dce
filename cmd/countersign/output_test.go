package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestFullDisk has an output that takes nothing.
func TestFullDisk(t *testing.T) {
	t.Setenv(instanceVariable, "example")
	t.Setenv(secretVariable, scriptSecret)
	for _, args := range [][]string{
		{"sign", "paylink", "a=1"},
		{"sign", "paylink", "--json", "a=1"},
		{"sign", "paylink", "--curl", "--url", "https://api.payrexx.com/v1.0/Invoice/", "a=1"},
		{"sign", "--help"},
		{"demo"},
	} {
		var stderr bytes.Buffer
		assert.Equal(t, exitWrong, run(args, nil, full{}, &stderr), "%q", args)
		assert.Contains(t, stderr.String(), "countersign "+args[0])
		assert.Contains(t, stderr.String(), "disk full")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }
