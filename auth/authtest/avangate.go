package authtest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
)

// An Avangate is an emulated 2Checkout. Its REST API answers
//
//   - 200 to a request whose header is right. POST makes an order, or another resource,
//     and is answered with it: what was sent, and RefNo, Status and Errors. GET gives
//     what was made in this run, the latest 1000, one by its id or all in a page,
//     {"Items":[],"Pagination":{...}}; an order that is none of them is invented. To
//     what changes one, such as PUT or a refund, the answer is true, and to PUT of an
//     order the order;
//   - 401 with {"error_code":"AUTHENTICATION_ERROR","message":"..."} to any other;
//     the messages are those that users of the real one report;
//   - 404 to a path that is not /rest/VERSION/resource/, or without rest as the vendor's
//     client of 2016 has it, and to one that is almost
//     that of a session, such as /rpc or //soap/6.0/.
//
// Its JSON-RPC and SOAP endpoints, such as /rpc/6.0/, /soap/6.0/ and
// /order/2.0/soap/, answer
//
//   - login(code, date, hash, algo) with a session id, valid at this path for ten
//     minutes by the gateway's clock;
//   - any other method whose first parameter is a session id with an echo:
//     {"Method":"getOrder","Params":["11331111"]}, in SOAP elements of these names, a
//     Params for each parameter and structs as they came, in a getOrderReturn;
//   - others with a JSON-RPC error of code 10000 for a login that is wrong, 10001
//     for a session that is not, 10002 for one that has ended; with a SOAP fault
//     AUTHENTICATION_FAILED or FORBIDDEN;
//   - what is no call, or too much, with -32600 or a fault Client: a body of JSON may
//     have 8 MiB, a batch 1 to 256 requests, a SOAP envelope 1 MiB, and a call 100
//     parameters. Of such a batch nothing is carried out.
//
// Where secure.2checkout.com signs buy links, /checkout/api/encrypt/generate/signature,
// it answers {"signature":"..."} to who sends a right merchant-token, over the 21 names
// of the vendor's plugins. Nested parameters are refused: how they are signed is not
// known.
//
// To GET with the query wsdl a SOAP endpoint answers with a WSDL, which says that it is
// invented: login and SOAPMethods, rpc/encoded, as far as clients need it to call.
//
// It is safe for concurrent use; its fields must not be changed once it serves,
// and it must not be copied.
type Avangate struct {
	// MerchantCode and SecretKey are the account that it knows.
	MerchantCode string
	SecretKey    auth.SecretSource

	// SecretWord is the account's Buy-Link Secret Word. Without one no link is signed.
	SecretWord auth.SecretSource
	// SOAPMethods are the methods of its WSDL beside login, each with the names of its
	// parameters behind the session id. A call of any other is answered too.
	SOAPMethods map[string][]string
	// Now is its clock, by which it judges, and of which its answers tell in their
	// Date: give it one that is wrong to see a client cope. Nil means time.Now.
	Now func() time.Time

	// Options are how it reads a request. The zero value is as the real one does.
	Options Options

	// Observe, if it is not nil, is told of each request before the answer is
	// sent. It may be called concurrently.
	Observe func(Exchange)

	// Answer, if it is not nil, answers in the place of what the gateway has to say:
	// each request of REST whose header is right, and calls of JSON-RPC and SOAP with a
	// right session, all of a batch. The body is whole. Logins are the gateway's own.
	Answer http.Handler

	faults  faults
	objects avangateObjects

	mu       sync.Mutex
	sessions map[avangateSessionID]time.Time // when each ends
}

var _ http.Handler = (*Avangate)(nil)

// Fail has the next requests answered by faults, in their order, each in the place of
// the gateway and whatever the request is: a [Fault], or any other handler. Their
// Exchanges have an error. It may be called while the gateway serves.
func (a *Avangate) Fail(faults ...http.Handler) { a.faults.add(faults) }

// ServeHTTP verifies and answers a request.
func (a *Avangate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil { // where a test has no server
		r = r.WithContext(r.Context())
		r.Body = http.NoBody
	}
	if a.Now != nil {
		w.Header().Set("Date", a.Now().UTC().Format(http.TimeFormat))
	}
	e := &Exchange{Method: r.Method, Path: r.URL.Path}
	o := &observed{ResponseWriter: w, exchange: e, observe: a.Observe}
	defer o.tell(0) // if a handler panics
	p, err := vendor.ProtocolOf(r.URL.EscapedPath())
	_, isREST := vendor.ParseREST(r.URL.Path)
	lacksSlash := err == nil && (p != vendor.REST || isREST) && !strings.HasSuffix(r.URL.Path, "/")
	switch {
	case a.faults.serve(o, r):
	case a.serveBefore(o, r, lacksSlash):
	case vendor.IsSignaturePath(r.URL.EscapedPath()):
		a.serveSignature(o, r, e)
	case err != nil:
		e.Err = err
		answer(o, http.StatusNotFound, noResource)
	case p == vendor.JSONRPC:
		a.serveSession(o, r, a.serveRPC)
	case p == vendor.SOAP:
		a.serveSession(o, r, a.serveSOAP)
	default:
		a.serveREST(o, r)
	}
	o.tell(http.StatusOK)
}

// serveBefore answers what is answered whatever the credentials, and reports whether
// it did.
func (a *Avangate) serveBefore(o *observed, r *http.Request, lacksSlash bool) bool {
	status, err := a.Options.before(o, r, lacksSlash)
	if status == 0 {
		return false
	}
	o.exchange.Err = err
	refusal := noResource
	if status == http.StatusInternalServerError {
		refusal = avangateError{"INTERNAL_ERROR", err.Error()}
	}
	answer(o, status, refusal)
	return true
}

func (a *Avangate) serveREST(o *observed, r *http.Request) {
	e := o.exchange
	claim, err := a.verify(r)
	e.StringToSign, e.Err = claim.StringToSign, err
	resource, isREST := vendor.ParseREST(r.URL.Path)
	status, body := judgeREST(isREST, err)
	switch {
	case status != http.StatusOK:
		if err == nil {
			e.Err = errors.New(noResource.Message)
		}
	case a.Answer != nil:
		a.Answer.ServeHTTP(o, r)
		return
	default:
		secret, _ := auth.Load(r.Context(), a.SecretKey)
		body = a.objects.answer(r, resource, secret.Reveal(), a.now())
	}
	answer(o, status, body)
}

// serveSession has serve answer calls of a session, or Answer if they are all right and
// none is a login.
func (a *Avangate) serveSession(o *observed, r *http.Request, serve func(http.ResponseWriter, *http.Request, *Exchange)) {
	e := o.exchange
	if a.Answer == nil {
		serve(o, r, e)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRPCBody+1))
	put := func() {
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err != nil {
			r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
		}
	}
	put()
	judged := &heldAnswer{header: make(http.Header)}
	serve(judged, r, e)
	if e.Err != nil || len(e.Methods) == 0 || slices.Contains(e.Methods, "login") {
		judged.send(o)
		return
	}
	put()
	a.Answer.ServeHTTP(o, r)
}

type avangateError struct {
	Code    string `json:"error_code"`
	Message string `json:"message"`
}

var noResource = avangateError{"NOT_FOUND", "There is no such resource"}

// judgeREST decides what the peer is told, but for what is right.
func judgeREST(isREST bool, err error) (int, any) {
	refuse := func(message string) (int, any) {
		return http.StatusUnauthorized, avangateError{vendor.AuthenticationError, message}
	}
	switch {
	case errors.Is(err, auth.ErrSecret):
		return http.StatusInternalServerError, avangateError{"INTERNAL_ERROR", "The gateway has no secret key"}
	case errors.Is(err, auth.ErrSignature):
		return refuse("Hash signature could not be authenticated")
	case errors.Is(err, auth.ErrClock):
		return refuse("Time offset mismatch")
	case err != nil:
		return refuse("Authentication needed for this resource")
	case !isREST:
		return http.StatusNotFound, noResource
	}
	return http.StatusOK, nil
}
