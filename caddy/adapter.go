package countersign

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/countersign/countersign/auth"
)

// A File is what the config adapter reads, as JSON:
//
//	{"listen": "127.0.0.1:9000", "require_header": "X-Shop", "gateways": [
//	  {"path": "/vrpay", "url": "https://api.vr-pay-secure.de", "scheme": "paylinkhmac",
//	   "instance": "example", "secret_file": "/run/secrets/vrpay",
//	   "allow": ["POST /v1.0/Gateway/", "GET /v1.0/*"]}]}
type File struct {
	// Listen is where callers connect: a port of this machine's own address, such as
	// 127.0.0.1:9000, or a socket, such as unix//run/countersign.sock.
	Listen string `json:"listen"`

	// ListenBeyondLoopback allows Listen and Metrics to be reached from elsewhere.
	// Whoever reaches Listen can act as the merchant, as far as Allow goes.
	ListenBeyondLoopback bool `json:"listen_beyond_loopback"`

	// Hosts are those of [Transport].
	Hosts []string `json:"hosts"`

	// RequireHeader is a header field that callers must send, as NAME or NAME VALUE.
	RequireHeader string `json:"require_header"`

	// Metrics is where Caddy's metrics are served, at /metrics; empty for nowhere.
	Metrics string `json:"metrics"`

	// LogLevel is DEBUG, INFO, WARN or ERROR. Empty means INFO.
	LogLevel string `json:"log_level"`

	Gateways []FileGateway `json:"gateways"`
}

// A FileGateway is a gateway and the account there.
type FileGateway struct {
	// Path is where callers find it: what is sent to PATH/v1.0/x goes to URL/v1.0/x.
	Path string `json:"path"`

	// URL is the gateway's: https, host and port.
	URL string `json:"url"`

	Credentials

	// Allow has rules such as "GET,POST /v1.0/Gateway/ /v1.0/Invoice/*". Without one it
	// is as with [Transport].
	Allow []string `json:"allow"`
}

// An Adapter is the config adapter: it makes Caddy's JSON of a [File]. The admin API is
// off; what no gateway has is 404, and a Host that callers may not use 421; logs are
// without queries and without the header of requests. It serves /-/healthy, which is
// 200 as long as it runs, and /-/ready, see [Ready].
type Adapter struct{}

var _ caddyconfig.Adapter = Adapter{}

// Adapt returns Caddy's JSON. Its errors say what in the file is wrong.
func (Adapter) Adapt(body []byte, _ map[string]any) ([]byte, []caddyconfig.Warning, error) {
	var f File
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, nil, fmt.Errorf("the file cannot be read: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, nil, errors.New("the file goes on behind its object")
	}
	if err := checkNames(json.NewDecoder(bytes.NewReader(body))); err != nil {
		return nil, nil, err
	}
	config, err := f.config()
	if err != nil {
		return nil, nil, err
	}
	adapted, err := json.MarshalIndent(config, "", "\t")
	return adapted, nil, err
}

// checkNames refuses a value in which an object has a name twice. encoding/json, for
// which names have no case, takes the last, and with gateways merges the two: one would
// get the secret of another.
func checkNames(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := make(map[string]bool)
	for d.More() {
		if delim == '{' {
			token, err := d.Token()
			if err != nil {
				return err
			}
			name := strings.ToLower(token.(string))
			if seen[name] {
				return fmt.Errorf("the file has %q twice in one object: write it once", name)
			}
			seen[name] = true
		}
		if err := checkNames(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

type (
	object = map[string]any
	list   = []any
)

// config returns what Caddy is told.
func (f File) config() (object, error) {
	if err := f.checkListen("listen", f.Listen); err != nil {
		return nil, err
	}
	routes, err := f.routes()
	if err != nil {
		return nil, err
	}
	level, err := f.level()
	if err != nil {
		return nil, err
	}
	servers := object{"sidecar": f.server(f.Listen, routes)}
	http := object{"servers": servers}
	if f.Metrics != "" {
		if err := f.checkListen("metrics", f.Metrics); err != nil {
			return nil, err
		}
		http["metrics"] = object{}
		servers["metrics"] = f.server(f.Metrics, list{
			object{"match": list{object{"path": list{"/metrics"}}}, "handle": list{object{"handler": "metrics"}}, "terminal": true},
			notFound,
		})
	}
	return object{
		"admin":   object{"disabled": true, "config": object{"persist": false}},
		"logging": object{"logs": object{"default": object{"level": level, "encoder": logEncoder}}},
		"apps":    object{"http": http},
	}, nil
}

func (f File) server(listen string, routes list) object {
	return object{
		"listen":          list{listen},
		"protocols":       list{"h1"},
		"automatic_https": object{"disable": true},
		"logs":            object{},
		"routes":          routes,
		"errors":          object{"routes": list{object{"handle": list{object{"handler": "countersign_problem"}}}}},
	}
}

// logEncoder leaves out of the logs what a client that signs for itself sends, and
// what else payments have in their queries. Caddy writes a URI within the request, and
// as a field of its own when it was rewritten.
var logEncoder = func() object {
	noQuery := object{"filter": "regexp", "regexp": `(?s)[?].*`, "value": "?..."}
	return object{"format": "filter", "wrap": object{"format": "json"}, "fields": object{
		"uri":             noQuery,
		"request>uri":     noQuery,
		"request>headers": object{"filter": "delete"},
	}}
}()

var notFound = object{"handle": list{object{"handler": "error", "status_code": 404}}}

// routes returns what is served, in this order: no Host but those, the sidecar's own
// paths, the gateways, and nothing else.
func (f File) routes() (list, error) {
	if len(f.Gateways) == 0 {
		return nil, errors.New("gateways is empty: give at least one")
	}
	var required []RequiredHeader
	if f.RequireHeader != "" {
		h, err := newRequiredHeader(strings.SplitN(f.RequireHeader, " ", 2))
		if err != nil {
			return nil, err
		}
		required = []RequiredHeader{h}
	}
	gateways := slices.Clone(f.Gateways)
	slices.SortStableFunc(gateways, func(a, b FileGateway) int { return cmp.Compare(len(b.Path), len(a.Path)) }) // /a/b before /a
	var asked []ReadyGateway
	var proxies list
	for i, g := range gateways {
		if err := checkPrefix(g.Path); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(gateways[:i], func(other FileGateway) bool { return strings.EqualFold(other.Path, g.Path) }) {
			return nil, fmt.Errorf("two gateways have the path %q, which has no case", g.Path)
		}
		proxy, err := f.proxy(g, required)
		if err != nil {
			return nil, fmt.Errorf("the gateway at %q: %w", g.Path, err)
		}
		asked = append(asked, ReadyGateway{g.Path, g.URL, g.Credentials})
		proxies = append(proxies, object{
			"match":    list{object{"path": list{g.Path + "/*"}}},
			"handle":   list{object{"handler": "rewrite", "strip_path_prefix": g.Path}, proxy},
			"terminal": true,
		})
	}
	own := func(path string, handler object) object {
		return object{"match": list{object{"path": list{path}}}, "handle": list{handler}, "terminal": true}
	}
	routes := list{
		object{
			"match":  list{object{"not": list{object{"countersign_host": HostMatcher{f.Hosts}}}}},
			"handle": list{object{"handler": "error", "status_code": 421}},
		},
		own("/-/healthy", object{"handler": "static_response", "status_code": 200, "body": "alive\n"}),
		own("/-/ready", object{"handler": "countersign_ready", "gateways": asked}),
	}
	return append(append(routes, proxies...), notFound), nil
}

// proxy returns the handler of a gateway.
func (f File) proxy(g FileGateway, required []RequiredHeader) (object, error) {
	u, err := url.Parse(g.URL)
	if err != nil || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("the url is more than scheme, host and port: write it as https://api.example.com")
	}
	if _, err := auth.ParseOrigin(g.URL, false); err != nil {
		return nil, fmt.Errorf("the url: %w", err)
	}
	if _, err := g.authenticator(g.URL); err != nil {
		return nil, err
	}
	t := Transport{Credentials: g.Credentials, Hosts: f.Hosts, RequireHeaders: required}
	if g.Allow != nil {
		t.Allow = make([]Rule, 0, len(g.Allow))
	}
	for _, line := range g.Allow {
		words := strings.Fields(line)
		if len(words) < 2 {
			return nil, fmt.Errorf("allow has %q: write METHOD[,METHOD] and one PATH or more", line)
		}
		t.Allow = append(t.Allow, newRule(words[0], words[1:]))
	}
	if err := checkRules(t.Allow); err != nil {
		return nil, err
	}
	port := cmp.Or(u.Port(), map[string]string{"https": "443", "http": "80"}[u.Scheme])
	via := struct {
		Protocol string    `json:"protocol"`
		TLS      *struct{} `json:"tls,omitempty"`
		Transport
	}{Protocol: "countersign", Transport: t}
	if u.Scheme == "https" {
		via.TLS = new(struct{})
	}
	return object{
		"handler":   "reverse_proxy",
		"upstreams": list{object{"dial": caddy.JoinNetworkAddress("", u.Hostname(), port)}},
		"transport": via,
	}, nil
}

var prefix = regexp.MustCompile(`^(/[0-9A-Za-z_][0-9A-Za-z_.-]*)+$`)

func checkPrefix(path string) error {
	if !prefix.MatchString(path) {
		return fmt.Errorf("the path %q of a gateway is none: write it as /name, with letters, digits and _.-", path)
	}
	return nil
}

func (f File) level() (string, error) {
	level := cmp.Or(f.LogLevel, "INFO")
	if !slices.Contains([]string{"DEBUG", "INFO", "WARN", "ERROR"}, level) {
		return "", errors.New("log_level is none of DEBUG, INFO, WARN and ERROR")
	}
	return level, nil
}

// checkListen refuses an address that may be reached from elsewhere, unless the file
// says that it is meant.
func (f File) checkListen(field, listen string) error {
	address, err := caddy.ParseNetworkAddress(listen)
	switch {
	case listen == "" || err != nil || strings.ContainsAny(listen, "{}"):
		return fmt.Errorf("%s is no address: write it as 127.0.0.1:9000 or unix//run/countersign.sock", field)
	case address.IsUnixNetwork():
		return nil
	case !strings.HasPrefix(address.Network, "tcp") || address.PortRangeSize() != 1 || !strings.Contains(listen, ":"):
		return fmt.Errorf("%s is no address with one port: write it as 127.0.0.1:9000 or unix//run/countersign.sock", field)
	}
	ip, err := netip.ParseAddr(address.Host)
	if address.Host == "localhost" || err == nil && ip.Unmap().IsLoopback() || f.ListenBeyondLoopback {
		return nil
	}
	return fmt.Errorf("%s can be reached from other machines, and whoever reaches it can act as the merchant: write 127.0.0.1, or set listen_beyond_loopback", field)
}
