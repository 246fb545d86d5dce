package pasted

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A request in what people have in hand, and what is read of it.
var inHand = map[string]struct{ input, method, url, body string }{
	"a log line, common": {
		`192.0.2.1 - - [22/Jun/2026:08:28:01 +0000] "GET /v1.0/Page/?a=1&ApiSignature=x%3D HTTP/1.1" 403 99`,
		"GET", "/v1.0/Page/?a=1&ApiSignature=x%3D", "",
	},
	"a log line, combined": {
		`2001:db8::1 - shop [22/Jun/2026:08:28:01 +0000] "DELETE /v1.0/Page/1/?ApiSignature=x HTTP/2.0" 200 12 "-" "curl/8.5.0 \"x\""` + "\n",
		"DELETE", "/v1.0/Page/1/?ApiSignature=x", "",
	},
	"a log line behind a host": {
		`api.example.com:443 192.0.2.1 - - [22/Jun/2026:08:28:01 +0000] "GET /v1.0/Page/?ApiSignature=x HTTP/1.1" 403 - "-" "-" 0.003`,
		"GET", "/v1.0/Page/?ApiSignature=x", "",
	},
	"a log line of a container": {
		`nginx-1  | 192.0.2.1 - - [22/Jun/2026:08:28:01 +0000] "GET /v1.0/Page/?ApiSignature=x HTTP/1.1" 403 99`,
		"GET", "/v1.0/Page/?ApiSignature=x", "",
	},
	"nginx's escapes": {
		`192.0.2.1 - - [x] "GET /v1.0/Page/?a=\x22b\x5C&ApiSignature=x HTTP/1.1" 403 99`,
		"GET", `/v1.0/Page/?a="b\&ApiSignature=x`, "",
	},
	"Apache's escapes": {
		`192.0.2.1 - - [x] "GET /v1.0/Page/?a=\"b\\&ApiSignature=x HTTP/1.1" 403 99`,
		"GET", `/v1.0/Page/?a="b\&ApiSignature=x`, "",
	},
	"a URL":                {"https://api.payrexx.com/v1.0/Page/?a=1&ApiSignature=x#top\n", "GET", "https://api.payrexx.com/v1.0/Page/?a=1&ApiSignature=x", ""},
	"a URL in quotes":      {`"https://api.payrexx.com/v1.0/Page/"`, "GET", "https://api.payrexx.com/v1.0/Page/", ""},
	"a URL in brackets":    {"<https://api.payrexx.com/v1.0/Page/>", "GET", "https://api.payrexx.com/v1.0/Page/", ""},
	"a URL with a quote":   {"https://api.payrexx.com/v1.0/Page/?a=O'Neil", "GET", "https://api.payrexx.com/v1.0/Page/?a=O'Neil", ""},
	"a URL without a host": {"/v1.0/Page/?a=1&ApiSignature=x", "GET", "/v1.0/Page/?a=1&ApiSignature=x", ""},
	"a URL with a method":  {"PUT https://api.payrexx.com/v1.0/Page/1/", "PUT", "https://api.payrexx.com/v1.0/Page/1/", ""},
	"what sign prints": {
		"POST https://api.payrexx.com/v1.0/Page/?instance=example\nContent-Type: application/x-www-form-urlencoded\n\na=1&ApiSignature=x\n",
		"POST", "https://api.payrexx.com/v1.0/Page/?instance=example", "a=1&ApiSignature=x",
	},
	"curl -v": {
		"* Trying 192.0.2.1:443...\n* Connected\n> GET /v1.0/Page/?ApiSignature=x HTTP/2\n> Host: api.payrexx.com\n> Accept: */*\n> \n* Request completely sent off\n< HTTP/2 403 \n< \n{\"status\":\"error\"}",
		"GET", "/v1.0/Page/?ApiSignature=x", "",
	},
	"curl -v, CRLF": {
		"> GET /v1.0/Page/?ApiSignature=x HTTP/1.1\r\n> Host: api.payrexx.com\r\n>\r\n< HTTP/1.1 403\r\n",
		"GET", "/v1.0/Page/?ApiSignature=x", "",
	},
	"curl -v, its lines of the request alone": {
		"> GET /v1.0/Page/?ApiSignature=x HTTP/1.1\n> Host: api.payrexx.com\n> \n",
		"GET", "/v1.0/Page/?ApiSignature=x", "",
	},
	"curl -v, and the answer's body": {
		"> GET /v1.0/Page/?ApiSignature=x HTTP/1.1\n> Host: api.payrexx.com\n> \n{\"status\":\"error\"}",
		"GET", "/v1.0/Page/?ApiSignature=x", "",
	},
	"curl -v, a POST without a body": {
		"> POST /v1.0/Page/ HTTP/1.1\n> Content-Length: 0\n> Content-Type: x/y\n> \n< HTTP/1.1 403\n",
		"POST", "/v1.0/Page/", "",
	},
	"curl -v, and the body put behind it": {
		"* Trying\n> POST /v1.0/Page/ HTTP/1.1\n> Content-Length: 3\n> \na=1\n",
		"POST", "/v1.0/Page/", "a=1",
	},
	"a command and its curl -v": {
		"$ curl -v https://api.payrexx.com/v1.0/Page/ -d a=1\n* Trying\n> POST /v1.0/Page/ HTTP/1.1\n> Content-Length: 3\n> \n* upload completely sent off: 3 bytes\n< HTTP/1.1 403\n",
		"POST", "https://api.payrexx.com/v1.0/Page/", "a=1",
	},
	"a command and what it sent": {
		"$ curl -v https://api.payrexx.com/v1.0/Page/ -d a=1\n> POST /v1.0/Page/ HTTP/1.1\n> Content-Length: 3\n> \n< HTTP/1.1 403\n",
		"POST", "https://api.payrexx.com/v1.0/Page/", "a=1",
	},
	"a command of many lines and its curl -v": {
		"me@shop:~$ curl -v https://api.payrexx.com/v1.0/Page/ \\\n>   -d a=1 \\\n>   -d 'b=2\n> c'\n* Trying\n> POST /v1.0/Page/ HTTP/1.1\n> \n",
		"POST", "https://api.payrexx.com/v1.0/Page/", "a=1&b=2\nc",
	},
	"data that looks like curl's words": {
		"curl https://api.payrexx.com/v1.0/Page/ --data-raw 'a=\n* b\n< c\n'", "POST", "https://api.payrexx.com/v1.0/Page/", "a=\n* b\n< c\n",
	},
	"a fence": {
		"Hello,\n\n```http\nPOST /v1.0/Page/ HTTP/1.1\n\na=1\n```\n\nwhat is wrong?\n", "POST", "/v1.0/Page/", "a=1",
	},
	"a fence under a heading": {
		"# My request\n\n```\n$ curl https://api.payrexx.com/v1.0/Page/ -d a=1\n```\n", "POST", "https://api.payrexx.com/v1.0/Page/", "a=1",
	},
	"a long fence": {
		strings.Repeat("`", 1<<12) + "\nPOST /v1.0/Page/ HTTP/1.1\n\na=\n```\n" + strings.Repeat("`", 1<<12) + "\n", "POST", "/v1.0/Page/", "a=\n```",
	},
	"a fence without an end": {"```\nPOST /v1.0/Page/ HTTP/1.1\n\na=1\n", "POST", "/v1.0/Page/", "a=1"},
	"a fence of tildes":      {"~~~\nPOST /v1.0/Page/ HTTP/1.1\n\na=1\n~~~\n", "POST", "/v1.0/Page/", "a=1"},
	"a fence in a quote":     {"> ```\n> $ curl https://api.payrexx.com/v1.0/Page/ \\\n> > -d a=1\n> ```\n", "POST", "https://api.payrexx.com/v1.0/Page/", "a=1"},
	"a quote":                {"> POST /v1.0/Page/ HTTP/1.1\r\n> Host: a\r\n>\r\n> a=1\r\n\r\n", "POST", "/v1.0/Page/", "a=1"},
	"a quote of a quote":     {">> POST /v1.0/Page/ HTTP/1.1\n>>\n>> a=1\n", "POST", "/v1.0/Page/", "a=1"},
	"a fence in the body": {
		"POST /v1.0/Page/ HTTP/1.1\n\na=\n```\nb\n```\n", "POST", "/v1.0/Page/", "a=\n```\nb\n```",
	},
	"a here-document": {
		"countersign explain <<END\nPOST /v1.0/Page/ HTTP/1.1\n\na=1\nEND\n", "POST", "/v1.0/Page/", "a=1",
	},
	"a here-document with tabs": {
		"countersign verify paylink <<-'EOF'\n\tPOST /v1.0/Page/ HTTP/1.1\n\n\ta=1\n\tEOF\n", "POST", "/v1.0/Page/", "a=1",
	},
	"a session": {
		"$ COUNTERSIGN_SECRET=x ./countersign explain <<'END'\n> POST /v1.0/Page/ HTTP/1.1\n>\n> a=1\n> END\nthe signature is wrong\n", "POST", "/v1.0/Page/", "a=1",
	},
}

func TestWhatPeopleHaveInHand(t *testing.T) {
	for name, c := range inHand {
		t.Run(name, func(t *testing.T) {
			req, err := Request([]byte(c.input))
			require.NoError(t, err)
			body, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			assert.Equal(t, c.method, req.Method)
			assert.Equal(t, c.url, req.URL.String())
			assert.Equal(t, c.body, string(body))
			assert.EqualValues(t, len(c.body), req.ContentLength)
		})
	}
}

// TestDocumentsCanBePasted takes each block of ours that has a request, as it stands
// there and as it looks in a terminal.
func TestDocumentsCanBePasted(t *testing.T) {
	block := regexp.MustCompile("(?s)```[a-z]*\n(.*?)```\n")
	read := 0
	for _, file := range []string{"README.md", "docs/command.md"} {
		text, err := os.ReadFile("../../../../" + file)
		require.NoError(t, err)
		for _, b := range block.FindAllStringSubmatch(string(text), -1) {
			if !regexp.MustCompile(`(?m)^\$ countersign (verify|explain) <<`).MatchString(b[1]) {
				continue
			}
			for _, input := range []string{b[0], b[1]} {
				req, err := Request([]byte(input))
				if assert.NoError(t, err, b[1]) {
					assert.Equal(t, "/v1.0/Invoice/", req.URL.Path)
					read++
				}
			}
		}
	}
	assert.GreaterOrEqual(t, read, 6)
}

func TestWhatCanBeReadInTwoWaysIsRefused(t *testing.T) {
	const line = `192.0.2.1 - - [x] "GET /v1.0/Page/?ApiSignature=x HTTP/1.1" 403 99` + "\n"
	for input, reason := range map[string]string{
		line + line: "more than one line of the log: give one",
		`192.0.2.1 - - [x] "POST /v1.0/Page/?ApiSignature=a=1 HTTP/1.1" 403 99`:                                     "an access log holds no body, which is what is signed of POST: give the request itself",
		`192.0.2.1 - - [x] "GET /rest/6.0/orders/?b=a=1 HTTP/1.1" 401 99`:                                           "has no ApiSignature, and an access log holds no headers",
		`192.0.2.1 - - [x] "-" 400 0`:                                                                               "holds no request",
		`192.0.2.1 - - [x] "\x16\x03\x01" 400 0`:                                                                    "holds no request",
		"https://api.payrexx.com/v1.0/Page/?a=1 b":                                                                  "give the URL alone",
		"https://api.payrexx.com/v1.0/Page/\nhttps://api.payrexx.com/v1.0/Bill/?a=1":                                "give the URL alone",
		"'https://api.payrexx.com/v1.0/Page/?a=1":                                                                   "give the URL alone",
		"https://api.payrexx.com/%zz?a=1":                                                                           "the URL is malformed",
		"> GET /1?a=1 HTTP/1.1\n>\n< HTTP/1.1 307\n> GET /2 HTTP/1.1\n>\n":                                          "more than one request",
		"> POST / HTTP/1.1\n> Content-Length: 3\n>\n< HTTP/1.1 403\n\na=1":                                          "curl -v does not show the body: give the curl command line",
		"* x\n> POST / HTTP/1.1\n> Content-Length: 3\n>\n":                                                          "curl -v does not show the body: give the curl command line",
		"* x\n> POST / HTTP/1.1\n> Transfer-Encoding: chunked\n>\n< HTTP/1.1 403\n":                                 "curl -v does not show the body: give the curl command line",
		"> POST / HTTP/1.1\n> Content-Length: 3\n>\n":                                                               "the body is missing, of which Content-Length says 3 bytes",
		"```\nGET / HTTP/1.1\n```\n```\nGET /?a=1 HTTP/1.1\n```\n":                                                  "more than one fenced block",
		"$ curl https://api.payrexx.com/?a=1\n$ curl https://api.payrexx.com/\n":                                    "more than one command",
		"$ curl https://api.payrexx.com/ -d a=1\n{\"status\":\"error\"}\n":                                          "leave out what it has printed",
		"$ curl https://api.payrexx.com/ \\\n* a=1\n":                                                               "there are two URLs",
		"$ countersign explain <<'END'\n> GET /?a=1 HTTP/1.1\n":                                                     "the here-document has no end",
		"$ countersign explain <<END\n> GET /?a=$b HTTP/1.1\n> END\n":                                               "the shell fills in what the here-document holds",
		"$ countersign explain <<'END'\n> GET / HTTP/1.1\n> END\nright\n$ countersign verify <<'END'\n> x\n> END\n": "more than one command",
		strings.Repeat("> ", 100) + "GET /?a=1 HTTP/1.1":                                                            "quoted too often",
	} {
		t.Run(input, func(t *testing.T) {
			_, err := Request([]byte(input))
			require.ErrorContains(t, err, reason)
			assert.NotContains(t, err.Error(), "a=1")
		})
	}
}
