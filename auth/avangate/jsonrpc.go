package avangate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// An rpcDialect is JSON-RPC 2.0, and what the vendor's documents and clients make
// of it.
type rpcDialect struct{}

var _ dialect = rpcDialect{}

// read takes a request or a batch of requests, each with the mark as the first of
// its params, or a login.
func (rpcDialect) read(body []byte, _ http.Header, mark string) (*message, error) {
	if !json.Valid(body) {
		return nil, noRPCPlace("the body is not JSON")
	}
	m := &message{login: writeRPCLogin}
	d := json.NewDecoder(bytes.NewReader(body))
	start, err := d.Token()
	switch {
	case err != nil:
		return nil, err
	case start == json.Delim('{'):
		return m, m.readRPC(d, mark)
	case start != json.Delim('['):
		return nil, errNoRequest
	}
	for d.More() {
		if start, err := d.Token(); err != nil || start != json.Delim('{') {
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

func noRPCPlace(reason string) error {
	return fmt.Errorf("%s: write avangate.Session, %q, as the first of a request's params", reason, Session)
}

var errNoRequest = noRPCPlace("the body is neither a request nor a batch of them")

// readRPC reads one request behind its opening brace. A member that is given twice
// is refused, since each reader has its own idea of which one counts.
func (m *message) readRPC(d *json.Decoder, mark string) error {
	members := make(map[string]json.RawMessage)
	place := -1
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		switch name {
		case "method", "params":
			if members[name.(string)] != nil {
				return fmt.Errorf("the request has %s twice: write it once", name)
			}
			members[name.(string)] = value
			if after := afterBracket(value); name == "params" && bytes.HasPrefix(after, []byte(`"`+mark+`"`)) {
				place = int(d.InputOffset()) - len(after) + len(`"`)
			}
		}
	}
	m.calls++
	var method string
	json.Unmarshal(members["method"], &method)
	switch {
	case method == "login": // needs no session
	case place < 0:
		return noRPCPlace("the request has no place for it")
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
	return body, http.Header{"Content-Type": {"application/json"}, "Accept": acceptJSON}
}

// session reads result, and response, as which the vendor's documents know it too.
//
// An error is a refusal, save for those that JSON-RPC itself defines.
func (rpcDialect) session(answer []byte) (id, reason string, refused bool) {
	var members struct{ Result, Response, Error json.RawMessage }
	json.Unmarshal(answer, &members)
	for _, result := range []json.RawMessage{members.Result, members.Response} {
		if json.Unmarshal(result, &id); id != "" {
			return id, "", false
		}
	}
	var refusal struct{ Code json.RawMessage }
	json.Unmarshal(members.Error, &refusal)
	code, err := strconv.Atoi(strings.Trim(string(refusal.Code), `"`))
	if err != nil {
		return "", "", false
	}
	return "", fmt.Sprintf("code %d", code), code > 0
}

// gone takes an error with one of the session's codes.
func (rpcDialect) gone(answer *head, calls int) (gone, all bool) {
	d := json.NewDecoder(answer)
	start, err := d.Token()
	switch {
	case err != nil:
		return false, false
	case start == json.Delim('{'):
		gone = rpcGone(d, answer)
		return gone, gone && calls == 1
	case start != json.Delim('['):
		return false, false
	}
	answers := 0
	for ; d.More(); answers++ {
		if start, err := d.Token(); err != nil || start != json.Delim('{') || !rpcGone(d, answer) {
			return answers > 0, false
		}
		if !leave(d, 2) {
			return true, false
		}
	}
	_, err = d.Token()
	return answers > 0, err == nil && answers == calls
}

// rpcGone reads one answer behind its opening brace up to what tells: a result, or
// the code of an error. If it is a session error, what d reads next is in the
// error.
func rpcGone(d *json.Decoder, answer *head) bool {
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false
		}
		switch name {
		case "result", "response":
			if answer.byteAt(d.InputOffset()) != 'n' { // of null
				return false
			}
		case "error":
			if answer.byteAt(d.InputOffset()) == '{' {
				d.Token()
				return isSessionCode(d, answer)
			}
		}
		if skip(d) != nil {
			return false
		}
	}
	return false
}

// isSessionCode reads an error behind its opening brace up to its code, and the
// byte behind that, since a number could go on.
func isSessionCode(d *json.Decoder, answer *head) bool {
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
		if d.Decode(&code) != nil || answer.byteAt(d.InputOffset()) == 0 {
			return false
		}
		// FORBIDDEN, INVALID_SESSION, SESSION_EXPIRED: GermanKingYT/Avangate-Smart-Api-Client
		// 2b6b0f1, lib/ApiClient/Exception/RequestException.php.
		switch string(bytes.Trim(code, `"`)) {
		case "10000", "10001", "10002":
			return true
		}
		return false
	}
	return false
}

func skip(d *json.Decoder) error {
	var value json.RawMessage
	return d.Decode(&value)
}

// leave reads to the end of the objects and arrays that d is in, so many.
func leave(d *json.Decoder, depth int) bool {
	for depth > 0 {
		t, err := d.Token()
		if err != nil {
			return false
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return true
}
