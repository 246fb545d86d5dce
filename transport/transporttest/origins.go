package transporttest

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
	"slices"
	"strconv"
	"strings"

	"github.com/countersign/countersign/auth"
)

// elsewhere is a host that is not the gateway's.
const elsewhere = "elsewhere.test"

// A place is somewhere that requests may go.
type place struct {
	name, url string // up to the path
	same      bool   // it is the requests' origin
	plain     bool   // in a spelling that everybody must know

	change func(*http.Request) // of a request that goes there; nil for none
}

// request returns a new copy of p that goes to the place.
func (to place) request(p sample) (*http.Request, error) {
	u, err := url.Parse(to.url + p.proto.URL.RequestURI())
	if err != nil {
		return nil, err
	}
	req := p.request()
	req.URL, req.Host = u, ""
	if to.change != nil {
		to.change(req)
	}
	return req, nil
}

// places lists where requests may go: the origin of u and others that look like it.
// A RoundTripper that takes two of them for the origin is told about the first, so
// that what looks like the whole origin stands before what looks like a part of it.
func places(u *url.URL) []place {
	scheme, host, port := u.Scheme, u.Hostname(), u.Port()
	otherScheme, usual := "http", "443"
	if scheme == "http" {
		otherScheme, usual = "https", "80"
	}
	at := func(scheme, host, port string) string { return scheme + "://" + hostport(host, port) }
	as := func(user *url.Userinfo, host string) string {
		return scheme + "://" + user.String() + "@" + hostport(host, port)
	}
	origin, effective := at(scheme, host, port), cmp.Or(port, usual)
	number, _ := strconv.Atoi(effective)
	list := []place{
		{name: "the same origin", url: origin, same: true, plain: true},
		{name: "user information", url: as(url.UserPassword("user", "password"), host), same: true},
		{name: "an upper-case host", url: at(scheme, strings.ToUpper(host), port), same: true},
		{name: "the scheme's own port written out", url: at(scheme, host, usual), same: effective == usual},
		{name: "no port", url: at(scheme, host, ""), same: effective == usual},
		{name: "an empty port", url: at(scheme, host, "") + ":", same: effective == usual},

		{name: "another host", url: at(scheme, elsewhere, port)},
		{name: "the origin in the path", url: at(scheme, elsewhere, port) + "/" + origin},
		{name: "the host as user information", url: as(url.User(host), elsewhere)},
		{name: "the host and port as user information", url: as(url.UserPassword(host, effective), elsewhere)},
		{name: "a longer name", url: at(scheme, strings.ReplaceAll(host, ":", "-")+"."+elsewhere, port)},
		{name: "another port", url: at(scheme, host, strconv.Itoa(number%65535+1))},
		{name: "another scheme", url: at(otherScheme, host, port)},
		{name: "another scheme at the same port", url: at(otherScheme, host, effective)},
		{name: "an IPv6 address", url: at(scheme, "2001:db8::ffff:7", port)},
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		list = append(list,
			place{name: "a name with the same end", url: at(scheme, "not-"+host, port)},
			place{name: "a subdomain", url: at(scheme, "sub."+host, port)},
			place{name: "a trailing dot", url: at(scheme, host+".", port)},
			place{name: "a look-alike", url: at(scheme, lookAlike.Replace(host), port), same: lookAlike.Replace(host) == host},
			place{name: "punycode", url: at(scheme, "xn--"+host, port)},
		)
		if _, parent, ok := strings.Cut(host, "."); ok {
			list = append(list, place{name: "the parent domain", url: at(scheme, parent, port)})
		}
	case ip.Is4():
		list = append(list, place{name: "an IPv6 address that maps the IPv4 one", url: at(scheme, "::ffff:"+host, port)})
	}
	return append(list,
		place{name: "another Host", url: origin, change: func(r *http.Request) { r.Host = elsewhere }},
		place{name: "a Host with another port", url: origin, change: func(r *http.Request) { r.Host = hostport(host, "1") }},
		place{name: "a Host with a trailing dot", url: origin, change: func(r *http.Request) { r.Host = hostport(host+".", port) }},
		place{name: "another host, with the origin's Host", url: at(scheme, elsewhere, port), change: func(r *http.Request) { r.Host = u.Host }},
		place{name: "an opaque URL with another host", url: origin, change: func(r *http.Request) { r.URL.Opaque = "//" + elsewhere + r.URL.Path }},
		place{name: "an opaque URL that is a path", url: origin, change: func(r *http.Request) { r.URL.Opaque = "/transporttest" }},
	)
}

// places lists them without other origins of the Authenticator.
func (s *suite) places(u *url.URL) []place {
	return slices.DeleteFunc(places(u), func(to place) bool {
		there, err := url.Parse(to.url)
		return err == nil && !to.same && to.change == nil && slices.Contains(s.origins, auth.OriginOf(there))
	})
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
	return s.withHeads(func(s *suite) error {
		return s.each(func(p sample) error {
			for _, to := range s.places(p.proto.URL) {
				if err := s.sendTo(p, to); err != nil {
					return fmt.Errorf("%s, %s: %w", to.name, to.url, err)
				}
			}
			return nil
		})
	})
}

// withHeads does a test with the samples, then with the HEAD of each GET, which
// programs send without a thought. Of other methods only the samples' are tested. A
// HEAD may be refused; if it is not, it must have credentials. They must be right
// if the gateway accepts them once: it may have no HEAD.
func (s *suite) withHeads(test func(*suite) error) error {
	if err := test(s); err != nil {
		return err
	}
	for _, p := range s.samples {
		if p.body != nil || cmp.Or(p.proto.Method, http.MethodGet) != http.MethodGet {
			continue
		}
		p.proto = p.proto.Clone(p.proto.Context())
		p.proto.Method, p.usual = http.MethodHead, arrival{}
		m, plain := s.memory(), s.memory()
		if _, err := s.roundTrip(s.wrap(m), p.request()); err == errHangs {
			return fmt.Errorf("%s: %w", p, err)
		} else if err != nil {
			continue
		}
		if _, err := s.roundTrip(plain, p.request()); err != nil {
			return err
		}
		heads := *s
		heads.samples = []sample{p}
		got := m.take()
		if len(got) == 0 {
			return fmt.Errorf("%s: it does not arrive", p)
		}
		if last := got[len(got)-1]; last.check(p) != nil {
			if equal(last, plain.take()[0]) {
				return fmt.Errorf("%s: it is sent without credentials", p)
			}
			if err := s.judge(p, &last, p.request()); err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
			heads.gateway = acceptHeads(s.gateway)
		}
		if err := test(&heads); err != nil {
			return err
		}
	}
	return nil
}

func acceptHeads(gateway http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			gateway.ServeHTTP(w, r)
		}
	})
}

// sendTo sends a request to a place. It may be refused; if it is not, it must be
// authenticated at the same origin, and as it is elsewhere.
func (s *suite) sendTo(p sample, to place) error {
	m, plain := s.memory(), s.memory()
	var target string
	m.before = func(sent *http.Request) error { target = sent.URL.String(); return nil }
	req, err := to.request(p)
	if err != nil {
		return err
	}
	if _, err := s.roundTrip(s.wrap(m), req); err != nil {
		if err == errHangs {
			return err
		}
		if len(m.take()) > 0 {
			return fmt.Errorf("it is sent, and refused: %w", err)
		}
		return nil
	}
	if to.same {
		_, err := m.takeOne(p)
		return err
	}
	unsigned, err := to.request(p)
	if err != nil {
		return err
	}
	if _, err := s.roundTrip(plain, unsigned); err != nil {
		return err
	}
	want, got := plain.take(), m.take()
	if len(got) != 1 || target != unsigned.URL.String() || !equal(got[0], want[0]) {
		return errors.New("it is sent, and not as it is")
	}
	return nil
}

func equal(a, b arrival) bool {
	return a.request.Method == b.request.Method && a.request.RequestURI == b.request.RequestURI && a.request.Host == b.request.Host &&
		reflect.DeepEqual(a.request.Header, b.request.Header) && a.request.ContentLength == b.request.ContentLength && bytes.Equal(a.body, b.body)
}

func testRedirects(s *suite) error {
	return s.withHeads(func(s *suite) error {
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
	})
}

// redirects has requests redirected from the origin to the places that are chosen,
// and from those to the origin.
func (s *suite) redirects(at *site, rt http.RoundTripper, choose func(place) bool) error {
	return s.each(func(p sample) error {
		list := s.places(p.proto.URL)
		origin := list[0]
		for _, status := range []int{301, 302, 303, 307, 308} {
			for _, to := range append(list,
				place{name: "a path", same: true, plain: true},
				place{name: "another host without a scheme", url: "//" + elsewhere},
				place{name: "an opaque URL", url: p.proto.URL.Scheme + ":" + elsewhere},
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
	req, err := from.request(p)
	if err != nil {
		return err
	}
	client := http.Client{Transport: rt, CheckRedirect: func(hop *http.Request, _ []*http.Request) error {
		if to.change != nil {
			to.change(hop)
		}
		return nil
	}}
	err = at.suite.patiently(func() error {
		resp, err := client.Do(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return err
	})
	if err == errHangs {
		return err
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
