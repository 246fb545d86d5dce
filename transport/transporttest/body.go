package transporttest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"reflect"
	"slices"
	"sync"
)

// bodies are the body of a request and those that its GetBody has given.
type bodies struct {
	open     func() io.Reader
	closeErr error // of each
	patience *patience

	mu  sync.Mutex
	all []*body
}

func (b *bodies) next() *body {
	next := &body{Reader: b.open(), err: b.closeErr, closed: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, next)
	return next
}

// check waits until each body is closed. What comes later than the first Close is
// seen only if it has come.
func (b *bodies) check() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, body := range b.all {
		if err := body.check(b.patience); err != nil {
			return err
		}
	}
	return nil
}

// A body keeps count of how it is used.
type body struct {
	io.Reader
	err    error         // Close's
	closed chan struct{} // closed by the first Close

	mu     sync.Mutex
	closes int
	late   bool // it was read after it was closed
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	closed := b.closes > 0
	b.late = b.late || closed
	b.mu.Unlock()
	if closed {
		return 0, errors.New("the body is read after it was closed")
	}
	return b.Reader.Read(p)
}

func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closes++
	if b.closes == 1 {
		close(b.closed)
	}
	return b.err
}

func (b *body) check(p *patience) error {
	if !p.within(b.closed) {
		return errors.New("a body is not closed")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closes > 1:
		return fmt.Errorf("a body is closed %d times", b.closes)
	case b.late:
		return errors.New("a body is read after it was closed")
	}
	return nil
}

// snap copies a request deeply, save for what is compared by identity.
func snap(r *http.Request) *http.Request {
	c := r.WithContext(r.Context())
	u := *r.URL
	c.URL = &u
	c.Header, c.Trailer, c.Form, c.PostForm = copyValues(r.Header), copyValues(r.Trailer), copyValues(r.Form), copyValues(r.PostForm)
	c.TransferEncoding = slices.Clone(r.TransferEncoding)
	if r.MultipartForm != nil {
		c.MultipartForm = &multipart.Form{Value: copyValues(r.MultipartForm.Value), File: maps.Clone(r.MultipartForm.File)}
	}
	return c
}

// copyValues copies the slices up to their capacity, into which an append writes.
func copyValues[M ~map[string][]string](m M) M {
	c := maps.Clone(m)
	for key, values := range c {
		c[key] = slices.Clone(values[:cap(values)])
	}
	return c
}

// changed returns an error if r is no longer as it was when it was copied.
func changed(before, r *http.Request) error {
	if r.Context() != before.Context() {
		return errors.New("the context of the caller's request is changed")
	}
	was, is := reflect.ValueOf(before).Elem(), reflect.ValueOf(snap(r)).Elem()
	for i := range was.NumField() {
		field := was.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		same := false
		switch a, b := was.Field(i), is.Field(i); field.Name {
		case "Body":
			same = before.Body == r.Body
		case "GetBody", "Response":
			same = a.Pointer() == b.Pointer()
		default:
			same = reflect.DeepEqual(a.Interface(), b.Interface())
		}
		if !same {
			return fmt.Errorf("the %s of the caller's request is changed", field.Name)
		}
	}
	return nil
}
