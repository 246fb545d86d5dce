package authtest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// elsewhere is a host that is not the gateway's.
const elsewhere = "elsewhere.test"

// A place is the beginning of a URL, up to its path.
type place struct {
	name, url string
	same      bool // it is the requests' origin
	plain     bool // in a spelling that everybody must know
}

// places lists where requests may go: the origin of u and others that look like it.
func places(u *url.URL) []place {
	scheme, host, port := u.Scheme, u.Hostname(), u.Port()
	otherScheme, usual := "http", "443"
	if scheme == "http" {
		otherScheme, usual = "https", "80"
	}
	at := func(scheme, host, port string) string { return scheme + "://" + hostport(host, port) }
	effective := cmp.Or(port, usual)
	number, _ := strconv.Atoi(effective)
	list := []place{
		{"the same origin", at(scheme, host, port), true, true},
		{"user information", strings.Replace(at(scheme, host, port), "://", "://user:password@", 1), true, false},
		{"an upper-case host", at(scheme, strings.ToUpper(host), port), true, false},
		{"the scheme's own port written out", at(scheme, host, usual), effective == usual, false},
		{"no port", at(scheme, host, ""), effective == usual, false},
		{"an empty port", at(scheme, host, "") + ":", effective == usual, false},

		{"another host", at(scheme, elsewhere, port), false, false},
		{"another port", at(scheme, host, strconv.Itoa(number%65535+1)), false, false},
		{"another scheme", at(otherScheme, host, port), false, false},
		{"another scheme at the same port", at(otherScheme, host, effective), false, false},
		{"a longer name", at(scheme, strings.ReplaceAll(host, ":", "-")+"."+elsewhere, port), false, false},
		{"the host as user information", strings.Replace(at(scheme, elsewhere, port), "://", "://"+url.User(host).String()+"@", 1), false, false},
		{"the host and port as user information", strings.Replace(at(scheme, elsewhere, port), "://", "://"+url.UserPassword(host, effective).String()+"@", 1), false, false},
		{"the origin in the path", at(scheme, elsewhere, port) + "/" + at(scheme, host, port), false, false},
		{"an IPv6 address", at(scheme, "2001:db8::ffff:7", port), false, false},
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Is4() {
			list = append(list, place{"an IPv6 address that maps the IPv4 one", at(scheme, "::ffff:"+host, port), false, false})
		}
		return list
	}
	if _, parent, ok := strings.Cut(host, "."); ok {
		list = append(list, place{"the parent domain", at(scheme, parent, port), false, false})
	}
	return append(list,
		place{"a subdomain", at(scheme, "sub."+host, port), false, false},
		place{"a trailing dot", at(scheme, host+".", port), false, false},
		place{"a look-alike", at(scheme, lookAlike.Replace(host), port), lookAlike.Replace(host) == host, false},
		place{"punycode", at(scheme, "xn--"+host, port), false, false},
	)
}

func hostport(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" {
		port = ":" + port
	}
	return host + port
}

// lookAlike puts Cyrillic letters in the place of Latin ones.
var lookAlike = strings.NewReplacer("a", "\u0430", "e", "\u0435", "o", "\u043e", "p", "\u0440", "c", "\u0441", "x", "\u0445")

func testOrigins(s *suite) error {
	return s.each(func(p sample) error {
		for _, to := range places(p.proto.URL) {
			u, err := url.Parse(to.url + p.proto.URL.RequestURI())
			if err != nil {
				return err
			}
			if err := s.sendTo(p, to.same, func(r *http.Request) { *r.URL, r.Host = *u, "" }); err != nil {
				return fmt.Errorf("%s, %s: %w", to.name, to.url, err)
			}
		}
		for _, c := range []struct {
			name   string
			change func(*http.Request)
		}{
			{"a Host that is another", func(r *http.Request) { r.Host = elsewhere }},
			{"a Host with another port", func(r *http.Request) { r.Host = hostport(r.URL.Hostname(), "1") }},
			{"a Host with a trailing dot", func(r *http.Request) { r.Host = r.URL.Host + "." }},
			{"an opaque URL with another host", func(r *http.Request) { r.URL.Opaque = "//" + elsewhere + r.URL.Path }},
			{"an opaque URL that is a path", func(r *http.Request) { r.URL.Opaque = "/authtest" }},
		} {
			if err := s.sendTo(p, false, c.change); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
		return nil
	})
}

// sendTo sends a request that has been changed. It may be refused; if it is not, it
// must be authenticated at the same origin, and as it is elsewhere.
func (s *suite) sendTo(p sample, same bool, change func(*http.Request)) error {
	m, plain := s.memory(), s.memory()
	var to string
	m.before = func(sent *http.Request) error { to = sent.URL.String(); return nil }
	req := p.request()
	change(req)
	if _, err := roundTrip(s.wrap(m), req); err != nil {
		if len(m.take()) > 0 {
			return fmt.Errorf("it is sent, and refused: %w", err)
		}
		return nil
	}
	if same {
		_, err := m.takeOne(p)
		return err
	}
	unsigned := p.request()
	change(unsigned)
	if _, err := roundTrip(plain, unsigned); err != nil {
		return err
	}
	want, got := plain.take(), m.take()
	if len(got) != 1 || to != unsigned.URL.String() || !equal(got[0], want[0]) {
		return errors.New("it is sent, and not as it is")
	}
	return nil
}

func equal(a, b arrival) bool {
	return a.request.Method == b.request.Method && a.request.RequestURI == b.request.RequestURI && a.request.Host == b.request.Host &&
		reflect.DeepEqual(a.request.Header, b.request.Header) && a.request.ContentLength == b.request.ContentLength && bytes.Equal(a.body, b.body)
}

func testRedirects(s *suite) error {
	m := s.memory()
	if err := s.redirects(&m.site, s.wrap(m), func(place) bool { return true }); err != nil {
		return err
	}
	for _, http2 := range []bool{false, true} {
		l := s.loopback(http2)
		defer l.close()
		few := func(to place) bool { return to.plain || to.name == "another host" }
		if err := s.redirects(&l.site, s.wrap(l.transport), few); err != nil {
			return fmt.Errorf("over a connection: %w", err)
		}
	}
	return nil
}

// redirects has requests redirected from the origin to the places that are chosen,
// and from those to the origin.
func (s *suite) redirects(at *site, rt http.RoundTripper, choose func(place) bool) error {
	return s.each(func(p sample) error {
		list := places(p.proto.URL)
		origin := list[0]
		for _, status := range []int{301, 302, 303, 307, 308} {
			for _, to := range append(list,
				place{"a path", "", true, true},
				place{"another host without a scheme", "//" + elsewhere, false, false},
				place{"an opaque URL", p.proto.URL.Scheme + ":" + elsewhere, false, false},
			) {
				if !choose(to) {
					continue
				}
				if err := redirect(at, rt, p, status, origin, to); err != nil {
					return fmt.Errorf("a %d to %s, %s: %w", status, to.name, to.url, err)
				}
			}
			for _, from := range list {
				if from.same || !choose(from) || status != 302 && status != 307 {
					continue
				}
				if err := redirect(at, rt, p, status, from, origin); err != nil {
					return fmt.Errorf("a %d from %s, %s: %w", status, from.name, from.url, err)
				}
			}
		}
		return nil
	})
}

// redirect sends p to a place that redirects it to another.
func redirect(at *site, rt http.RoundTripper, p sample, status int, from, to place) error {
	at.answer = func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n > 1 {
			return false
		}
		w.Header().Set("Location", to.url+p.proto.URL.RequestURI())
		w.WriteHeader(status)
		return true
	}
	req := p.request()
	u, err := url.Parse(from.url + p.proto.URL.RequestURI())
	if err != nil {
		return err
	}
	req.URL, req.Host = u, ""
	resp, err := (&http.Client{Transport: rt}).Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	got := at.take()
	if from.same {
		if len(got) == 0 {
			return fmt.Errorf("the request is not sent: %w", err)
		}
		if err := got[0].check(p); err != nil {
			return err
		}
	}
	keeps := status > 303 || p.proto.Method == http.MethodGet || p.proto.Method == http.MethodHead
	switch {
	case len(got) > 2:
		return fmt.Errorf("the request is sent %d times", len(got))
	case len(got) == 2 && !(from.same && to.same):
		return errors.New("it is followed")
	case len(got) == 2 && got[1].request.Method != got[0].request.Method:
		return fmt.Errorf("the request is sent again, as %s", got[1].request.Method)
	case len(got) == 2:
		return got[1].check(p)
	case from.plain && to.plain && keeps:
		return fmt.Errorf("it is not followed: %v", err)
	}
	return nil
}
