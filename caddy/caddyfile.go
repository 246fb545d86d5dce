package countersign

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

var _ caddyfile.Unmarshaler = (*Transport)(nil)

// UnmarshalCaddyfile reads
//
//	transport countersign paylinkhmac|paylinkkey|avangate {
//		instance      NAME                  # paylinkhmac, paylinkkey
//		merchant_code CODE                  # avangate
//		algorithm     sha256|sha3-256       # avangate
//		secret_file   PATH                  # or
//		secret_env    NAME
//		allow         METHOD[,METHOD] PATH...
//		hosts         NAME...
//		require_header NAME [VALUE]
//		...                                 # anything of the transport http
//	}
func (t *Transport) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the transport's name
	if !d.Args(&t.Scheme) {
		return d.Err("the transport countersign wants a scheme: paylinkhmac, paylinkkey or avangate")
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	open := d.Token()
	open.Text = "{"
	others := []caddyfile.Token{d.Token(), open}
	single := map[string]*string{
		"instance": &t.Instance, "merchant_code": &t.MerchantCode, "algorithm": &t.Algorithm,
		"secret_file": &t.SecretFile, "secret_env": &t.SecretEnv,
	}
	for d.NextBlock(0) {
		name := d.Val()
		if field, ok := single[name]; ok {
			switch {
			case *field != "":
				return d.Errf("%s is given twice", name)
			case !d.NextArg():
				return d.ArgErr()
			}
			*field = d.Val()
			if d.NextArg() {
				return d.ArgErr()
			}
			continue
		}
		switch args := d.CountRemainingArgs(); name {
		case "allow":
			words := d.RemainingArgs()
			if args < 2 {
				return d.Err("write allow METHOD[,METHOD] and one PATH or more")
			}
			t.Allow = append(t.Allow, newRule(words[0], words[1:]))
		case "hosts":
			if args == 0 {
				return d.ArgErr()
			}
			t.Hosts = append(t.Hosts, d.RemainingArgs()...)
		case "require_header":
			words := d.RemainingArgs()
			if args < 1 || args > 2 {
				return d.ArgErr()
			}
			h, err := newRequiredHeader(words)
			if err != nil {
				return d.WrapErr(err)
			}
			t.RequireHeaders = append(t.RequireHeaders, h)
		default:
			others = append(others, d.NextSegment()...)
		}
	}
	end := others[len(others)-1]
	end.Text = "}"
	end.Line++
	return t.HTTPTransport.UnmarshalCaddyfile(caddyfile.NewDispenser(append(others, end)))
}

// newRule makes a Rule of the words of an allow line.
func newRule(methods string, paths []string) Rule {
	return Rule{strings.Split(methods, ","), paths}
}
