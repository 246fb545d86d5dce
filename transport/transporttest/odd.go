package transporttest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// try sends a request that is not as usual. A RoundTripper may refuse it, with
// nothing sent and an error that quotes no value; then there is no arrival.
func (s *suite) try(m *memory, p sample, req *http.Request) (*arrival, error) {
	_, err := s.roundTrip(s.wrap(m), req)
	got := m.take()
	if err != nil { // it may have been sent without credentials first
		got = slices.DeleteFunc(got, m.challenges)
	}
	switch {
	case err == errHangs:
		return nil, err
	case err != nil && len(got) > 0:
		return nil, fmt.Errorf("it is sent, and refused: %w", err)
	case err != nil:
		return nil, s.checkShown(p, err)
	case len(got) == 0:
		return nil, errors.New("it does not arrive, and there is no error")
	}
	return &got[len(got)-1], nil
}

// judge returns an error if the gateway has refused a as it refuses the same request
// without credentials, and p. A gateway may have other reasons to refuse what is not
// as usual.
func (s *suite) judge(p sample, a *arrival, plain *http.Request) error {
	m := s.memory()
	if _, err := s.roundTrip(m, plain); err != nil {
		return err
	}
	without := m.takeAll()
	if len(without) == 0 || !a.refused() || a.answer.StatusCode != without[0].answer.StatusCode || a.answer.StatusCode != p.refusal {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(a.answer.Body, 200))
	return fmt.Errorf("the gateway takes it for one without credentials, and answers %s: %s: authenticate the request as it is sent, or refuse it", a.answer.Status, bytes.TrimSpace(text))
}

// maxRead is more of a body without an end than any scheme may hold in memory, in
// bytes.
const maxRead = 64 << 20

var spaces = bytes.Repeat([]byte{' '}, 32<<10)

// An endless body is a good one at its beginning.
type endless struct {
	begin io.Reader
	read  int64
	limit int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.read >= e.limit {
		return 0, errBody
	}
	n, _ := e.begin.Read(p)
	if n == 0 {
		n = copy(p, spaces)
	}
	e.read += int64(n)
	return n, nil
}

func testLength(s *suite) error {
	if err := s.each(func(p sample) error {
		if p.body == nil {
			return nil
		}
		longer := append(slices.Clip(p.body), '0')
		for _, c := range []struct {
			name   string
			body   []byte
			length int
		}{
			{"a body that is shorter than it says", p.body, len(p.body) + 1},
			{"a body that is longer than it says", longer, len(p.body)},
		} {
			for _, again := range []bool{false, true} {
				m := s.memory()
				req := p.request()
				req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(c.body)), nil }
				req.Body, _ = req.GetBody()
				if !again {
					req.GetBody = nil
				}
				req.ContentLength = int64(c.length)
				_, err := s.roundTrip(s.wrap(m), req)
				switch got := m.take(); {
				case err == errHangs:
					return err
				case len(got) > 0:
					return fmt.Errorf("%s: of %d bytes, where ContentLength says %d, %d are sent as a whole body: refuse it", c.name, len(c.body), c.length, len(got[0].body))
				case err == nil:
					return fmt.Errorf("%s: it is not sent, and there is no error", c.name)
				}
				if err := s.checkShown(p, err); err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return s.each(func(p sample) error {
		if p.body == nil {
			return nil
		}
		p.chunked = true
		e := &endless{begin: bytes.NewReader(p.body), limit: maxRead}
		m := s.memory()
		m.before = failBase // which reads nothing
		req := p.request()
		req.Body = io.NopCloser(e)
		if _, err := s.roundTrip(s.wrap(m), req); err == errHangs {
			return fmt.Errorf("a body without an end: %w", err)
		}
		if e.read >= maxRead {
			return fmt.Errorf("a body without an end: %d MiB of it are read: give what is held in memory a limit", maxRead>>20)
		}
		return nil
	})
}

func zipped(b []byte) []byte {
	var zip bytes.Buffer
	w := gzip.NewWriter(&zip)
	w.Write(b)
	w.Close()
	return zip.Bytes()
}

func testEncoding(s *suite) error {
	if err := s.eachBody(func(p sample) error {
		for _, key := range []string{"Content-Encoding", "content-encoding"} {
			for _, body := range [][]byte{zipped(p.body), p.body} {
				if err := s.sendEncoded(p, key, body); err != nil {
					return fmt.Errorf("a body with %s: gzip: %w", key, err)
				}
			}
		}
		for _, contentType := range []string{"application/octet-stream", ""} {
			req := p.request()
			req.Header.Set("Content-Type", contentType)
			if contentType == "" {
				req.Header.Del("Content-Type")
			}
			a, err := s.try(s.memory(), p, req)
			switch {
			case err == nil && a != nil && !bytes.Equal(a.body, p.body) && a.answer.StatusCode/100 != 2:
				err = fmt.Errorf("it arrives with another body, and the gateway answers %s: refuse what you know no way to write into", a.answer.Status)
			case err == nil && a != nil && len(a.body) == 0:
				err = errors.New("the body does not arrive")
			}
			if err != nil {
				return fmt.Errorf("a body of the type %q: %w", contentType, err)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return s.each(func(p sample) error {
		if p.body != nil {
			return nil
		}
		for contentType, body := range map[string]string{formType: "transporttest=1", "application/json": `{"transporttest":1}`} {
			p.body = []byte(body)
			with := func() *http.Request {
				req := p.request()
				req.Header.Set("Content-Type", contentType)
				return req
			}
			a, err := s.try(s.memory(), p, with())
			switch {
			case err != nil:
			case a != nil && len(a.body) == 0:
				err = errors.New("it is sent without the body: refuse it, or authenticate it with its body")
			case a != nil:
				err = s.judge(p, a, with())
			}
			if err != nil {
				return fmt.Errorf("with a body of the type %s: %w", contentType, err)
			}
		}
		return nil
	})
}

// sendEncoded sends a body that says it is compressed.
func (s *suite) sendEncoded(p sample, key string, body []byte) error {
	p.body = body
	read, signed := false, false
	m := s.memory()
	m.before = func(*http.Request) error { signed = read; return nil }
	req := p.request()
	req.Body = io.NopCloser(io.MultiReader(readerFunc(func([]byte) (int, error) { read = true; return 0, io.EOF }), bytes.NewReader(body)))
	req.Header[key] = []string{"gzip"}
	a, err := s.try(m, p, req)
	switch {
	case err != nil || a == nil:
		return err
	case signed:
		return errors.New("it is read before it is sent: refuse it, as scheme.Body does, since it is not what the gateway will read")
	case !bytes.Equal(a.body, body) || a.request.Header.Get(key) != "gzip":
		return errors.New("it is sent, and not as it is")
	}
	return nil
}

// marker stands in values, which no error may quote.
const marker = "transporttest-17645"

// A spelling is a change to a request that few programs make, and any may.
type spelling struct {
	name   string
	change func(*http.Request) bool                             // reports whether there is such a spelling
	check  func(p sample, sent *http.Request, a *arrival) error // nil for none
}

var spellings = []spelling{
	{"an escaped letter in the path", func(r *http.Request) bool {
		path := r.URL.EscapedPath()
		i := strings.LastIndexFunc(path, func(c rune) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' })
		if i < 0 || i > 1 && path[i-1] == '%' || i > 2 && path[i-2] == '%' {
			return false
		}
		r.URL.RawPath = fmt.Sprintf("%s%%%02X%s", path[:i], path[i], path[i+1:])
		return true
	}, pathArrives},
	{"a path with escapes", func(r *http.Request) bool {
		r.URL.RawPath = strings.TrimSuffix(r.URL.EscapedPath(), "/") + "/%2Fa%20b/%C3%A4"
		r.URL.Path, _ = url.PathUnescape(r.URL.RawPath)
		return true
	}, pathArrives},
	{"an empty query", func(r *http.Request) bool {
		r.URL.ForceQuery = r.URL.RawQuery == ""
		return r.URL.ForceQuery
	}, nil},
	{"no method", func(r *http.Request) bool {
		was := r.Method
		r.Method = ""
		return was == http.MethodGet
	}, nil},
	{"a fragment", func(r *http.Request) bool { r.URL.Fragment = "transporttest"; return true }, nil},
	{"a malformed parameter", func(r *http.Request) bool { return addParameters(r, "transporttest="+marker+"%zz") }, func(_ sample, _ *http.Request, a *arrival) error {
		if !slices.Contains(parameters(a), "transporttest="+marker+"%zz") {
			return errors.New("the parameter does not arrive as it is: refuse it, or pass it on byte for byte")
		}
		return nil
	}},
	{"a parameter given twice", func(r *http.Request) bool { return addParameters(r, "transporttest=1&transporttest=2") }, func(_ sample, _ *http.Request, a *arrival) error {
		var kept []string
		for _, p := range parameters(a) {
			if strings.HasPrefix(p, "transporttest=") {
				kept = append(kept, p)
			}
		}
		if !slices.Equal(kept, []string{"transporttest=1", "transporttest=2"}) {
			return fmt.Errorf("it arrives as %q: refuse it, or pass it on", kept)
		}
		return nil
	}},
	{"a query beside a body", func(r *http.Request) bool {
		if r.Body == nil || r.URL.RawQuery != "" {
			return false
		}
		r.URL.RawQuery = "transporttest=1"
		return true
	}, func(_ sample, _ *http.Request, a *arrival) error {
		if !slices.Contains(strings.Split(a.request.URL.RawQuery, "&"), "transporttest=1") {
			return errors.New("the query does not arrive: refuse it, or pass it on")
		}
		return nil
	}},
}

func pathArrives(_ sample, sent *http.Request, a *arrival) error {
	got, _, _ := strings.Cut(a.request.RequestURI, "?")
	if want := sent.URL.EscapedPath(); got != want {
		return fmt.Errorf("the path arrives as %s, want %s", got, want)
	}
	return nil
}

// addParameters adds to a form, or to the query of a request without a body.
func addParameters(r *http.Request, more string) bool {
	if r.Body == nil {
		r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&"+more, "&")
		return true
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), formType) {
		return false
	}
	b, err := io.ReadAll(r.Body)
	setPlain(r, append(b, "&"+more...))
	return err == nil
}

// setPlain gives a request of the suite's another body.
func setPlain(r *http.Request, b []byte) {
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	r.Body, _ = r.GetBody()
	r.ContentLength = int64(len(b))
}

// parameters returns what addParameters has added to, as it arrives.
func parameters(a *arrival) []string {
	return append(strings.Split(a.request.URL.RawQuery, "&"), strings.Split(string(a.body), "&")...)
}

func testSpelling(s *suite) error {
	return s.each(func(p sample) error {
		for _, c := range spellings {
			req, plain := p.request(), p.request()
			if !c.change(req) {
				continue
			}
			c.change(plain)
			a, err := s.try(s.memory(), p, req)
			if err == nil && a != nil && c.check != nil {
				err = c.check(p, plain, a)
			}
			if err == nil && a != nil {
				err = s.judge(p, a, plain)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
		return nil
	})
}

// notAdded are fields that net/http adds.
var notAdded = []string{"Accept-Encoding", "Content-Length", "Transfer-Encoding", "Trailer", "User-Agent"}

// addedFields returns the names of the header fields that p arrives with and did
// not have.
func addedFields(p sample) (names []string) {
	own := p.request().Header
	for name := range p.usual.request.Header {
		if _, ok := own[name]; !ok && !slices.Contains(notAdded, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// fold is a field's name as CGI, and with it PHP, take it.
func fold(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }

func folded(h http.Header, name string) (n int) {
	for key, values := range h {
		if fold(key) == fold(name) {
			n += len(values)
		}
	}
	return n
}

func testStale(s *suite) error {
	return s.each(func(p sample) error {
		for _, name := range addedFields(p) {
			for _, key := range []string{name, strings.ToLower(name), strings.ReplaceAll(name, "-", "_"), strings.ToLower(strings.ReplaceAll(name, "-", "_"))} {
				req := p.request()
				req.Header[key] = []string{"stale"}
				a, err := s.try(s.memory(), p, req)
				if err == nil && a != nil {
					if got, want := folded(a.request.Header, name), folded(p.usual.request.Header, name); got != want {
						err = fmt.Errorf("%s arrives %d times, want %d: take out every spelling of the name, as scheme.SetHeader does", name, got, want)
					} else {
						err = a.check(p)
					}
				}
				if err != nil {
					return fmt.Errorf("the caller has set the field %q: %w", key, err)
				}
			}
		}
		part := map[string]string{"query": p.proto.URL.RawQuery, "form": string(p.body), "JSON object": string(p.body)}
		usual := shapeOf(p.usual.request.URL, p.usual.request.Header, p.usual.body)
		own := shapeOf(p.proto.URL, p.proto.Header, p.body)
		for where, names := range usual {
			for name := range names {
				if own[where][name] > 0 || own[where] == nil && where != "query" || name == "" {
					continue
				}
				for _, stale := range staleSpellings(where, name) {
					if err := s.sendStale(p, where, name, stale, part[where]); err != nil {
						return fmt.Errorf("the caller has set %s in the %s: %w", stale, where, err)
					}
				}
			}
		}
		return nil
	})
}

// staleSpellings returns an earlier credential of that name in more than one
// spelling.
func staleSpellings(where, name string) []string {
	if where == "JSON object" {
		return []string{fmt.Sprintf(`"%s":"stale"`, name), fmt.Sprintf(`"\u%04x%s":"stale"`, name[0], name[1:])}
	}
	last := len(name) - 1
	return []string{
		url.QueryEscape(name) + "=stale",
		fmt.Sprintf("%%%02x%s=stale", name[0], url.QueryEscape(name[1:])),
		fmt.Sprintf("%s%%%02X=stale", url.QueryEscape(name[:last]), name[last]),
	}
}

func (s *suite) sendStale(p sample, where, name, stale, old string) error {
	req := p.request()
	switch where {
	case "query":
		req.URL.RawQuery = strings.TrimPrefix(old+"&"+stale, "&")
	case "form":
		setPlain(req, []byte(strings.TrimPrefix(old+"&"+stale, "&")))
	default:
		before, after, ok := strings.Cut(old, "{")
		if !ok || strings.HasPrefix(strings.TrimSpace(after), "}") {
			return nil
		}
		setPlain(req, []byte(before+"{"+stale+","+after))
	}
	a, err := s.try(s.memory(), p, req)
	if err != nil || a == nil {
		return err
	}
	if where == "JSON object" {
		if n := members(a.body, name); n != 1 {
			return fmt.Errorf("%s arrives %d times, want once: take out every spelling of the name", name, n)
		}
	} else if got, want := shapeOf(a.request.URL, a.request.Header, a.body)[where][name], shapeOf(p.usual.request.URL, p.usual.request.Header, p.usual.body)[where][name]; got != want {
		return fmt.Errorf("%s arrives %d times, want %d: take out what decodes to the name", name, got, want)
	}
	return a.check(p)
}

// members counts the members of a JSON object that have a name.
func members(object []byte, name string) (n int) {
	d := json.NewDecoder(bytes.NewReader(object))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return 0
	}
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			break
		}
		if key == name {
			n++
		}
	}
	return n
}
