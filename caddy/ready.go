package countersign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/transport"
)

// Ready answers whether the credentials are right: 200 if each gateway took them, 503
// if one did not or could not be asked, and for each the reason. It asks with a signed
// request that changes nothing, the family's SignatureCheck or 2Checkout's first page
// of one order, and at most once a minute: gateways count them.
type Ready struct {
	Gateways []ReadyGateway `json:"gateways"`

	checks []*check
}

// A ReadyGateway is a gateway that Ready asks.
type ReadyGateway struct {
	// Path is how callers know the gateway, and the answer names it.
	Path string `json:"path"`

	// URL is the gateway's: https, host and port.
	URL string `json:"url"`

	Credentials
}

var (
	_ caddy.Module                = (*Ready)(nil)
	_ caddy.Provisioner           = (*Ready)(nil)
	_ caddy.CleanerUpper          = (*Ready)(nil)
	_ caddyhttp.MiddlewareHandler = (*Ready)(nil)
)

// CaddyModule says how the module is called.
func (Ready) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.countersign_ready", New: func() caddy.Module { return new(Ready) }}
}

// Provision makes what signs the requests. It asks nobody.
func (r *Ready) Provision(caddy.Context) error {
	for _, g := range r.Gateways {
		a, err := g.authenticator(g.URL)
		if err != nil {
			return err
		}
		client, err := transport.Wrap(&http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}, a)
		if err != nil {
			return err
		}
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		question := "/v1.0/SignatureCheck/"
		if g.Scheme == "avangate" {
			question = "/rest/6.0/orders/?Page=1&Limit=1"
		}
		r.checks = append(r.checks, &check{path: g.Path, url: strings.TrimSuffix(g.URL, "/") + question, client: client, now: time.Now})
	}
	return nil
}

// Cleanup closes what connections there are.
func (r *Ready) Cleanup() error {
	for _, c := range r.checks {
		c.client.CloseIdleConnections()
	}
	return nil
}

// How often a gateway is asked, and for how long its answer is awaited.
const (
	readyInterval = time.Minute
	readyTimeout  = 10 * time.Second
)

// A check asks one gateway.
type check struct {
	path, url string
	client    *http.Client
	now       func() time.Time

	mu    sync.Mutex // is held as the gateway is asked, so that one request does for all
	asked time.Time
	err   error
}

// result returns what the gateway said within the last minute.
func (c *check) result(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); c.asked.IsZero() || now.Sub(c.asked) >= readyInterval || now.Before(c.asked) {
		c.asked = now
		c.err = c.ask(context.WithoutCancel(ctx)) // for all that wait
	}
	return c.err
}

func (c *check) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return errors.New("the gateway's URL cannot be read")
	}
	resp, err := c.client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*auth.Error](err); ok {
			return e
		}
		return fmt.Errorf("the gateway could not be reached, or did not answer: %w", err)
	}
	defer resp.Body.Close()
	io.CopyN(io.Discard, resp.Body, 64<<10)
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("the gateway answers %d: the secret, or the name of the account, is wrong", resp.StatusCode)
	}
	return fmt.Errorf("the gateway answers %d", resp.StatusCode)
}

// ServeHTTP asks the gateways, all at once.
func (r *Ready) ServeHTTP(w http.ResponseWriter, req *http.Request, _ caddyhttp.Handler) error {
	type said struct {
		Path   string `json:"path"`
		Ready  bool   `json:"ready"`
		Reason string `json:"reason,omitempty"`
	}
	gateways := make([]said, len(r.checks))
	var asking sync.WaitGroup
	for i, c := range r.checks {
		asking.Go(func() {
			gateways[i] = said{Path: c.path, Ready: true}
			if err := c.result(req.Context()); err != nil {
				gateways[i] = said{Path: c.path, Reason: err.Error()}
			}
		})
	}
	asking.Wait()
	status := http.StatusOK
	for _, g := range gateways {
		if !g.Ready {
			status = http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(map[string]any{"ready": status == http.StatusOK, "gateways": gateways})
}
