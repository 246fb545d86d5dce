package transport_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

// A learner numbers its turns. It takes a 401 for proof.
type learner struct {
	t        *testing.T
	origin   auth.Origin
	turns    int
	failAt   int // the turn in which Authenticate fails
	rewrites bool
}

var errTurn = &auth.Error{Op: "log in", Code: auth.ErrSecret, Err: errors.New("refused")}

func (l *learner) Origins() []auth.Origin { return []auth.Origin{l.origin} }

func (l *learner) Authenticate(req *http.Request, base http.RoundTripper) error {
	l.turns++
	assert.NotNil(l.t, base)
	assert.Empty(l.t, req.Header.Get("X-Turn"), "a turn begins with what an earlier one has left")
	req.Header.Set("X-Turn", fmt.Sprint(l.turns))
	req.URL.RawQuery = fmt.Sprint("turn=", l.turns)
	if l.turns == l.failAt {
		return errTurn
	}
	if l.rewrites && req.Body != nil {
		b, err := io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return err
		}
		b = fmt.Append(b, "&turn=", l.turns)
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	}
	return nil
}

func (l *learner) Refused(req *http.Request, resp *http.Response) bool {
	assert.Equal(l.t, fmt.Sprint(l.turns), req.Header.Get("X-Turn"), "Refused gets the request as Authenticate left it")
	return resp.StatusCode == 401
}

// trackedAnswer is a response's body of a given length.
type trackedAnswer struct {
	trackedBody
	read int
}

func (a *trackedAnswer) Read(p []byte) (int, error) {
	n, err := a.trackedBody.Read(p)
	a.read += n
	return n, err
}

func TestLearnersGetASecondTurn(t *testing.T) {
	const content = "title=x"
	errAgain := errors.New("the file is gone")
	bodies := map[string]func(t *testing.T, req *http.Request) []*trackedBody{
		"no body":     func(*testing.T, *http.Request) []*trackedBody { return nil },
		"http.NoBody": func(_ *testing.T, r *http.Request) []*trackedBody { r.Body = http.NoBody; return nil },
		"replayable": func(_ *testing.T, r *http.Request) []*trackedBody {
			first, second := &trackedBody{Reader: strings.NewReader(content)}, &trackedBody{Reader: strings.NewReader(content)}
			r.Body, r.ContentLength = first, int64(len(content))
			given := false
			r.GetBody = func() (io.ReadCloser, error) {
				if given {
					t.Error("GetBody is called more than once")
				}
				given = true
				return second, nil
			}
			return []*trackedBody{first, second}
		},
		"not replayable": func(_ *testing.T, r *http.Request) []*trackedBody {
			body := &trackedBody{Reader: strings.NewReader(content)}
			r.Body, r.ContentLength = body, int64(len(content))
			return []*trackedBody{body}
		},
		"GetBody fails": func(_ *testing.T, r *http.Request) []*trackedBody {
			body := &trackedBody{Reader: strings.NewReader(content)}
			r.Body, r.ContentLength = body, int64(len(content))
			r.GetBody = func() (io.ReadCloser, error) { return nil, errAgain }
			return []*trackedBody{body}
		},
	}
	for _, c := range []struct {
		name    string
		body    string
		answers []int // statuses, in order; 0 for an error of the base
		failAt  int
		turns   int
		want    int   // status
		err     error // instead
	}{
		{"accepted at once", "replayable", []int{200}, 0, 1, 200, nil},
		{"refused for another reason", "replayable", []int{403}, 0, 1, 403, nil},
		{"refused, then accepted", "replayable", []int{401, 200}, 0, 2, 200, nil},
		{"refused, then accepted, without a body", "no body", []int{401, 200}, 0, 2, 200, nil},
		{"refused, then accepted, with http.NoBody", "http.NoBody", []int{401, 200}, 0, 2, 200, nil},
		{"refused twice: there is no third turn", "replayable", []int{401, 401, 200}, 0, 2, 401, nil},
		{"a body that is gone allows no second turn", "not replayable", []int{401, 200}, 0, 1, 401, nil},
		{"a body that cannot be had again keeps the first answer", "GetBody fails", []int{401, 200}, 0, 1, 401, nil},
		{"an error of the base is no refusal", "replayable", []int{0, 200}, 0, 1, 0, errBase},
		{"an error of the base in the second turn", "replayable", []int{401, 0}, 0, 2, 0, errBase},
		{"failing to authenticate", "replayable", nil, 1, 1, 0, errTurn},
		{"failing to authenticate in the second turn", "replayable", []int{401, 200}, 2, 2, 0, errTurn},
	} {
		for _, perRequest := range []bool{false, true} {
			for _, rewrites := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/per request %v/rewrites %v", c.name, perRequest, rewrites), func(t *testing.T) {
					var answers []*trackedAnswer
					base := &stub{respond: func(r *http.Request) (*http.Response, error) {
						status := c.answers[len(answers)]
						answer := &trackedAnswer{trackedBody: trackedBody{Reader: strings.NewReader("the answer")}}
						answers = append(answers, answer)
						if status == 0 {
							return nil, errBase
						}
						return &http.Response{StatusCode: status, Header: http.Header{}, Body: answer, Request: r}, nil
					}}
					l := &learner{t: t, origin: originOf(t, "https://api.shop.test"), failAt: c.failAt, rewrites: rewrites}
					req := newRequest(t, "POST", "https://api.shop.test/", nil)
					var a auth.Authenticator = l
					if perRequest {
						a = auth.NewPerRequest(l.origin)
						req = req.WithContext(auth.WithAuthenticator(req.Context(), l))
					}
					tracked := bodies[c.body](t, req)
					before := snap(req)
					resp, err := newTransport(t, base, a).RoundTrip(req)

					before.assertUnchanged(t, req)
					assert.Equal(t, c.turns, l.turns, "turns")
					for i, body := range tracked {
						if i < c.turns {
							body.assertClosedOnce(t)
						}
					}
					for i, got := range base.got {
						assert.Equal(t, fmt.Sprint(i+1), got.Header.Get("X-Turn"))
						if c.body == "replayable" {
							want := content
							if rewrites {
								want += fmt.Sprint("&turn=", i+1)
							}
							assert.Equal(t, want, base.bodies[i], "the body of turn %d", i+1)
						}
					}
					last := len(answers) - 1
					if c.err != nil {
						assert.Nil(t, resp)
						assert.ErrorIs(t, err, c.err)
						if c.failAt == 2 {
							last = 1 // the first answer is no longer anybody's
						}
					} else {
						require.NoError(t, err)
						assert.Equal(t, c.want, resp.StatusCode)
						assert.Same(t, req, resp.Request)
						b, err := io.ReadAll(resp.Body)
						assert.NoError(t, err)
						assert.Equal(t, "the answer", string(b), "the answer is whole")
						assert.Zero(t, answers[last].closes, "the caller closes the answer")
					}
					for _, answer := range answers[:max(last, 0)] {
						answer.assertClosedOnce(t)
						assert.Equal(t, len("the answer"), answer.read, "an answer that nobody sees is drained")
					}
				})
			}
		}
	}
}

// What is drained to keep the connection is bounded.
func TestALongRefusalIsNotDrained(t *testing.T) {
	var answers []*trackedAnswer
	base := &stub{respond: func(r *http.Request) (*http.Response, error) {
		answer := &trackedAnswer{trackedBody: trackedBody{Reader: io.LimitReader(endless{}, 1<<30)}}
		answers = append(answers, answer)
		return &http.Response{StatusCode: 401, Header: http.Header{}, Body: answer, Request: r}, nil
	}}
	l := &learner{t: t, origin: originOf(t, "https://api.shop.test")}
	_, err := newTransport(t, base, l).RoundTrip(newRequest(t, "GET", "https://api.shop.test/", nil))
	require.NoError(t, err)
	require.Len(t, answers, 2)
	answers[0].assertClosedOnce(t)
	assert.LessOrEqual(t, answers[0].read, 1<<20)
	assert.Zero(t, answers[1].read)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// Over real connections, the second turn takes the connection of the first.
func TestTheSecondTurnReusesTheConnection(t *testing.T) {
	n := newNetwork(t)
	gateway := n.host("http://api.shop.test", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Turn") == "1" {
			w.WriteHeader(401)
			io.WriteString(w, strings.Repeat("refused ", 1000))
		}
	})
	l := &learner{t: t, origin: originOf(t, gateway.url), rewrites: true}
	client := &http.Client{Transport: newTransport(t, n.transport, l)}
	resp, err := client.Do(newRequest(t, "POST", gateway.url, strings.NewReader("a=b")))
	require.NoError(t, err)
	finish(t, resp)
	assert.Equal(t, 200, resp.StatusCode)
	got := gateway.take()
	require.Len(t, got, 2)
	assert.Equal(t, []string{"a=b&turn=1", "a=b&turn=2"}, []string{got[0].body, got[1].body})
	assert.Len(t, n.dialed, 1, "connections")
}

// One that is no Learner has one turn, whatever the answer.
func TestOthersGetOneTurn(t *testing.T) {
	for _, code := range []int{401, 403, 407, 408, 409, 425, 429, 500, 502, 503, 504} {
		base := &stub{respond: status(code)}
		resp, err := newTransport(t, base, shop(t, "https://api.shop.test", "example")).RoundTrip(postForm(t, "https://api.shop.test"))
		require.NoError(t, err)
		assert.Equal(t, code, resp.StatusCode)
		assert.Len(t, base.got, 1, "after %d", code)
	}
}

// A caller that has gone away gets no second turn over the network.
func TestACancelledContextEndsTheSecondTurn(t *testing.T) {
	n := newNetwork(t)
	ctx, cancel := context.WithCancel(t.Context())
	gateway := n.host("http://api.shop.test", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(401) })
	l := &learner{t: t, origin: originOf(t, gateway.url)}
	base := roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		resp, err := n.transport.RoundTrip(r)
		cancel()
		return resp, err
	})
	_, err := newTransport(t, base, l).RoundTrip(newRequest(t, "GET", gateway.url, nil).WithContext(ctx))
	assert.ErrorIs(t, err, context.Canceled)
	assert.Len(t, gateway.take(), 1)
}
