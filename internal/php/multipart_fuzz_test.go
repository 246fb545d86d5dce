package php

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// bodySeeds are the seeds of the fuzz targets.
func bodySeeds() []string {
	bodies := []string{field("a[0]", "1\r\n--") + file("f", "x", "\r\n\r\n-") + field("a[1]", "") + end}
	for _, tc := range hostileParts {
		if len(tc.body) < 10_000 {
			bodies = append(bodies, tc.body)
		}
	}
	return bodies
}

// FuzzMultipart checks that no body makes a Multipart panic or hold more than
// the fields, that it reads every body alike in all rhythms, that what it
// refuses has no signature, and that what it accepts Go reads as it was signed.
func FuzzMultipart(f *testing.F) {
	for _, body := range bodySeeds() {
		f.Add([]byte(body), uint64(1))
	}
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		rhythms := rhythms(seed)
		want, wantErr := rhythms[0].readIn(body, "B")
		for _, rhythm := range rhythms[1:] {
			out, err := rhythm.readIn(body, "B")
			if !bytes.Equal(out, want) || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
				t.Fatalf("%s: got %q and %v, want %q and %v", rhythm.name, out, err, want, wantErr)
			}
		}
		m := NewMultipart(bytes.NewReader(body), "B", own, signFields)
		out, fields, err := passed(string(body), "B")
		if len(m.buf) != multipartBuffer || len(fields.text) > len(body) {
			t.Fatalf("holds %d and %d bytes for a body of %d", len(m.buf), len(fields.text), len(body))
		}
		if err != nil {
			if !bytes.HasPrefix(body, []byte(out)) || strings.Contains(out, "--B--") {
				t.Fatalf("refused (%v), but %q has gone out", err, out)
			}
			return
		}
		var pairs []string
		for name, value := range fields.All() {
			pairs = append(pairs, name, value)
		}
		if saw, err := readByGo(out, "B"); err != nil || !slices.Equal(saw, append(pairs, own.Signature, testSignature(fields.AppendQuery(nil)))) {
			t.Fatalf("body %q: Go reads %q (%v), signed was %q", out, saw, err, pairs)
		}
		var a Array
		if err := ParseMultipart(&a, strings.NewReader(out), "B"); err != nil {
			t.Fatal(err)
		}
		a.Remove(own.Signature)
		if got, want := a.AppendQuery(nil), fields.AppendQuery(nil); !bytes.Equal(got, want) {
			t.Fatalf("body %q: the faithful reader gives %q, signed was %q", out, got, want)
		}
	})
}

// FuzzMultipartParse checks that no body makes the faithful reader panic.
func FuzzMultipartParse(f *testing.F) {
	for _, body := range bodySeeds() {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var a Array
		if ParseMultipart(&a, bytes.NewReader(body), "B") == nil {
			a.AppendQuery(nil)
		}
	})
}
