package bench

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// The account that everything is signed for. It exists nowhere.
const (
	gatewayURL = "https://api.shop.test"
	instance   = "example"
	secret     = "S6DMJX2SKxTBWHd6mzmDs7kpL4ZZBz"
	merchant   = "250111206876"
)

// form has ten parameters, nested. As a client sends it, it is the string to
// sign.
const form = "amount=8925&currency=CHF&purpose=T-shirt%2C+blue&referenceId=A17&pm%5B0%5D=visa&pm%5B1%5D=twint&" +
	"basket%5B0%5D%5Bname%5D=T-shirt&basket%5B0%5D%5Bquantity%5D=2&" +
	"fields%5Bemail%5D%5Bvalue%5D=a%40shop.test&fields%5Bplace%5D%5Bvalue%5D=Bern"

// document has the parameters of form.
const document = `{"amount":8925,"currency":"CHF","purpose":"T-shirt, blue","referenceId":"A17","pm":["visa","twint"],` +
	`"basket":[{"name":"T-shirt","quantity":2}],"fields":{"email":{"value":"a@shop.test"},"place":{"value":"Bern"}}}`

// query has five parameters.
const query = "filterDatetimeUtcGreaterThan=2026-01-01+00%3A00%3A00&filterMyTransactionsOnly=1&orderByTime=DESC&offset=100&limit=50"

// A shape is a request that all implementations are given.
type shape struct {
	name, method, path, contentType, body string
}

var shapes = []shape{
	{"form", "POST", "/v1.0/Invoice/", "application/x-www-form-urlencoded", form},
	{"json", "POST", "/v1.0/Invoice/", "application/json", document},
	{"get", "GET", "/v1.0/Transaction/?" + query, "", ""},
	{"rest", "GET", "/rest/6.0/orders/?Page=1&Limit=10", "", ""},
}

// shapeOf returns the shape of a name.
func shapeOf(tb testing.TB, name string) shape {
	i := slices.IndexFunc(shapes, func(s shape) bool { return s.name == name })
	if i < 0 {
		tb.Fatalf("there is no request %q", name)
	}
	return shapes[i]
}

// A message is a request that is sent again and again.
type message struct {
	*http.Request
	content string
	reader  *strings.Reader
}

// newMessage makes a request with the headers that a generated client sets.
func (s shape) newMessage(tb testing.TB, origin string) *message {
	m := &message{content: s.body}
	var body io.Reader
	if s.body != "" {
		m.reader = strings.NewReader(s.body)
		body = m.reader
	}
	req, err := http.NewRequest(s.method, origin+s.path, body)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "shop/1.0")
	if s.contentType != "" {
		req.Header.Set("Content-Type", s.contentType)
	}
	m.Request = req
	return m
}

// send sends m through rt.
func (m *message) send(tb testing.TB, rt http.RoundTripper) {
	if m.reader != nil {
		m.reader.Reset(m.content)
	}
	resp, err := rt.RoundTrip(m.Request)
	if err != nil {
		tb.Fatal(err)
	}
	resp.Body.Close()
}

// A stub answers without a network. It reads the body, as a base does.
type stub struct{}

var stubHeader = http.Header{"Content-Type": {"application/json"}, "Date": {time.Now().UTC().Format(http.TimeFormat)}}

func (stub) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
		req.Body.Close()
	}
	return &http.Response{StatusCode: 200, Header: stubHeader, Body: http.NoBody}, nil
}
