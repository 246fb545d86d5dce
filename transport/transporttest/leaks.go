package transporttest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
)

// A line is a change to a request, after which its first line is not as usual.
type line struct {
	name   string
	change func(*http.Request)
	usual  bool // what is sent is as usual
}

// lines lists those of a request to u. net/url sends a RawPath only if it is an
// encoding of the Path, and a query as it is.
func lines(u *url.URL) []line {
	escaped := cmp.Or(u.EscapedPath(), "/")
	paths := func(path, raw string) func(*http.Request) {
		return func(r *http.Request) { r.URL.Path, r.URL.RawPath = path, raw }
	}
	query := func(more string) func(*http.Request) {
		return func(r *http.Request) {
			r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&"+more, "&")
		}
	}
	method := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.Method = name }
	}
	return []line{
		{name: "a path without a slash", change: paths("@"+elsewhere+u.Path, "")},
		{name: "a path without a slash, and a RawPath with one that is not the path's", change: paths("@"+elsewhere+u.Path, escaped)},
		{name: "a path that makes the host longer, and a RawPath that is not the path's", change: paths("."+elsewhere+u.Path, "/%2F")},
		{name: "a path of an asterisk, and a RawPath that is not the path's", change: paths("*", escaped)},
		{name: "a RawPath without a slash that is not the path's", change: paths(u.Path, "@"+elsewhere+escaped), usual: true},
		{name: "a RawPath with a slash that is not the path's", change: paths(u.Path, "/transporttest%2F"), usual: true},
		{name: "a space in the query", change: query("transporttest=a b HTTP/1.0")},
		{name: "a query that is not ASCII", change: query("transporttest=\u00e4")},
		{name: "TRACE", change: method(http.MethodTrace)},
		{name: "CONNECT", change: method(http.MethodConnect)},
	}
}

func testRequestLine(s *suite) error {
	return s.each(func(p sample) error {
		for _, c := range lines(p.proto.URL) {
			if err := s.sendLine(p, c); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
		return nil
	})
}

// sendLine sends a request that is changed. It may be refused, or sent as it is.
func (s *suite) sendLine(p sample, c line) error {
	plain, req := p.request(), p.request()
	c.change(plain)
	c.change(req)
	m := s.memory()
	var fault error
	m.before = func(sent *http.Request) error {
		fault = cmp.Or(fault, checkLine(sent, plain))
		return nil
	}
	_, err := s.roundTrip(s.wrap(m), req)
	switch {
	case err == errHangs:
		return err
	case fault != nil:
		return fault
	case err == nil && c.usual:
		_, err := m.takeOne(p)
		return err
	}
	return nil
}

// checkLine returns an error if what is sent has credentials, and a first line that
// no request with credentials may have.
func checkLine(sent, plain *http.Request) error {
	target := sent.URL.RequestURI()
	wrong := ""
	switch {
	case strings.EqualFold(sent.Method, http.MethodTrace), strings.EqualFold(sent.Method, http.MethodConnect):
		wrong = "the method " + sent.Method
	case !strings.HasPrefix(target, "/"):
		wrong = fmt.Sprintf("the target %q, which does not begin with a slash,", target)
	case strings.ContainsFunc(target, func(c rune) bool { return c <= ' ' || c >= 0x7f }):
		wrong = fmt.Sprintf("the target %q", target)
	default:
		return nil
	}
	if sent.URL.String() == plain.URL.String() && reflect.DeepEqual(sent.Header, plain.Header) && sent.ContentLength == plain.ContentLength {
		return nil
	}
	return fmt.Errorf("a request with credentials has %s in its first line", wrong)
}

func testErrors(s *suite) error {
	if err := s.each(func(p sample) error {
		m := s.memory()
		var secrets []string
		m.before = func(sent *http.Request) error {
			var body []byte
			if sent.Body != nil {
				var err error
				if body, err = io.ReadAll(sent.Body); err != nil {
					return err
				}
			}
			if secrets = added(p, sent, body); len(secrets) == 0 { // it waits to be asked for them
				if sent.Body != nil {
					sent.Body = io.NopCloser(strings.NewReader(string(body)))
				}
				return nil
			}
			var text strings.Builder
			fmt.Fprintf(&text, "%s %s HTTP/1.1\r\n", sent.Method, sent.URL.RequestURI())
			sent.Header.Write(&text)
			fmt.Fprintf(&text, "\r\n%s", body)
			return fmt.Errorf("malformed HTTP response %q: %w", text.String(), errBase)
		}
		_, err := s.roundTrip(s.wrap(m), p.request())
		if len(secrets) == 0 {
			return nil
		}
		if !errors.Is(err, errBase) {
			return fmt.Errorf("the base's error quotes the request, and errors.Is no longer finds in it what it did: %v", err)
		}
		shown := texts(err)
		for _, secret := range secrets {
			if strings.Contains(shown, secret) {
				return fmt.Errorf("the base's error quotes the request, and %q, which the RoundTripper has added, is shown: cut the text at its first quote", secret)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return testErrorsShow(s)
}

// words are what of a credential stays together however it is escaped.
var words = regexp.MustCompile(`[0-9A-Za-z+/=_.-]{8,}`)

// added returns the words in the values of what is sent that p does not have.
func added(p sample, sent *http.Request, body []byte) (list []string) {
	own := fmt.Sprint(p.proto.URL, p.request().Header, string(p.body))
	var values []string
	for _, all := range sent.Header {
		values = append(values, all...)
	}
	parameters := sent.URL.RawQuery
	if strings.HasPrefix(sent.Header.Get("Content-Type"), formType) {
		parameters += "&" + string(body)
	} else {
		values = append(values, string(body))
	}
	for parameter := range strings.SplitSeq(parameters, "&") {
		_, value, _ := strings.Cut(parameter, "=")
		values = append(values, value)
	}
	for _, word := range words.FindAllString(strings.Join(values, "\n"), -1) {
		if !strings.Contains(own, word) {
			list = append(list, word)
		}
	}
	return list
}

// texts returns the texts of an error and of all that it wraps.
func texts(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error() + "\n"
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		text += texts(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, wrapped := range e.Unwrap() {
			text += texts(wrapped)
		}
	}
	return text
}
