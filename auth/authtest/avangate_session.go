package authtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	vendor "github.com/countersign/countersign/internal/avangate"
)

const (
	// avangateSession is for how long a session lives from its login.
	avangateSession = 10 * time.Minute
	// maxSessions bounds the sessions that are remembered: the oldest one goes first.
	maxSessions = 1000
	// maxParameters bounds the parameters of a call; the vendor's methods have a dozen.
	maxParameters = 100
)

// An avangateSessionID is a session id and where it is valid.
type avangateSessionID struct{ id, path string }

// EndSessions ends all sessions before their time, as the gateway may: what comes
// with one of them is refused.
func (a *Avangate) EndSessions() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id := range a.sessions {
		a.sessions[id] = time.Time{}
	}
}

// A call is a method and its parameters, the session id among them: a string, or
// JSON or a soapValue as it came.
type call struct {
	method     string
	parameters []any
}

// A callResult is what came of one call: a value, or a refusal and its reason,
// which is not for the peer.
type callResult struct {
	value any
	refusal
	reason error
}

// A refusal is what the peer is told.
type refusal struct {
	rpc   vendor.RPCError
	fault string // SOAP's faultcode
	text  string
}

var (
	wrongLogin  = refusal{vendor.RPCForbidden, "AUTHENTICATION_FAILED", "Invalid hash provided or session expired"}
	noSession   = refusal{vendor.RPCInvalidSession, vendor.Forbidden, "Invalid session"}
	deadSession = refusal{vendor.RPCSessionExpired, vendor.Forbidden, "Session expired"}
	noCall      = refusal{vendor.RPCError{Code: -32600, Name: "INVALID_REQUEST"}, "Client", "Invalid request"}
)

// perform carries out one call at one path, and notes it in e.
func (a *Avangate) perform(r *http.Request, c call, e *Exchange) (result callResult) {
	e.Methods = append(e.Methods, c.method)
	if c.method == "login" {
		result = a.logIn(r, c.parameters, e)
	} else {
		result = a.echo(r.URL.Path, c)
	}
	if e.Err == nil {
		e.Err = result.reason
	}
	return result
}

func (a *Avangate) logIn(r *http.Request, parameters []any, e *Exchange) callResult {
	var v [4]string // code, date, hash, algo
	for i := range min(len(v), len(parameters)) {
		switch p := parameters[i].(type) {
		case string:
			v[i] = p
		case json.RawMessage:
			v[i] = vendor.ParameterText(p)
		case soapValue:
			v[i] = p.text
		}
	}
	signed := r.Clone(r.Context())
	header := vendor.FormatHeader(v[0], v[1], v[2], v[3])
	if len(parameters) == len(v)-1 {
		header = strings.TrimSuffix(header, " "+vendor.Algo+`=""`)
	}
	signed.Header = http.Header{vendor.Header: {header}}
	claim, err := a.verify(signed)
	if len(parameters) != len(v) && errors.Is(err, auth.ErrUnsigned) {
		err = &auth.Error{Op: "verify " + r.Method, Code: auth.ErrUnsigned, Err: fmt.Errorf(
			"the login wants four parameters, and %d came: send the merchant code, the date, the hash and the algorithm, in this order", len(parameters))}
	}
	e.StringToSign = claim.StringToSign
	if err != nil {
		return callResult{refusal: wrongLogin, reason: err}
	}
	// Not of crypto/rand, which cannot be had in FIPS 140 mode where testing/synctest
	// sets the clock.
	id := fmt.Sprintf("%016X%016X", rand.Uint64(), rand.Uint64())
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sessions == nil {
		a.sessions = make(map[avangateSessionID]time.Time)
	}
	if len(a.sessions) >= maxSessions {
		delete(a.sessions, a.firstToEnd())
	}
	a.sessions[avangateSessionID{id, r.URL.Path}] = a.now().Add(avangateSession)
	return callResult{value: id}
}

// firstToEnd returns the session that ends before the others.
func (a *Avangate) firstToEnd() (first avangateSessionID) {
	var end time.Time
	for id, ends := range a.sessions {
		if first.id == "" || ends.Before(end) {
			first, end = id, ends
		}
	}
	return first
}

// echo answers a call with its own method and parameters.
func (a *Avangate) echo(path string, c call) callResult {
	var id string
	if len(c.parameters) > 0 {
		id, _ = c.parameters[0].(string)
	}
	a.mu.Lock()
	end, found := a.sessions[avangateSessionID{id, path}]
	a.mu.Unlock()
	switch {
	case id == avangate.Session:
		return callResult{refusal: noSession, reason: errors.New("avangate.Session came instead of a session id: the request was not authenticated: send it through a transport of Countersign, or log in and send the id that comes")}
	case !found:
		return callResult{refusal: noSession, reason: errors.New("there is no such session at this path: log in here, and send the id that comes as the first parameter")}
	case !a.now().Before(end):
		return callResult{refusal: deadSession, reason: errors.New("the session has ended: log in again, and send the new id")}
	}
	return callResult{value: map[string]any{"Method": c.method, "Params": c.parameters[1:]}}
}

func (a *Avangate) now() time.Time {
	if a.Now == nil {
		return time.Now()
	}
	return a.Now()
}
