package authtest

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
)

// An Avangate is an emulated 2Checkout. Its REST API answers
//
//   - 200 to a request whose header is right: {"RefNo":"ID"} if the path ends in
//     an id, else an empty page, {"Items":[],"Pagination":{...}};
//   - 401 with {"error_code":"AUTHENTICATION_ERROR","message":"..."} to any other;
//     the messages are those that users of the real one report;
//   - 404 to a path that is not /rest/VERSION/resource/, and to one that is almost
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

	mu       sync.Mutex
	sessions map[avangateSessionID]time.Time // when each ends
}

var _ http.Handler = (*Avangate)(nil)

// ServeHTTP verifies and answers a request.
func (a *Avangate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.Now != nil {
		w.Header().Set("Date", a.Now().UTC().Format(http.TimeFormat))
	}
	e := &Exchange{Method: r.Method, Path: r.URL.Path}
	p, err := vendor.ProtocolOf(r.URL.EscapedPath())
	_, isREST := vendor.ParseREST(r.URL.Path)
	lacksSlash := err == nil && (p != vendor.REST || isREST) && !strings.HasSuffix(r.URL.Path, "/")
	if e.Status, e.Err = a.Options.before(w, r, lacksSlash); e.Status != 0 {
		a.observe(e)
		refusal := noResource
		if e.Status == http.StatusInternalServerError {
			refusal = avangateError{"INTERNAL_ERROR", e.Err.Error()}
		}
		answer(w, e.Status, refusal)
		return
	}
	switch {
	case vendor.IsSignaturePath(r.URL.EscapedPath()):
		a.serveSignature(w, r, e)
	case err != nil:
		e.Status, e.Err = http.StatusNotFound, err
		a.observe(e)
		answer(w, e.Status, noResource)
	case p == vendor.JSONRPC:
		a.serveRPC(w, r, e)
	case p == vendor.SOAP:
		a.serveSOAP(w, r, e)
	default:
		a.serveREST(w, r, e)
	}
}

func (a *Avangate) serveREST(w http.ResponseWriter, r *http.Request, e *Exchange) {
	claim, err := a.verify(r)
	status, body := judgeREST(r.URL.Path, err)
	e.StringToSign, e.Status, e.Err = claim.StringToSign, status, err
	if err == nil && status != http.StatusOK {
		e.Err = errors.New(body.(avangateError).Message)
	}
	a.observe(e)
	answer(w, status, body)
}

func (a *Avangate) observe(e *Exchange) {
	if a.Observe != nil {
		a.Observe(*e)
	}
}

type avangateError struct {
	Code    string `json:"error_code"`
	Message string `json:"message"`
}

var noResource = avangateError{"NOT_FOUND", "There is no such resource"}

// judgeREST decides what the peer is told.
func judgeREST(path string, err error) (int, any) {
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
	}
	id, ok := vendor.ParseREST(path)
	switch {
	case !ok:
		return http.StatusNotFound, noResource
	case id != "":
		return http.StatusOK, map[string]string{"RefNo": id}
	}
	return http.StatusOK, map[string]any{
		"Items":      []any{},
		"Pagination": map[string]int{"Page": 1, "Limit": 10, "Count": 0},
	}
}
