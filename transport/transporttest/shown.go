package transporttest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A value is one that a RoundTripper has added to a request.
type value struct {
	where, name string
	text        string // decoded, without the name of an authentication scheme
}

// minCredential is how long a credential is at least, in bytes: what is shorter may
// stand in any text by chance.
const minCredential = 6

// addedValues returns what p arrives with and did not have, save for fields that say
// what the body is.
func addedValues(p sample, a arrival) (list []value) {
	for _, name := range addedFields(p) {
		if name == "Content-Type" {
			continue
		}
		for _, text := range a.request.Header[name] {
			if scheme, rest, ok := strings.Cut(text, " "); ok && !strings.ContainsAny(scheme, "=,") {
				text = rest
			}
			list = append(list, value{"header", name, text})
		}
	}
	add := func(where string, got, own url.Values) {
		for name, values := range got {
			if _, ok := own[name]; !ok && len(values) == 1 {
				list = append(list, value{where, name, values[0]})
			}
		}
	}
	add("query", a.request.URL.Query(), p.proto.URL.Query())
	if strings.HasPrefix(a.request.Header.Get("Content-Type"), formType) {
		form, _ := url.ParseQuery(string(a.body))
		own, _ := url.ParseQuery(string(p.body))
		add("form", form, own)
	} else if !bytes.Equal(a.body, p.body) {
		list = append(list, value{where: "body"})
	}
	return list
}

// credentials returns those of what a has that must not be seen: the only value that
// is added to p, or those that differ from one request to another. What is the same
// in all of them may be the name of an account.
func (s *suite) credentials(p sample, a arrival) (list []value) {
	all := addedValues(p, a)
	for _, v := range all {
		changes := false
		for _, other := range s.samples {
			if other.usual.request == nil {
				continue
			}
			for _, w := range addedValues(other, other.usual) {
				changes = changes || w.where == v.where && w.name == v.name && w.text != v.text
			}
		}
		if (changes || len(all) == 1) && len(v.text) >= minCredential {
			list = append(list, v)
			if b, err := base64.StdEncoding.DecodeString(v.text); err == nil && v.name == "Authorization" {
				if _, password, ok := strings.Cut(string(b), ":"); ok && len(password) >= minCredential {
					list = append(list, value{v.where, v.name, password})
				}
			}
		}
	}
	return list
}

// checkShown returns an error if err, which is not the base's, shows a credential or
// a value of the request.
func (s *suite) checkShown(p sample, err error) error {
	shown := texts(err) + fmt.Sprintf("%+v %#v", err, err)
	if p.usual.request != nil {
		for _, v := range s.credentials(p, p.usual) {
			if strings.Contains(shown, v.text) {
				return fmt.Errorf("the error shows %q, which the RoundTripper adds to the %s: %v", v.text, v.where, err)
			}
		}
	}
	quotes := strings.Contains(shown, marker)
	for _, values := range p.proto.URL.Query() {
		for _, v := range values {
			quotes = quotes || len(v) >= minCredential && strings.Contains(shown, v)
		}
	}
	if quotes {
		return errors.New("the error quotes a parameter's value: its name is enough")
	}
	plain := strings.ReplaceAll(shown, `\`, "")
	if body := strings.ReplaceAll(string(p.body), `\`, ""); len(body) >= minCredential && strings.Contains(plain, body) {
		return errors.New("the error quotes the body: name what is wrong, and no value")
	}
	return nil
}

// testErrorsShow looks into the errors of all paths, and of redirects.
func testErrorsShow(s *suite) error {
	if err := s.each(func(p sample) error {
		return s.walk(p, func(m *memory, req *http.Request, _ *bodies) error {
			_, err := s.roundTrip(s.wrap(m), req)
			if err == nil || err == errHangs {
				return nil // other rules are about that
			}
			return s.checkShown(p, err)
		})
	}); err != nil {
		return err
	}
	return s.each(func(p sample) error {
		if !slices.ContainsFunc(s.credentials(p, p.usual), func(v value) bool { return v.where == "query" }) {
			return nil
		}
		for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
			for _, form := range locations {
				if err := s.redirectShows(p, status, form); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// locations are how a gateway may repeat a query in the address of a redirect.
var locations = []func(query, last string) string{
	func(query, _ string) string { return "/in?" + query },
	func(query, _ string) string { return "/in?to=" + url.QueryEscape("https://"+elsewhere+"/?"+query) },
	func(query, _ string) string {
		return "/in?to=" + url.QueryEscape("/in?to="+url.QueryEscape("https://"+elsewhere+"/?"+query)+"&again=1")
	},
	func(query, _ string) string { return "/in#" + query },
	func(_, last string) string { return "/in?transporttest=1;" + last },
}

// redirectShows has p redirected to an address that repeats the credentials that
// stand in its query, and looks at the client's error.
func (s *suite) redirectShows(p sample, status int, form func(query, last string) string) error {
	m := s.memory()
	rt := s.wrap(m)
	var credentials []value
	m.answer = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n > 1 {
			return false
		}
		last := ""
		for _, v := range s.credentials(p, p.usual) {
			if v.where == "query" {
				v.text = r.URL.Query().Get(v.name)
				credentials = append(credentials, v)
				last = url.QueryEscape(v.name) + "=" + url.QueryEscape(v.text)
			}
		}
		w.Header().Set("Location", "https://"+elsewhere+form(r.URL.RawQuery, last))
		w.WriteHeader(status)
		return true
	}
	err := s.patiently(func() error {
		resp, err := (&http.Client{Transport: rt}).Do(p.request())
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return err
	})
	if err == nil || err == errHangs {
		return nil
	}
	for _, v := range credentials {
		text := v.text
		for range 4 {
			if strings.Contains(texts(err), text) {
				return fmt.Errorf("a redirect repeats the query, and the client's error shows the %s in it: be an auth.Redactor, as by scheme.RedactParameters: %v", v.name, err)
			}
			text = url.QueryEscape(text)
		}
	}
	return nil
}

func testPrinting(s *suite) error {
	return s.each(func(p sample) error {
		m := s.memory()
		rt := s.wrap(m)
		if _, err := s.roundTrip(rt, p.request()); err != nil {
			return err
		}
		a, err := m.takeOne(p)
		if err != nil {
			return err
		}
		printed := map[string]any{"RoundTripper": rt}
		if s.authenticator != nil {
			printed["Authenticator"] = s.authenticator
		}
		for what, x := range printed {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
				shown := fmt.Sprintf(verb, x)
				for _, v := range s.credentials(p, a) {
					if strings.Contains(shown, v.text) {
						return fmt.Errorf("%s of the %s shows the %s that it adds to the %s: keep it in an auth.Secret or a scheme.Keeper", verb, what, v.name, v.where)
					}
				}
			}
		}
		return nil
	})
}

// aTime is a time of these days, in seconds since 1970.
var aTime = regexp.MustCompile(`(?:^|[^0-9])([0-9]{10})(?:[^0-9]|$)`)

// sentTimes returns the times in what p arrives with that are not after it arrived,
// nor long before.
func sentTimes(p sample, a arrival) map[string]string {
	times := make(map[string]string)
	for _, v := range addedValues(p, a) {
		match := aTime.FindStringSubmatch(v.text)
		if match == nil {
			continue
		}
		seconds, _ := strconv.ParseInt(match[1], 10, 64)
		if age := a.when.Unix() - seconds; 0 <= age && age <= 60*60 {
			times[v.name] = match[1]
		}
	}
	return times
}

// testTime tests only where it sees a time: most schemes have none, or one that is
// seen by the gateway alone.
func testTime(s *suite) error {
	return s.each(func(p sample) error {
		before := sentTimes(p, p.usual)
		if len(before) == 0 {
			return nil
		}
		const tick = 1100 * time.Millisecond // after which a second is another one
		time.Sleep(time.Until(p.usual.when.Add(tick)))
		m := s.memory()
		if _, err := s.roundTrip(s.wrap(m), p.request()); err != nil {
			return err
		}
		a, err := m.takeOne(p)
		if err != nil {
			return err
		}
		for name, now := range sentTimes(p, a) {
			if now == before[name] {
				return fmt.Errorf("%s has the time %s, and more than a second later again: read the clock in each call", name, now)
			}
		}
		return nil
	})
}
