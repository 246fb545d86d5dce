package authtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/countersign/countersign/internal/request"
)

// What a JSON-RPC body may have.
const (
	maxRPCBody = 8 << 20 // bytes
	maxBatch   = 256     // requests
	maxRPCID   = 1 << 10 // bytes of an id, which the answer repeats
)

var errNoRPC = errors.New("the body is not a JSON-RPC request: send an object with the members method and params, a list")

// serveRPC answers a JSON-RPC request or a batch of them. What is neither is refused
// as a whole.
func (a *Avangate) serveRPC(w http.ResponseWriter, r *http.Request, e *Exchange) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRPCBody))
	requests, batch := []json.RawMessage{body}, false
	switch {
	case err != nil:
	case !utf8.Valid(body) || !json.Valid(body):
		err = errNoRPC
	default:
		if text := bytes.TrimLeft(body, " \t\r\n"); text[0] == '[' {
			batch = true
			requests, err = readBatch(text)
		}
	}
	var answers bytes.Buffer
	if err != nil {
		e.Err, batch = err, false
		writeRPC(&answers, nil, callResult{refusal: noCall, reason: err})
	} else {
		for i, request := range requests {
			if i > 0 {
				answers.WriteByte(',')
			}
			a.answerRPC(&answers, r, request, e)
		}
	}
	e.Status = http.StatusOK
	w.Header().Set("Content-Type", request.JSONType)
	w.WriteHeader(e.Status)
	if batch {
		fmt.Fprintf(w, "[%s]\n", answers.Bytes())
	} else {
		answers.WriteTo(w)
	}
}

// readBatch returns the requests of a batch, which is JSON. It reads no further than
// it must to say that it is none.
func readBatch(body []byte) ([]json.RawMessage, error) {
	var requests []json.RawMessage
	d := json.NewDecoder(bytes.NewReader(body))
	d.Token() // the bracket
	for d.More() {
		var request json.RawMessage
		switch err := d.Decode(&request); {
		case err != nil:
			return nil, err
		case request[0] != '{':
			return nil, errors.New("the batch holds something that is not a JSON-RPC request")
		case len(requests) == maxBatch:
			return nil, fmt.Errorf("the batch has more than %d requests", maxBatch)
		}
		requests = append(requests, request)
	}
	if len(requests) == 0 {
		return nil, errors.New("the batch is empty")
	}
	return requests, nil
}

// answerRPC writes the answer to one request.
func (a *Avangate) answerRPC(w *bytes.Buffer, r *http.Request, request []byte, e *Exchange) {
	id, c, err := readRPC(request)
	result := callResult{refusal: noCall, reason: err}
	if err == nil {
		result = a.perform(r, c, e)
	} else if e.Err == nil {
		e.Err = err
	}
	writeRPC(w, id, result)
}

// readRPC returns the id and the call of a request, which is JSON.
func readRPC(request []byte) (id json.RawMessage, c call, err error) {
	var q struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
	}
	err = json.Unmarshal(request, &q)
	switch {
	case len(q.ID) > maxRPCID:
		return nil, call{}, fmt.Errorf("the request's id is longer than %d bytes", maxRPCID)
	case err != nil || q.Method == "":
		return q.ID, call{}, errNoRPC
	}
	parameters, err := readParameters(q.Params)
	return q.ID, call{q.Method, parameters}, err
}

// readParameters returns the parameters of a request, which are JSON.
func readParameters(params []byte) (parameters []any, err error) {
	if len(params) == 0 || string(params) == "null" {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(params))
	if bracket, _ := d.Token(); bracket != json.Delim('[') {
		return nil, errNoRPC
	}
	for d.More() {
		var parameter json.RawMessage
		if err := d.Decode(&parameter); err != nil {
			return nil, err
		}
		if len(parameters) == maxParameters {
			return nil, fmt.Errorf("the call has more than %d parameters", maxParameters)
		}
		var text string
		if parameter[0] == '"' && json.Unmarshal(parameter, &text) == nil {
			parameters = append(parameters, text)
		} else {
			parameters = append(parameters, parameter)
		}
	}
	return parameters, nil
}

// writeRPC writes the answer to a request: it need not be held until all are made.
func writeRPC(w *bytes.Buffer, id json.RawMessage, result callResult) {
	reply := map[string]any{"jsonrpc": "2.0", "id": id}
	if result.reason != nil {
		reply["error"] = map[string]any{"code": result.rpc.Code, "message": result.text, "data": map[string]string{"error_code": result.rpc.Name}}
	} else {
		reply["result"] = result.value
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // an id would grow to six times its length
	encoder.Encode(reply)
}
