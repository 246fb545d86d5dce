package transport_test

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// net/http writes the header and a small body together only if it knows the body's
// type.
func TestASignedFormIsOneSocketWriteAsTheUnsignedOne(t *testing.T) {
	n := newNetwork(t)
	var writes atomic.Int64
	n.wrap = func(c net.Conn) net.Conn { return countingConn{c, &writes} }
	gateway := n.host("http://api.shop.test", nil)
	signing := &http.Client{Transport: newTransport(t, n.transport, shop(t, gateway.url, "example"))}
	for name, client := range map[string]*http.Client{
		"unsigned": {Transport: n.transport},
		"signed":   signing,
	} {
		for range 3 { // a new connection, and one that is used again
			writes.Store(0)
			resp, err := client.PostForm(gateway.url+"/v1.0/Invoice/", form)
			require.NoError(t, err)
			finish(t, resp)
			if got := writes.Load(); got != 1 {
				t.Errorf("%s: got %d writes, want 1", name, got)
			}
		}
		writes.Store(0)
		resp, err := client.Get(gateway.url)
		require.NoError(t, err)
		finish(t, resp)
		assert.EqualValues(t, 1, writes.Load(), "%s: writes of a GET", name)
	}
	assert.Len(t, n.dialed, 1, "connections")
}

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
