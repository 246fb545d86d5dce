package interop_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/interop/openapi"
	"github.com/countersign/countersign/transport"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// newGenerated returns the generated client.
func newGenerated(t *testing.T, g *gateway, options ...openapi.ClientOption) *openapi.ClientWithResponses {
	client, err := openapi.NewClientWithResponses(g.URL, options...)
	require.NoError(t, err)
	return client
}

var filters = &openapi.ListTransactionsParams{FilterReferenceId: new("order 11331111"), Limit: new(20)}

func TestOpenAPISendsNull(t *testing.T) {
	g := newPaylink(t)
	var body, contentType string
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		read, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		body, contentType = string(read), req.Header.Get("Content-Type")
		return nil, http.ErrNotSupported
	})
	newGenerated(t, g, openapi.WithHTTPClient(&http.Client{Transport: base})).ListTransactionsWithResponse(t.Context(), filters, nil)
	assert.Equal(t, "null", body)
	assert.Equal(t, "application/json", contentType)
}

func TestOpenAPINullIsTakenOff(t *testing.T) {
	for name, newGateway := range map[string]func(*testing.T) *gateway{"ApiSignature": newPaylink, "X-API-KEY": newPaylinkKey} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			client := newGenerated(t, g, openapi.WithHTTPClient(&http.Client{Transport: g.signing(t, nil)}))
			resp, err := client.ListTransactionsWithResponse(t.Context(), filters, nil)
			require.NoError(t, err)
			require.NotNil(t, resp.JSON200)
			assert.Equal(t, "success", resp.JSON200.Status)
			g.requireVerified(t, 1)
			assert.Equal(t, [][2]string{{"filterReferenceId", "order 11331111"}, {"limit", "20"}}, g.seen()[0].Parameters)
		})
	}
}

// With the body, the gateway does not look for the signature in the query.
func TestOpenAPINullIsAnError(t *testing.T) {
	g := newPaylink(t)
	withNull := roundTripper(func(req *http.Request) (*http.Response, error) {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader("null")), int64(len("null"))
		req.Header.Set("Content-Type", "application/json")
		return g.Client().Transport.RoundTrip(req)
	})
	client := newGenerated(t, g, openapi.WithHTTPClient(&http.Client{Transport: g.signing(t, withNull)}))
	resp, err := client.ListTransactionsWithResponse(t.Context(), filters, nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusForbidden, resp.StatusCode())
	require.Len(t, g.seen(), 1)
	assert.ErrorIs(t, g.seen()[0].Err, auth.ErrUnsigned)
}

func TestOpenAPIFiltersInABodyAreRefused(t *testing.T) {
	g := newPaylink(t)
	client := newGenerated(t, g, openapi.WithHTTPClient(&http.Client{Transport: g.signing(t, nil)}))
	_, err := client.ListTransactionsWithResponse(t.Context(), filters, openapi.ListTransactionsJSONRequestBody{"status": "confirmed"})
	require.ErrorIs(t, err, auth.ErrRequest)
	assert.Empty(t, g.seen())
}

func TestOpenAPIWithRetries(t *testing.T) {
	g := newPaylink(t)
	g.fail(2)
	retrying := newRetrying(io.Discard)
	retrying.HTTPClient.Transport = g.signing(t, nil)
	client := newGenerated(t, g, openapi.WithHTTPClient(retrying.StandardClient()))
	resp, err := client.ListTransactionsWithResponse(t.Context(), filters, nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, resp.StatusCode())
	g.requireVerified(t, 3)
}

// A request editor runs above http.Client.
func TestOpenAPIWrongInARequestEditor(t *testing.T) {
	g := newPaylink(t)
	g.answer(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	sign := openapi.WithRequestEditorFn(func(_ context.Context, req *http.Request) error {
		return g.account.Authenticate(req, g.Client().Transport)
	})
	_, err := newGenerated(t, g, sign).ListTransactionsWithResponse(t.Context(), filters, nil)
	require.Error(t, err)
	g.requireVerified(t, 1)
	assert.Len(t, g.leaks(err.Error()), 1, "the error holds the signed URL")

	got := stranger(t, g)
	_, err = newGenerated(t, g, sign).ListTransactionsWithResponse(t.Context(), filters, nil)
	require.NoError(t, err)
	assert.Len(t, g.leaks(got.String()), 1, "another host gets the signed URL as the Referer")
}

// A client that oapi-codegen generated. Its list sends null, which does not get to
// the gateway.
func Example_openAPI() {
	gateway, shop := newShop()
	defer gateway.Close()
	signing, err := transport.Wrap(&http.Client{}, shop)
	if err != nil {
		log.Fatal(err)
	}
	client, err := openapi.NewClientWithResponses(gateway.URL, openapi.WithHTTPClient(signing))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	made, err := client.CreateInvoiceWithFormdataBodyWithResponse(ctx, openapi.CreateInvoiceFormdataRequestBody{Title: "Monatliches Abo", Amount: 200})
	if err != nil {
		log.Fatal(err)
	}
	found, err := client.ListTransactionsWithResponse(ctx, &openapi.ListTransactionsParams{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(made.JSON200.Status, found.JSON200.Status)
	// Output:
	// POST /v1.0/Invoice/ is signed: true
	// GET /v1.0/Transaction/ is signed: true
	// success success
}
