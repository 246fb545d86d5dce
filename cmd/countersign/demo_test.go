package main

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
)

func TestDemo(t *testing.T) {
	text := runDemo(t)
	for _, want := range []string{
		"Checkout Paylink", "OkePay", "Shop & Pay", "VR pay secure", "2Checkout SHA2-256", "2Checkout SHA3-256",
		"SignatureCheck, query, form, JSON, multipart  5 x 200\n", "REST, JSON-RPC, SOAP  ", "X-API-KEY", "15 minutes off", "403\n", "400\n",
		"IPN, acknowledged", "buy link", "return URL",
	} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, "WRONG")
}

// What is refused is said whole.
func TestDemoSaysRefusalsWhole(t *testing.T) {
	text := strings.Join(strings.Fields(runDemo(t)), " ")
	assert.Contains(t, text, `form with a name twice parameter "pm" is given twice, and PHP keeps the last only: name a list's elements "pm[0]", "pm[1]" redirect`)
	assert.Regexp(t, `the redirect leads to http://127\.0\.0\.1:\d+, and nothing was sent there: call the final URL, if that is where the request belongs From`, text)
}

func TestDemoFitsATerminal(t *testing.T) {
	for line := range strings.Lines(runDemo(t)) {
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 80, line)
	}
	assert.Equal(t, "  "+strings.Repeat("a", 78)+"\n  b", wrap(strings.Repeat("a", 78)+" b", "  "))
	assert.Equal(t, "  a "+strings.Repeat("b", 76)+"\n  c", wrap("a "+strings.Repeat("b", 76)+" c", "  "))
	assert.Equal(t, "2 x 200, 403 WRONG", tally([]string{"200", "403 WRONG", "200"}))
}

// The code that the demo shows is what it runs, but for the errors, and makes the
// request of docs/paylink.md.
func TestDemoShowsWhatItRuns(t *testing.T) {
	source, err := os.ReadFile("demo_one.go")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(source), "func (d *demonstration) showOne() error {")
	require.True(t, found)
	for line := range strings.Lines(oneCode + "\n") {
		assert.Regexp(t, `\n {6,}`+regexp.QuoteMeta(strings.TrimLeft(line, "\t")), runDemo(t))
		_, rest, found = strings.Cut(rest, "\n\t"+strings.TrimSuffix(line, "\n")+"\n")
		require.True(t, found, "in this order: %s", line)
		rest = "\n" + rest
	}
	manual, err := os.ReadFile("../../docs/paylink.md")
	require.NoError(t, err)
	body := "purpose=This%20is%20a%2Bb%20100%25%20test&ApiSignature=6yVehX4QRGOhtEwlwGczPYXd1C6hhmjAm%2Bd3dYPjW4g%3D\n"
	assert.Contains(t, string(manual), body)
	assert.Contains(t, regexp.MustCompile(`\n *&`).ReplaceAllString(runDemo(t), "&"), body)
}

func runDemo(t *testing.T) string {
	var stdout, stderr bytes.Buffer
	require.Zero(t, run([]string{"demo"}, nil, &stdout, &stderr), "%s", &stderr)
	return stdout.String()
}

// TestDemoNotices shows that each check of the demo can fail.
func TestDemoNotices(t *testing.T) {
	c := call{signed: "a=1", parameters: [][2]string{{"a", "1"}}, status: 200}
	right := authtest.Exchange{StringToSign: "a=1", Parameters: [][2]string{{"a", "1"}}, Status: 200}
	assert.Empty(t, c.checkAnswer(200, []authtest.Exchange{right}))
	assert.Contains(t, c.checkAnswer(403, []authtest.Exchange{right}), "the status is 403")
	assert.Contains(t, c.checkAnswer(200, nil), "saw 0 requests and should have seen 1")
	other := right
	other.StringToSign = "a=2"
	assert.Contains(t, c.checkAnswer(200, []authtest.Exchange{other}), "the string to sign")
	other = right
	other.Parameters = nil
	assert.Contains(t, c.checkAnswer(200, []authtest.Exchange{other}), "should have seen")
	assert.NotEmpty(t, c.checkError(auth.ErrParameter, nil), "an error that is not expected")

	c = call{err: auth.ErrRedirect}
	assert.Empty(t, c.checkError(auth.ErrRedirect, nil))
	assert.NotEmpty(t, c.checkError(errors.New("another"), nil))
	assert.NotEmpty(t, c.checkError(auth.ErrRedirect, []authtest.Exchange{right}))
	assert.NotEmpty(t, c.checkAnswer(200, nil))

	var d demonstration
	assert.Equal(t, "200", d.judge("2Checkout", "IPN", "200", ""))
	assert.Equal(t, "200 WRONG", d.judge("2Checkout", "IPN", "200", "it should be acknowledged"))
	assert.Equal(t, []string{"2Checkout, IPN: it should be acknowledged"}, d.wrong)
}
