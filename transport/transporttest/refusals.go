package transporttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"sync"
	"time"
)

func (c *course) testExpiry() error {
	if c.expire == nil {
		return nil
	}
	return c.eachLogin(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		if err := l.send(p.proto.Context()); err != nil {
			return err
		}
		c.expire()
		l.m.takeAll()
		before := l.count()
		if err := l.send(p.proto.Context()); err != nil {
			return fmt.Errorf("%w: have Refused return true for this answer, and drop the session that req was sent with", err)
		}
		got := l.m.takeAll()
		switch {
		case l.count() == before:
			return errors.New("the gateway still accepts what it should have forgotten: have expire end each session")
		case len(got) > 2:
			return fmt.Errorf("the request arrives %d times, want twice", len(got))
		case l.count() > before+c.logins[p.String()]:
			return fmt.Errorf("one request logs in with %d requests, want %d", l.count()-before, c.logins[p.String()])
		}
		if p.body == nil {
			return nil
		}
		c.expire()
		once := p
		once.chunked = true
		if _, err := c.roundTrip(l.rt, once.request()); err == errHangs {
			return err
		}
		if got := l.m.takeAll(); len(got) > 1 {
			return fmt.Errorf("a request whose body cannot be had again arrives %d times", len(got))
		}
		if err := l.send(p.proto.Context()); err != nil {
			return fmt.Errorf("after a refusal of a request whose body cannot be had again: %w", err)
		}
		return nil
	})
}

func (c *course) testStaleRefusal() error {
	if c.expire == nil {
		return nil
	}
	return c.eachLogin(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		sent, release := make(chan struct{}), make(chan struct{})
		first := sync.OnceFunc(func() {
			close(sent)
			<-release
		})
		l.m.before = func(r *http.Request) error {
			if r.Header.Get(caseHeader) == "late" {
				first()
			}
			return nil
		}
		late := make(chan error, 1)
		go func() { late <- l.sendAs(p.proto.Context(), "late") }()
		arrived := l.patience.within(sent)
		if arrived {
			c.expire()
			err = l.send(p.proto.Context())
		}
		before := l.count()
		close(release)
		l.receive(late)
		if !arrived || err != nil {
			return nil // another rule is about that
		}
		if err := l.send(p.proto.Context()); err != nil {
			return err
		}
		if l.count() > before {
			return errors.New("a late refusal of an earlier session makes another login: drop the session that req was sent with, and no other")
		}
		return nil
	})
}

// ownRefusal returns how the gateway refuses p, of a session that it has forgotten
// if there are any.
func (c *course) ownRefusal(p sample) (*http.Response, error) {
	if c.expire == nil || c.logins[p.String()] == 0 {
		w := httptest.NewRecorder()
		p.refuse(w)
		return w.Result(), nil
	}
	l, err := c.lesson(p)
	if err != nil {
		return nil, err
	}
	l.send(p.proto.Context())
	c.expire()
	l.m.takeAll()
	l.send(p.proto.Context())
	for _, a := range l.m.takeAll() {
		if a.answer.StatusCode/100 != 2 {
			return a.answer, nil
		}
	}
	return &http.Response{}, nil
}

func (c *course) testSlowRefusal() error {
	return c.each(func(p sample) error {
		if p.proto.Method == "" || p.proto.Method == http.MethodGet || p.proto.Method == http.MethodHead {
			return nil
		}
		own, err := c.ownRefusal(p)
		if err != nil {
			return err
		}
		var text []byte
		if own.Body != nil {
			text, _ = io.ReadAll(own.Body)
		}
		for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
			if own.StatusCode == status && bare(own.Header, text) {
				continue
			}
			l, err := c.lesson(p)
			if err != nil {
				return err
			}
			l.m.answer = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(status)
				return true
			}
			if err := l.send(p.proto.Context()); err == errHangs {
				return err
			}
			if n := len(l.m.takeAll()); n != 1 {
				return fmt.Errorf("an answer of %d that says nothing else has it sent %d times, though the gateway may have acted: have Refused ask for what only the gateway's refusal of the credentials says", status, n)
			}
		}
		return nil
	})
}

func (c *course) testClock() error {
	again := false
	if err := c.each(func(p sample) error {
		if c.logins[p.String()] > 0 {
			again = true // it learns something else
			return nil
		}
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		l.m.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
			w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
			c.refuseTime(w, p, r)
			return true
		}
		if err := l.send(p.proto.Context()); err == errHangs {
			return err
		}
		got := l.m.takeAll()
		switch {
		case len(got) > 2:
			return fmt.Errorf("a refusal whose Date is an hour ahead has it sent %d times, want once or twice", len(got))
		case len(got) == 2 && got[0].request.RequestURI == got[1].request.RequestURI && reflect.DeepEqual(got[0].request.Header, got[1].request.Header) && bytes.Equal(got[0].body, got[1].body):
			return errors.New("a refusal whose Date is an hour ahead has it sent again as it was: authenticate it by the gateway's clock")
		case len(got) == 2:
			again = true
		}
		return nil
	}); err != nil {
		return err
	}
	if !again {
		return errors.New("no request is sent again when the gateway refuses it with a Date that is an hour ahead: have Refused tell a wrong clock, as scheme.Clock does")
	}
	return nil
}

// refuseTime answers as the gateway does to a request whose time is an hour off,
// where one in seconds stands in the header, else as to one without credentials.
func (c *course) refuseTime(w http.ResponseWriter, p sample, r *http.Request) {
	off, found := r.Clone(r.Context()), false
	off.Body = io.NopCloser(bytes.NewReader(p.body))
	for _, name := range addedFields(sample{proto: p.proto, usual: arrival{request: r}}) {
		for i, text := range off.Header[name] {
			if at := aTime.FindStringSubmatchIndex(text); at != nil {
				seconds, _ := strconv.ParseInt(text[at[2]:at[3]], 10, 64)
				off.Header[name][i], found = text[:at[2]]+strconv.FormatInt(seconds-3600, 10)+text[at[3]:], true
			}
		}
	}
	answer := httptest.NewRecorder()
	if found {
		c.gateway.ServeHTTP(answer, off)
	}
	if !found || answer.Code/100 == 2 {
		p.refuse(w)
		return
	}
	for name, values := range answer.Header() {
		if name != "Date" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes())
}
