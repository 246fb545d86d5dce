package transport_test

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A brokenConn fails its second write before it has written anything, like a
// connection that the server has closed in the meantime.
type brokenConn struct {
	net.Conn
	writes int
}

func (c *brokenConn) Write(p []byte) (int, error) {
	c.writes++
	if c.writes > 1 {
		return 0, errors.New("broken pipe")
	}
	return c.Conn.Write(p)
}

// net/http itself resends a request when an idle connection turns out to be
// closed. It then asks GetBody of the signed request, not of the caller's.
func TestADroppedIdleConnectionIsReplayed(t *testing.T) {
	n := newNetwork(t)
	n.wrap = func(c net.Conn) net.Conn { return &brokenConn{Conn: c} }
	gateway := n.host("http://api.shop.test", nil)
	client := &http.Client{Transport: newTransport(t, n.transport, shop(t, gateway.url, "example"))}
	for _, request := range []func() (*http.Response, error){
		func() (*http.Response, error) { return client.PostForm(gateway.url, form) },
		func() (*http.Response, error) { return client.PostForm(gateway.url, url.Values{"n": {"2"}}) },
		func() (*http.Response, error) { return client.Post(gateway.url, "", nil) },
		func() (*http.Response, error) { return client.Get(gateway.url + "?n=4") },
		func() (*http.Response, error) {
			req := newRequest(t, "POST", gateway.url, &trackedBody{Reader: strings.NewReader("n=5")})
			return client.Do(req) // without a GetBody of its own
		},
	} {
		resp, err := request()
		require.NoError(t, err)
		finish(t, resp)
	}
	got := gateway.take()
	assertSigned(t, got)
	var signed []string
	for _, r := range got {
		signed = append(signed, r.signed)
	}
	assert.Equal(t, []string{signedForm, "n=2", "", "n=4", "n=5"}, signed)
	assert.Len(t, n.dialed, 5, "connections: each was good for one request")
}
