package transporttest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

func (c *course) testEndless() error {
	return c.eachLogin(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		e := &endless{begin: strings.NewReader(""), limit: maxRead}
		l.answer = func(n int, _ *http.Request, _ []byte, resp *http.Response) {
			if n == 1 {
				resp.Body, resp.ContentLength = io.NopCloser(e), -1
			}
		}
		switch err := l.send(p.proto.Context()); {
		case err == errHangs:
			return err
		case e.read >= maxRead:
			return fmt.Errorf("%d MiB of an answer to a login are read: give it a limit, by io.LimitReader", maxRead>>20)
		case err == nil:
			return errors.New("an answer of white space is taken for a session")
		}
		return l.closed()
	})
}

// testRefusedLogin has the gateway refuse credentials that are a little wrong.
func (c *course) testRefusedLogin() error {
	return c.eachLogin(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		var refusal *http.Response
		var text []byte
		l.garble = garble
		l.answer = func(_ int, _ *http.Request, _ []byte, resp *http.Response) {
			text, _ = io.ReadAll(resp.Body)
			resp.Body = io.NopCloser(bytes.NewReader(text))
			refusal = resp
		}
		const calls = 20
		for range calls {
			err := l.send(p.proto.Context())
			if err == errHangs {
				return err
			}
			if err == nil {
				return nil // it did not change what tells
			}
			if err := l.shown(err); err != nil {
				return err
			}
		}
		if refusal == nil || refusal.StatusCode/100 == 5 {
			return nil
		}
		c.plain = bare(refusal.Header, text)
		if n := l.count(); n >= calls {
			return fmt.Errorf("the gateway refuses the login with %s, and %d calls log in with %d requests: have calls fail at once for a while, as scheme.Keeper does after scheme.ErrRefused", refusal.Status, calls, n)
		}
		return nil
	})
}

// garble makes the credentials of a login wrong: its password or, where there is
// none, its longest value.
func garble(sent *http.Request, body []byte) []byte {
	if user, password, ok := sent.BasicAuth(); ok {
		sent.SetBasicAuth(user, "x"+password)
		return body
	}
	if text := sent.Header.Get("Authorization"); text != "" {
		sent.Header.Set("Authorization", text+"x")
		return body
	}
	longest := ""
	for _, word := range regexp.MustCompile(`[0-9A-Za-z_-]+`).FindAllString(string(body), -1) {
		if len(word) > len(longest) && word != "client_credentials" {
			longest = word
		}
	}
	if longest == "" {
		return body
	}
	other := "0"
	if longest[0] == '0' {
		other = "1"
	}
	return bytes.Replace(body, []byte(longest), []byte(other+longest[1:]), 1)
}

// bare reports whether an answer says nothing but its status.
func bare(header http.Header, text []byte) bool {
	for name := range header {
		switch name {
		case "Content-Type", "Content-Length", "Date", "X-Content-Type-Options":
		default:
			return false
		}
	}
	text = bytes.TrimSpace(text)
	return !bytes.HasPrefix(text, []byte("{")) && !bytes.HasPrefix(text, []byte("[")) && !bytes.HasPrefix(text, []byte("<?xml"))
}

func (c *course) testFailedLogin() error {
	return c.eachLogin(func(p sample) error {
		for _, status := range []int{200, 400, 401, 403, 404, 429, 500, 503} {
			for _, html := range []bool{true, false} {
				if err := c.failLogin(p, status, html); err != nil {
					what := "JSON"
					if html {
						what = "HTML"
					}
					return fmt.Errorf("an answer of %d to the login, in %s: %w", status, what, err)
				}
			}
		}
		return nil
	})
}

// failLogin answers a login with a page that repeats it.
func (c *course) failLogin(p sample, status int, html bool) error {
	l, err := c.lesson(p)
	if err != nil {
		return err
	}
	l.answer = func(n int, sent *http.Request, body []byte, resp *http.Response) {
		if n > 1 {
			return
		}
		w := httptest.NewRecorder()
		echo := fmt.Sprintf("%s %v %s %s", marker, sent.Header, body, strings.Join(loginSecrets(sent, body), " "))
		if html {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			fmt.Fprintf(w, "<html><title>%s</title></html>", echo)
		} else {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(map[string]string{"error": marker, "error_description": echo, "message": echo})
		}
		*resp = *w.Result()
		resp.Request = sent
	}
	err = l.send(p.proto.Context())
	switch {
	case err == errHangs:
		return err
	case len(l.m.takeAll()) > 0 || err == nil:
		if status == http.StatusOK {
			return nil // the gateway's answers may have any shape
		}
		return errors.New("it is taken for a session: check the status first")
	case strings.Contains(err.Error(), "the login panicked"):
		return fmt.Errorf("the login panics: %w", err)
	}
	if err := l.shown(err); err != nil {
		return err
	}
	if html && status != http.StatusOK && !(c.plain && status/100 == 4) || status/100 == 5 {
		if err := l.send(p.proto.Context()); err != nil {
			return fmt.Errorf("it proves no wrong credentials, and the next call fails: %w", err)
		}
	}
	return l.closed()
}

// shown returns an error if err, which is a login's, shows what was sent or answered.
func (l *lesson) shown(err error) error {
	text := texts(err) + fmt.Sprintf("%+v %#v", err, err)
	if strings.Contains(text, marker) {
		return errors.New("the error quotes the answer to the login, which may repeat the credentials: quote none of it")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, sent := range l.logins {
		for _, secret := range loginSecrets(sent, l.bodies[i]) {
			if strings.Contains(text, secret) {
				return fmt.Errorf("the error shows %q, which the login sends: %v", secret, err)
			}
		}
	}
	return nil
}

// public are names of a login's values that are no secrets.
var public = []string{"grant_type", "scope", "client_id", "username", "audience", "resource", "jsonrpc", "method"}

// loginSecrets returns what of a login an error must not show.
func loginSecrets(sent *http.Request, body []byte) (list []string) {
	add := func(text string) {
		if len(text) >= 12 {
			list = append(list, text)
		}
	}
	if _, password, ok := sent.BasicAuth(); ok {
		add(password)
		if decoded, err := url.QueryUnescape(password); err == nil {
			add(decoded)
		}
		add(base64.StdEncoding.EncodeToString([]byte(password)))
	}
	if _, text, ok := strings.Cut(sent.Header.Get("Authorization"), " "); ok {
		add(text)
	}
	form, _ := url.ParseQuery(string(body))
	var object any
	if json.Unmarshal(body, &object) == nil {
		form = nil
		collect("", object, func(name, text string) {
			if !slices.Contains(public, name) {
				add(text)
			}
		})
	}
	for name, values := range form {
		if !slices.Contains(public, name) {
			for _, text := range values {
				add(text)
			}
		}
	}
	return list
}

// collect calls f with each string in a JSON value, and its member's name.
func collect(name string, value any, f func(name, text string)) {
	switch v := value.(type) {
	case string:
		f(name, v)
	case []any:
		for _, x := range v {
			collect(name, x, f)
		}
	case map[string]any:
		for key, x := range v {
			collect(key, x, f)
		}
	}
}
