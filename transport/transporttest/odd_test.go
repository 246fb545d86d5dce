package transporttest_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/transport/transporttest"
)

// An ownAuth is a scheme of somebody's own.
type ownAuth struct {
	last string // what some show
	f    func(a *ownAuth, req *http.Request) error
}

func (*ownAuth) Origins() []auth.Origin { return originsOfAPI }

func (a *ownAuth) Authenticate(req *http.Request, _ http.RoundTripper) error { return a.f(a, req) }

// A redacting ownAuth is an auth.Redactor.
type redacting struct {
	*ownAuth
	redact func(string) string
}

func (a redacting) Redact(_ *http.Request, location string) string { return a.redact(location) }

var originsOfAPI = func() []auth.Origin {
	o, err := auth.ParseOrigin(api, false)
	if err != nil {
		panic(err)
	}
	return []auth.Origin{o}
}()

// by makes an Authenticator with a Signature.
func by(f func(req *http.Request) error) auth.Authenticator {
	return &ownAuth{f: func(_ *ownAuth, req *http.Request) error { return f(req) }}
}

// signing signs, after another has read the body and before another sets the
// signature.
func signing(read func(*http.Request) ([]byte, error), set func(req *http.Request, value string)) auth.Authenticator {
	return by(func(req *http.Request) error {
		b, err := read(req)
		if err != nil {
			return err
		}
		set(req, signature(cmp.Or(req.Method, http.MethodGet), req.URL.RequestURI(), b))
		return nil
	})
}

func readBody(req *http.Request) ([]byte, error) { return scheme.Body(req, 1<<20) }

func setSignature(req *http.Request, value string) { scheme.SetHeader(req, "Signature", value) }

// reading is what reads a body by itself, and refuses nothing but a trailer, and an
// encoding if it is strict.
func readingBy(strict bool, read func(req *http.Request) ([]byte, error)) func(*http.Request) ([]byte, error) {
	return func(req *http.Request) ([]byte, error) {
		if req.Trailer != nil || strict && (req.Header.Get("Content-Encoding") != "" || len(req.Header[strings.ToLower("Content-Encoding")]) > 0) {
			return nil, errOther
		}
		if req.Body == nil || req.Body == http.NoBody {
			return nil, nil
		}
		b, err := read(req)
		if err != nil {
			return nil, err
		}
		if err := req.Body.Close(); err != nil {
			req.Body = http.NoBody
			return nil, err
		}
		scheme.SetBody(req, b)
		return b, nil
	}
}

// unmac cuts the MACs off, of names as they are written.
func unmac(parameters string, isMAC func(name string) bool) string {
	var kept []string
	for pair := range strings.SplitSeq(parameters, "&") {
		if name, _, _ := strings.Cut(pair, "="); pair != "" && !isMAC(name) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

func decodesToMAC(name string) bool {
	decoded, err := url.QueryUnescape(name)
	return err == nil && decoded == "mac"
}

func mac(parameters string) string {
	return strings.TrimPrefix(parameters+"&mac="+signature("", "", []byte(parameters)), "&")
}

// maccing puts a MAC behind a form, or behind the query where there is none.
func maccing(isMAC func(string) bool, edit func(string) (string, error)) auth.Authenticator {
	return by(func(req *http.Request) error {
		b, err := readBody(req)
		if err != nil {
			return err
		}
		form := strings.HasPrefix(req.Header.Get("Content-Type"), formType)
		if len(b) > 0 && (!form || req.Method == http.MethodGet) {
			return errOther
		}
		parameters, err := edit(unmac(cmp.Or(string(b), req.URL.RawQuery), isMAC))
		if err != nil {
			return err
		}
		if len(b) > 0 {
			scheme.SetBody(req, []byte(mac(parameters)))
		} else {
			req.URL.RawQuery = mac(parameters)
		}
		return nil
	})
}

func asItIs(parameters string) (string, error) { return parameters, nil }

// macGateway verifies the MAC of a form, or of the query where there is none.
func macGateway(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	parameters := cmp.Or(string(body), r.URL.RawQuery)
	i := strings.LastIndex("&"+parameters, "&mac=")
	if i < 0 || parameters != mac(strings.TrimSuffix(parameters[:i], "&")) {
		http.Error(w, "wrong credentials", http.StatusUnauthorized)
	}
}

// jsonGateway wants a key in a JSON object.
func jsonGateway(w http.ResponseWriter, r *http.Request) {
	var object struct{ Key string }
	if json.NewDecoder(r.Body).Decode(&object) != nil || object.Key != "test-key" {
		w.WriteHeader(http.StatusUnauthorized)
	}
}

// keyed puts a key into a JSON object, and takes out those that it sees.
func keyed(seen *regexp.Regexp) auth.Authenticator {
	return by(func(req *http.Request) error {
		b, err := readBody(req)
		if err != nil {
			return err
		}
		if req.Header.Get("Content-Type") != jsonType {
			return errOther
		}
		inner := strings.Trim(seen.ReplaceAllString(string(b), ""), "{}, ")
		scheme.SetBody(req, []byte("{"+inner+`,"key":"test-key"}`))
		return nil
	})
}

// without cuts out what matches.
func without(pattern string) func(string) string {
	return func(location string) string {
		return regexp.MustCompile(pattern).ReplaceAllString(location, "")
	}
}

func form(t *testing.T) *http.Request {
	return request(t, "POST", api+"/payments", formType, "amount=100&purpose=books")
}

func TestOwnSchemesKeepTheContract(t *testing.T) {
	redact := func(location string) string { return scheme.RedactParameters(location, "mac") }
	for name, c := range map[string]struct {
		a        auth.Authenticator
		gateway  http.HandlerFunc
		requests []*http.Request
	}{
		"a signature":            {signing(readBody, setSignature), signerGateway, []*http.Request{payment(t), list(t)}},
		"a MAC":                  {redacting{maccing(decodesToMAC, asItIs).(*ownAuth), redact}, macGateway, []*http.Request{form(t), list(t)}},
		"a key in a JSON object": {keyed(regexp.MustCompile(`"(k|\\u006b)ey":"[^"]*",?`)), jsonGateway, []*http.Request{payment(t)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.NoError(t, transporttest.TestAuthenticator(c.a, c.gateway, c.requests...))
		})
	}
}

// oddFaults are what is wrong with schemes, and shows with requests that few
// programs make, and in what is shown.
var oddFaults = []struct {
	rules, name, want string
	a                 auth.Authenticator
}{
	{"length", "signs a short body as a whole one", "a body that is shorter than it says: of 14 bytes, where ContentLength says 15, 14 are sent as a whole body: refuse it",
		signing(readingBy(true, func(req *http.Request) ([]byte, error) { return io.ReadAll(io.LimitReader(req.Body, 1<<20)) }), setSignature)},
	{"failing body,length", "cuts a long body", "a body that is longer than it says: of 15 bytes, where ContentLength says 14, 14 are sent as a whole body: refuse it",
		signing(readingBy(true, func(req *http.Request) ([]byte, error) {
			if req.ContentLength < 0 {
				return io.ReadAll(io.LimitReader(req.Body, 1<<20))
			}
			b := make([]byte, req.ContentLength)
			_, err := io.ReadFull(req.Body, b)
			return b, err
		}), setSignature)},
	{"length", "reads a body without an end", "64 MiB of it are read: give what is held in memory a limit",
		signing(func(req *http.Request) ([]byte, error) { return scheme.Body(req, 1<<30) }, setSignature)},
	{"encoding", "signs what is compressed", "a body with Content-Encoding: gzip: it is read before it is sent: refuse it, as scheme.Body does",
		signing(readingBy(false, func(req *http.Request) ([]byte, error) {
			b, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
			if err == nil && req.ContentLength > 0 && int64(len(b)) != req.ContentLength {
				err = errOther
			}
			return b, err
		}), setSignature)},
	{"encoding", "unpacks what is compressed", "it is read before it is sent", by(func(req *http.Request) error {
		if req.Header.Get("Content-Encoding") != "" {
			b, _ := io.ReadAll(req.Body)
			req.Body.Close()
			scheme.SetBody(req, b)
			req.Header.Del("Content-Encoding")
		}
		delete(req.Header, "content-encoding")
		b, err := readBody(req)
		setSignature(req, signature(cmp.Or(req.Method, http.MethodGet), req.URL.RequestURI(), b))
		return err
	})},
	{"encoding", "renames an encoding", "it is sent, and not as it is", by(func(req *http.Request) error {
		scheme.SetHeader(req, "Key", "test-key")
		for key := range req.Header {
			if strings.EqualFold(key, "Content-Encoding") {
				req.Header[key] = []string{"identity"}
			}
		}
		return nil
	})},
	{"encoding", "drops the body of a GET", "GET /payments: with a body of the type ", by(func(req *http.Request) error {
		b, err := readBody(req)
		if req.Method == http.MethodGet {
			b = nil
			scheme.SetBody(req, nil)
		}
		setSignature(req, signature(cmp.Or(req.Method, http.MethodGet), req.URL.RequestURI(), b))
		return err
	})},
	{"encoding", "does not sign the body of a GET", "the gateway takes it for one without credentials, and answers 401 Unauthorized: wrong credentials: authenticate the request as it is sent, or refuse it", by(func(req *http.Request) error {
		b, err := readBody(req)
		if req.Method == http.MethodGet {
			b = nil
		}
		setSignature(req, signature(cmp.Or(req.Method, http.MethodGet), req.URL.RequestURI(), b))
		return err
	})},
	{"encoding", "does not send a body of another type", `a body of the type "application/octet-stream": the body does not arrive`, by(func(req *http.Request) error {
		b, err := readBody(req)
		if req.Header.Get("Content-Type") == "application/octet-stream" {
			b = nil
			scheme.SetBody(req, nil)
		}
		setSignature(req, signature(cmp.Or(req.Method, http.MethodGet), req.URL.RequestURI(), b))
		return err
	})},
	{"spelling", "signs the decoded path", "an escaped letter in the path: the gateway takes it for one without credentials", by(func(req *http.Request) error {
		b, err := readBody(req)
		target := &url.URL{Path: req.URL.Path, RawQuery: req.URL.RawQuery, ForceQuery: req.URL.ForceQuery}
		setSignature(req, signature(cmp.Or(req.Method, http.MethodGet), target.RequestURI(), b))
		return err
	})},
	{"spelling", "sends the decoded path", "an escaped letter in the path: the path arrives as /payments, want /payment%73", by(func(req *http.Request) error {
		req.URL.RawPath = ""
		return signing(readBody, setSignature).Authenticate(req, nil)
	})},
	{"spelling", "does not sign an empty query", "an empty query: the gateway takes it for one without credentials", by(func(req *http.Request) error {
		b, err := readBody(req)
		setSignature(req, signature(cmp.Or(req.Method, http.MethodGet), strings.TrimSuffix(req.URL.RequestURI(), "?"), b))
		return err
	})},
	{"spelling", "signs no method", "GET /payments: no method: the gateway takes it for one without credentials", by(func(req *http.Request) error {
		b, err := readBody(req)
		setSignature(req, signature(req.Method, req.URL.RequestURI(), b))
		return err
	})},
	{"spelling", "signs the fragment", "a fragment: the gateway takes it for one without credentials", by(func(req *http.Request) error {
		b, err := readBody(req)
		setSignature(req, signature(cmp.Or(req.Method, http.MethodGet), req.URL.RequestURI()+req.URL.Fragment, b))
		return err
	})},
	{"origins,redirects", "signs GET for HEAD", "HEAD /payments: the gateway takes it for one without credentials", by(func(req *http.Request) error {
		b, err := readBody(req)
		setSignature(req, signature(strings.Replace(cmp.Or(req.Method, http.MethodGet), http.MethodHead, http.MethodGet, 1), req.URL.RequestURI(), b))
		return err
	})},
	{"stale", "sets the one spelling", `the caller has set the field "signature": Signature arrives 2 times, want 1: take out every spelling of the name, as scheme.SetHeader does`,
		signing(readBody, func(req *http.Request, value string) { req.Header.Set("Signature", value) })},
	{"stale", "knows letter case alone", `the caller has set the field "X_Key": X-Key arrives 2 times, want 1`, by(func(req *http.Request) error {
		scheme.SetHeader(req, "Key", "test-key")
		for key := range req.Header {
			if strings.EqualFold(key, "X-Key") {
				delete(req.Header, key)
			}
		}
		req.Header.Set("X-Key", "test-key")
		return nil
	})},
	{"time", "reads the clock once", "Stamp has the time ", func() auth.Authenticator {
		now := time.Now().Unix()
		return by(func(req *http.Request) error {
			scheme.SetHeader(req, "Key", "test-key")
			scheme.SetHeader(req, "Stamp", fmt.Sprintf("t=%d", now))
			return nil
		})
	}()},
	{"errors", "names the key", `the error shows "test-key", which the RoundTripper adds to the header`, by(func(req *http.Request) error {
		scheme.SetHeader(req, "Key", "test-key")
		if err := req.Context().Err(); err != nil {
			return fmt.Errorf("with test-key: %w", err)
		}
		return nil
	})},
	{"length,encoding,errors", "quotes the body", "the error quotes the body: name what is wrong, and no value", by(func(req *http.Request) error {
		get := req.GetBody
		b, err := readBody(req)
		if err != nil {
			if get == nil {
				return err
			}
			whole, _ := get()
			text, _ := io.ReadAll(whole)
			whole.Close()
			return fmt.Errorf("%q: %w", text, err)
		}
		setSignature(req, signature(cmp.Or(req.Method, http.MethodGet), req.URL.RequestURI(), b))
		return nil
	})},
	{"printing", "keeps a token in a string", "%v of the Authenticator shows the Key that it adds to the header: keep it in an auth.Secret or a scheme.Keeper", &ownAuth{last: "test-key", f: func(a *ownAuth, req *http.Request) error {
		scheme.SetHeader(req, "Key", "test-key")
		return nil
	}}},
}

func TestOddRequestsBreakSchemes(t *testing.T) {
	for _, c := range oddFaults {
		t.Run(c.rules+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			assertBroken(t, c.rules, c.want, transporttest.TestAuthenticator(c.a, http.HandlerFunc(signerGateway), payment(t), list(t)))
		})
	}
}

func TestAnErrorThatQuotesTheQueryIsSeen(t *testing.T) {
	quoting := by(func(req *http.Request) error {
		scheme.SetHeader(req, "Key", "test-key")
		if err := req.Context().Err(); err != nil {
			return fmt.Errorf("%s: %w", req.URL, err)
		}
		return nil
	})
	search := request(t, "GET", api+"/payments?customer=somebody-1", "", "")
	assertBroken(t, "errors", "the error quotes a parameter's value: its name is enough",
		transporttest.TestAuthenticator(quoting, http.HandlerFunc(signerGateway), payment(t), search))
}

func TestOddParametersBreakSchemes(t *testing.T) {
	parsed := func(change func(url.Values)) func(string) (string, error) {
		return func(parameters string) (string, error) {
			values, _ := url.ParseQuery(parameters)
			change(values)
			return values.Encode(), nil
		}
	}
	redact := func(location string) string { return scheme.RedactParameters(location, "mac") }
	for _, c := range []struct {
		rules, name, want string
		isMAC             func(string) bool
		edit              func(string) (string, error)
		redact            func(string) string
	}{
		{"spelling", "drops what is malformed", "a malformed parameter: the parameter does not arrive as it is: refuse it, or pass it on byte for byte", decodesToMAC, parsed(func(url.Values) {}), redact},
		{"spelling", "quotes what is malformed", "a malformed parameter: the error quotes a parameter's value: its name is enough", decodesToMAC, func(parameters string) (string, error) {
			if _, err := url.ParseQuery(parameters); err != nil {
				return "", errors.New(parameters)
			}
			return parameters, nil
		}, redact},
		{"spelling", "sends one value", `a parameter given twice: it arrives as ["transporttest=1"]: refuse it, or pass it on`, decodesToMAC, func(parameters string) (string, error) {
			return strings.Replace(parameters, "transporttest=1&transporttest=2", "transporttest=1", 1), nil
		}, redact},
		{"stale", "knows one spelling", "the caller has set %6dac=stale in the form: mac arrives 2 times, want 1: take out what decodes to the name", func(name string) bool { return name == "mac" }, asItIs, redact},
		{"errors", "redacts nothing", "GET /payments: a redirect repeats the query, and the client's error shows the mac in it: be an auth.Redactor, as by scheme.RedactParameters", decodesToMAC, asItIs, func(location string) string { return location }},
		{"errors", "redacts no URL within a URL", "in?to=https%3A%2F%2Felsewhere.test", decodesToMAC, asItIs, without(`mac=[0-9a-f]*`)},
		{"errors", "redacts no URL within that", "in?to=%2Fin%3Fto%3Dhttps%253A", decodesToMAC, asItIs, without(`mac(=|%3D)[0-9a-f]*`)},
		{"errors", "redacts no fragment", "/in#page=2&mac=", decodesToMAC, asItIs, func(location string) string {
			before, fragment, found := strings.Cut(location, "#")
			return redact(before) + map[bool]string{true: "#" + fragment}[found]
		}},
		{"errors", "does not know semicolons", "/in?transporttest=1;mac=", decodesToMAC, asItIs, func(location string) string {
			if strings.Contains(location, ";") {
				return location
			}
			return redact(location)
		}},
	} {
		t.Run(c.rules+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			a := redacting{maccing(c.isMAC, c.edit).(*ownAuth), c.redact}
			assertBroken(t, c.rules, c.want, transporttest.TestAuthenticator(a, http.HandlerFunc(macGateway), form(t), list(t)))
		})
	}
	assertBroken(t, "stale", `the caller has set "\u006bey":"stale" in the JSON object: key arrives 2 times, want once`,
		transporttest.TestAuthenticator(keyed(regexp.MustCompile(`"key":"[^"]*",?`)), http.HandlerFunc(jsonGateway), payment(t)))
}
