package avangate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	vendor "github.com/countersign/countersign/internal/avangate"
)

// An rpcDialect is JSON-RPC 2.0, and what the vendor's documents and clients make
// of it.
type rpcDialect struct{}

var _ dialect = rpcDialect{}

// read takes a request or a batch of requests, each with the mark as the first of
// its params, or a login.
func (rpcDialect) read(body []byte, h http.Header, mark string) (*message, error) {
	if !json.Valid(body) {
		return nil, notJSON(body)
	}
	if err := checkText(h, body); err != nil {
		return nil, err
	}
	if hasHalfPair(body) {
		return nil, errors.New("a string holds half a surrogate pair: write both halves, or the character itself")
	}
	m := &message{login: writeRPCLogin}
	d := json.NewDecoder(bytes.NewReader(body))
	switch start, _ := d.Token(); start {
	case json.Delim('{'):
		return m, m.readRPC(d, mark)
	case json.Delim('['):
	default:
		return nil, errNoRequest
	}
	for d.More() {
		if start, _ := d.Token(); start != json.Delim('{') {
			return nil, errNoRequest
		}
		if err := m.readRPC(d, mark); err != nil {
			return nil, err
		}
	}
	if m.calls == 0 {
		return nil, errNoRequest
	}
	return m, nil
}

// notJSON says from where on a body is not JSON.
func notJSON(body []byte) error {
	at := int64(0)
	if e, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, new(json.RawMessage))); ok {
		at = max(e.Offset-1, 0)
	}
	return fmt.Errorf("the body is not JSON from byte %d on: correct it there, and send the request or the batch alone", at)
}

func noRPCPlace(reason string) error {
	return fmt.Errorf("%s: write avangate.Session, %q, as the first of a request's params", reason, Session)
}

var errNoRequest = noRPCPlace("the body is neither a request nor a batch of them")

// hasHalfPair reports whether an escape in valid JSON is half a surrogate pair, of
// which readers make different things.
func hasHalfPair(body []byte) bool {
	high := false // whether one is open
	for i := 0; i < len(body); i++ {
		unit := uint64(0)
		if body[i] == '\\' {
			if i++; body[i] == 'u' {
				unit, _ = strconv.ParseUint(string(body[i+1:i+5]), 16, 16)
				i += 4
			}
		}
		isLow := 0xDC00 <= unit && unit <= 0xDFFF
		if high != isLow {
			return true
		}
		high = 0xD800 <= unit && unit < 0xDC00
	}
	return high
}

// readRPC reads one request behind its opening brace. A member that is given twice
// is refused, in whatever case, since each reader has its own idea of which one
// counts.
func (m *message) readRPC(d *json.Decoder, mark string) error {
	method, first, elsewhere := "", "", false
	seen := make(map[string]bool)
	place := 0 // of the mark, which has an opening brace before it
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		for _, own := range []string{"method", "params"} {
			if text, _ := name.(string); strings.EqualFold(text, own) {
				if seen[own] {
					return fmt.Errorf("the request has %s twice: write it once, in small letters", own)
				}
				seen[own] = true
			}
		}
		switch name {
		case "method":
			json.Unmarshal(value, &method)
		case "params":
			after := afterBracket(value)
			if bytes.HasPrefix(after, []byte(`"`+mark+`"`)) {
				place = int(d.InputOffset()) - len(after) + len(`"`)
			} else {
				json.NewDecoder(bytes.NewReader(after)).Decode(&first)
			}
		}
		elsewhere = elsewhere || place == 0 && bytes.Contains(value, []byte(mark))
	}
	m.calls++
	switch {
	case method == "login": // needs no session
	case place == 0:
		return noRPCPlace(whyNoPlace(method, first, mark, elsewhere))
	default:
		m.places = append(m.places, place)
	}
	_, err := d.Token()
	return err
}

// afterBracket returns what stands behind an array's opening bracket, and nothing
// of another value.
func afterBracket(value []byte) []byte {
	elements, ok := bytes.CutPrefix(value, []byte("["))
	if !ok {
		return nil
	}
	return bytes.TrimLeft(elements, " \t\r\n")
}

func writeRPCLogin(l Login) ([]byte, http.Header) {
	type request struct {
		Version string    `json:"jsonrpc"`
		Method  string    `json:"method"`
		Params  [4]string `json:"params"`
		ID      int       `json:"id"`
	}
	// Strings and a number: that cannot fail.
	body, _ := json.Marshal(request{"2.0", "login", [4]string{l.MerchantCode, l.Date, l.Hash.Reveal(), l.Algorithm.String()}, 1})
	return body, http.Header{"Content-Type": {jsonType}, "Accept": {jsonType}}
}

// outcome reads result, and response, as which the vendor's documents know it too.
//
// An error is a refusal, save for those that JSON-RPC itself defines.
func (rpcDialect) outcome(answer []byte) (o outcome) {
	var members struct{ Result, Response, Error json.RawMessage }
	json.Unmarshal(answer, &members)
	isNull := true
	for _, result := range []json.RawMessage{members.Result, members.Response} {
		if json.Unmarshal(result, &o.id); o.id != "" {
			return o
		}
		isNull = isNull && (result == nil || string(result) == "null")
	}
	if members.Error == nil || string(members.Error) == "null" {
		return o
	}
	o.failed = isNull
	var refusal struct{ Code json.RawMessage }
	json.Unmarshal(members.Error, &refusal)
	if code, err := strconv.Atoi(strings.Trim(string(refusal.Code), `"`)); err == nil {
		o.reason, o.refused = fmt.Sprintf("code %d", code), code > 0
	}
	return o
}

// gone takes an error with one of the session's codes.
func (rpcDialect) gone(answer *head, calls int) (gone, all bool) {
	d := json.NewDecoder(answer)
	switch start, _ := d.Token(); start {
	case json.Delim('{'):
		gone, proven := rpcGone(d, answer)
		return gone, proven && calls == 1
	case json.Delim('['):
	default:
		return false, false
	}
	answers := 0
	for ; d.More(); answers++ {
		if start, _ := d.Token(); start != json.Delim('{') {
			return answers > 0, false
		}
		if gone, proven := rpcGone(d, answer); !proven {
			return answers > 0 || gone, false
		}
	}
	_, err := d.Token()
	return answers > 0, err == nil && answers == calls
}

// rpcGone reads one answer behind its opening brace, and reports whether it is a
// session error. That nothing was carried out is proven at its end only: there may
// be a result behind the error. It reads no further than to what shows the
// opposite, a result or another code.
func rpcGone(d *json.Decoder, answer *head) (gone, proven bool) {
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return gone, false
		}
		switch name, _ := token.(string); {
		case strings.EqualFold(name, "result"), strings.EqualFold(name, "response"):
			if answer.byteAt(d.InputOffset()) != 'n' { // of null
				return false, false
			}
		case strings.EqualFold(name, "error"):
			if answer.byteAt(d.InputOffset()) == '{' {
				d.Token()
				if gone || !isSessionError(d) {
					return false, false
				}
				gone = true
				continue
			}
		}
		if skip(d) != nil {
			return gone, false
		}
	}
	_, err := d.Token()
	return gone, gone && err == nil
}

// isSessionError reads an error behind its opening brace to its end, and no further
// than to a code that is another, and the byte behind that, since a number could go
// on.
func isSessionError(d *json.Decoder) (is bool) {
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false
		}
		if name != "code" {
			if skip(d) != nil {
				return false
			}
			continue
		}
		var code json.RawMessage
		if d.Decode(&code) != nil || !vendor.IsRPCError(string(bytes.Trim(code, `"`))) {
			return false
		}
		is = true
	}
	_, err := d.Token()
	return is && err == nil
}

func skip(d *json.Decoder) error {
	var value json.RawMessage
	return d.Decode(&value)
}
