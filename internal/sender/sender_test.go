package sender

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
)

const testKey = "test-secret-key"

var (
	sha3Field, sha2Field, md5Field = vendor.HashFields[0], vendor.HashFields[1], vendor.HashFields[2]
	sentAt                         = time.Date(2026, 3, 4, 5, 6, 8, 0, time.UTC)
)

func notification(kind Kind, field vendor.HashField, fields ...Field) *Message {
	return NewNotification(kind, Replace(Defaults(kind, sentAt), fields), field, auth.NewSecret(testKey), false)
}

// prefixed is the test's own way to join values.
func prefixed(values ...string) (s string) {
	for _, v := range values {
		s += fmt.Sprint(len(v), v)
	}
	return s
}

func mac(function func() hash.Hash, text string) string {
	h := hmac.New(function, []byte(testKey))
	io.WriteString(h, text)
	return hex.EncodeToString(h.Sum(nil))
}

func sha2(text string) string { return mac(sha256.New, text) }

func sha3Of(text string) string { return mac(func() hash.Hash { return sha3.New256() }, text) }

func sig(algo, date, hash string) string {
	return `<sig algo="` + algo + `" date="` + date + `">` + hash + `</sig>`
}

const replied = "20260304050709"

// TestJudge: each mistake of a reply is named, with nothing beside it.
func TestJudge(t *testing.T) {
	const sent = "20260304050608"
	odd := []Field{{"IPN_PNAME[]", ` Größe "L" \ 😀 & `}}
	const oddName = ` Größe "L" \ 😀 & `
	right := prefixed("4711", "Software program", sent, replied)
	byHand := func(text string) string {
		pad := func(with byte) []byte {
			b := make([]byte, 64)
			copy(b, testKey)
			for i := range b {
				b[i] ^= with
			}
			return b
		}
		inner := sha3.Sum256(append(pad(0x36), text...))
		outer := sha3.Sum256(append(pad(0x5c), inner[:]...))
		return hex.EncodeToString(outer[:])
	}
	for name, c := range map[string]struct {
		m        *Message
		status   int
		body     string
		verdict  Verdict
		mistakes []string // how each begins
	}{
		"right":                 {status: 200, body: sig("sha256", replied, sha2(right)), verdict: Right},
		"anywhere":              {status: 200, body: "<html>" + strings.Repeat("x", 5000) + sig("sha256", replied, sha2(right)) + "\nthank you", verdict: Right},
		"behind another tag":    {status: 200, body: sig("sha256", replied, sha2("x")) + sig("sha256", replied, sha2(right)), verdict: Right},
		"SHA3":                  {m: notification(IPN, sha3Field), status: 200, body: sig("sha3-256", replied, sha3Of(right)), verdict: Right},
		"odd values":            {m: notification(IPN, sha2Field, odd...), status: 200, body: sig("sha256", replied, sha2(prefixed("4711", oddName, sent, replied))), verdict: Right},
		"another year":          {status: 200, body: sig("sha256", "19990101000000", sha2(prefixed("4711", "Software program", sent, "19990101000000"))), verdict: Right},
		"index 0":               {m: notification(IPN, sha2Field, Field{"IPN_PID[]", "1"}, Field{"IPN_PID[0]", "2"}), status: 200, body: sig("sha256", replied, sha2(prefixed("2", "Software program", sent, replied))), verdict: Right},
		"LCN":                   {m: notification(LCN, sha2Field), status: 200, body: sig("sha256", replied, sha2(prefixed("3C343D0FAF", "2027-03-04 05:06:08", replied))), verdict: Right},
		"LCN, hour of a digit":  {m: notification(LCN, sha2Field), status: 200, body: sig("sha256", "2026030450709", sha2(prefixed("3C343D0FAF", "2027-03-04 05:06:08", "2026030450709"))), verdict: Right},
		"capital digits":        {status: 200, body: sig("sha256", replied, strings.ToUpper(sha2(right))), verdict: Right},
		"another algorithm":     {m: notification(IPN, sha3Field), status: 200, body: sig("sha256", replied, sha2(right)), mistakes: []string{"the reply is made with another algorithm than the message, sha256"}},
		"named another":         {status: 200, body: sig("sha3-256", replied, sha2(right)), mistakes: []string{"the tag names another algorithm"}},
		"sha2-256":              {status: 200, body: sig("sha2-256", replied, sha2(right)), mistakes: []string{"the algorithm is called sha2-256"}},
		"sha3_256":              {m: notification(IPN, sha3Field), status: 200, body: sig("sha3_256", replied, sha3Of(right)), mistakes: []string{"the algorithm is called sha3_256"}},
		"SHA in EPAYMENT":       {status: 200, body: "<EPAYMENT>" + replied + "|" + sha2(right) + "</EPAYMENT>", mistakes: []string{"a SHA hash stands in EPAYMENT"}},
		"dashes":                {status: 200, body: sig("sha256", "2026-03-04 05:07:09", sha2(prefixed("4711", "Software program", sent, "2026-03-04 05:07:09"))), mistakes: []string{"the date has dashes"}},
		"dashes in the tag":     {status: 200, body: sig("sha256", "2026-03-04 05:07:09", sha2(right)), mistakes: []string{"the date has dashes"}},
		"two clock reads":       {status: 200, body: sig("sha256", "20260304050710", sha2(right)), mistakes: []string{"the date in the tag is not the one"}},
		"two time zones":        {status: 200, body: sig("sha256", "20260304060709", sha2(right)), mistakes: []string{"the date in the tag is not the one"}},
		"dashes hashed":         {status: 200, body: sig("sha256", replied, sha2(prefixed("4711", "Software program", sent, "2026-03-04 05:07:09"))), mistakes: []string{"the date in the tag is not the one"}},
		"all elements":          {status: 200, body: sig("sha256", replied, sha2(prefixed("4711", "4712", "Software program", "Support for a year", sent, replied))), mistakes: []string{"all elements are hashed"}},
		"all elements in turn":  {status: 200, body: sig("sha256", replied, sha2(prefixed("4711", "Software program", "4712", "Support for a year", sent, replied))), mistakes: []string{"all elements are hashed"}},
		"the last element":      {status: 200, body: sig("sha256", replied, sha2(prefixed("4712", "Support for a year", sent, replied))), mistakes: []string{"the last element"}},
		"characters":            {m: notification(IPN, sha2Field, odd...), status: 200, body: sig("sha256", replied, sha2("4471117"+oddName+prefixed(sent, replied))), mistakes: []string{"lengths are those in characters"}},
		"UTF-16":                {m: notification(IPN, sha2Field, odd...), status: 200, body: sig("sha256", replied, sha2("4471118"+oddName+prefixed(sent, replied))), mistakes: []string{"lengths are those in UTF-16"}},
		"either unit":           {m: notification(IPN, sha2Field, Field{"IPN_PNAME[]", "Größe"}), status: 200, body: sig("sha256", replied, sha2("44711"+"5Größe"+prefixed(sent, replied))), mistakes: []string{"lengths are those in characters or UTF-16 units"}},
		"refused, not ASCII":    {m: notification(IPN, sha2Field, Field{"IPN_PNAME[]", "ü"}), status: 400, mistakes: []string{"the message is refused, as where lengths are those in characters or UTF-16 units (possible", "the message is refused, as with another key"}},
		"trimmed and UTF-16":    {m: notification(IPN, sha2Field, odd...), status: 200, body: sig("sha256", replied, sha2("4471116"+strings.TrimSpace(oddName)+prefixed(sent, replied))), mistakes: []string{"values are trimmed", "lengths are those in UTF-16"}},
		"stripslashes":          {m: notification(IPN, sha2Field, odd...), status: 200, body: sig("sha256", replied, sha2(prefixed("4711", ` Größe "L"  😀 & `, sent, replied))), mistakes: []string{"backslashes are taken out"}},
		"trimmed":               {m: notification(IPN, sha2Field, odd...), status: 200, body: sig("sha256", replied, sha2(prefixed("4711", strings.TrimSpace(oddName), sent, replied))), mistakes: []string{"values are trimmed"}},
		"HTML-coded":            {m: notification(IPN, sha2Field, odd...), status: 200, body: sig("sha256", replied, sha2(prefixed("4711", ` Größe &quot;L&quot; \ 😀 &amp; `, sent, replied))), mistakes: []string{"values are HTML-coded"}},
		"escaped":               {status: 200, body: sig("sha256", replied, sha2(prefixed("4711", "Software+program", sent, replied))), mistakes: []string{"values are hashed with their escapes"}},
		"no lengths":            {status: 200, body: sig("sha256", replied, sha2("4711Software program"+sent+replied)), mistakes: []string{"no lengths"}},
		"lengths behind":        {status: 200, body: sig("sha256", replied, sha2("47114Software program16"+sent+"14"+replied+"14")), mistakes: []string{"lengths stand behind"}},
		"SHA3 by hand":          {m: notification(IPN, sha3Field), status: 200, body: sig("sha3-256", replied, byHand(right)), mistakes: []string{"the HMAC with SHA3 is made by hand with a block of 64"}},
		"another key":           {status: 200, body: sig("sha256", replied, strings.Repeat("0", 64)), mistakes: []string{"another key (possible"}},
		"named and another key": {status: 200, body: sig("sha2-256", replied, strings.Repeat("0", 64)), mistakes: []string{"the algorithm is called sha2-256", "another key (possible"}},
		"not digits":            {status: 200, body: sig("sha256", replied, "pq=="), mistakes: []string{"the hash is not written as hexadecimal"}},
		"no digits":             {status: 200, body: sig("sha256", replied, ""), mistakes: []string{"the hash is not written as hexadecimal"}},
		"no date":               {status: 200, body: sig("sha256", "", sha2(prefixed("4711", "Software program", sent, ""))), mistakes: []string{"there is no date"}},
		"single quotes":         {status: 200, body: strings.ReplaceAll(sig("sha256", replied, sha2(right)), `"`, "'"), mistakes: []string{"the tag is not written"}},
		"HTML-coded tag":        {status: 200, body: "&lt;sig algo=&quot;sha256&quot;&gt;", mistakes: []string{"the tag is not written"}},
		"no tag":                {status: 200, body: "OK", mistakes: []string{"no tag"}},
		"nothing":               {status: 200, mistakes: []string{"no tag"}},
		"an error's text":       {status: 200, body: "Bad Hash", mistakes: []string{"a 200 with an error's text"}},
		"right, not 200":        {status: 202, body: sig("sha256", replied, sha2(right)), mistakes: []string{"the reply is not sent with 200"}},
		"right, redirected":     {status: 302, body: sig("sha256", replied, sha2(right)), mistakes: []string{"the reply is not sent with 200"}},
		"refused":               {status: 400, mistakes: []string{"the message is refused, as with another key (possible"}},
		"refused, odd":          {m: notification(IPN, sha2Field, Field{"IPN_PNAME[]", `\`}), status: 400, mistakes: []string{"the message is refused, as where backslashes are taken out before hashing (stripslashes) (possible", "the message is refused, as with another key"}},
		"failed, edges":         {m: notification(IPN, sha2Field, Field{"X", " x"}), status: 500, mistakes: []string{"the receiver failed, as where values are trimmed", "the receiver failed"}},
		"redirects":             {status: 301, mistakes: []string{"the receiver redirects"}},
		"no content":            {status: 204, mistakes: []string{"the status is not 200"}},
		"no POST":               {status: 405, mistakes: []string{"the receiver takes no POST"}},
		"not found":             {status: 404, mistakes: []string{"there is nothing at this path"}},
		"logged in":             {status: 403, mistakes: []string{"something in front refuses"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := c.m
			if m == nil {
				m = notification(IPN, sha2Field)
			}
			if c.mistakes != nil {
				c.verdict = Wrong
			}
			j := m.Judge(&Answer{c.status, []byte(c.body)})
			assert.Equal(t, c.verdict, j.Verdict, "%+v", j)
			require.Len(t, j.Mistakes, len(c.mistakes), "%+v", j)
			for i, begin := range c.mistakes {
				assert.True(t, strings.HasPrefix(j.Mistakes[i].Name, begin), "%+v", j)
				assert.NotEmpty(t, j.Mistakes[i].Fix)
			}
			text := fmt.Sprint(j)
			assert.NotContains(t, text, testKey)
			assert.NotContains(t, text, sha2(right))
		})
	}
}

// TestJudgeMD5 is the same for a message that is signed with MD5 only.
func TestJudgeMD5(t *testing.T) {
	if fips140.Enforced() {
		return // there is none then
	}
	m := notification(IPN, md5Field)
	text := prefixed("4711", "Software program", "20260304050608", replied)
	hash := mac(md5.New, text)
	assert.Equal(t, Right, m.Judge(&Answer{200, []byte("<EPAYMENT>" + replied + "|" + hash + "</EPAYMENT>")}).Verdict)
	for body, begin := range map[string]string{
		sig("md5", replied, hash):                                             "an MD5 hash stands in sig",
		sig("sha256", replied, sha2(text)):                                    "the reply is made with another algorithm",
		"<EPAYMENT>" + replied + "|" + mac(md5.New, text+"x") + "</EPAYMENT>": "another key (possible",
		"<epayment>" + replied + "|" + hash + "</epayment>":                   "the tag is not written",
	} {
		j := m.Judge(&Answer{200, []byte(body)})
		require.Len(t, j.Mistakes, 1, "%s", body)
		assert.True(t, strings.HasPrefix(j.Mistakes[0].Name, begin), "%s: %+v", body, j)
	}
}

// TestJudgeAWrongHash: what is right is a refusal.
func TestJudgeAWrongHash(t *testing.T) {
	key := auth.NewSecret(testKey)
	m := NewNotification(IPN, Defaults(IPN, sentAt), sha2Field, key, true)
	reply := sig("sha256", replied, sha2(prefixed("4711", "Software program", "20260304050608", replied)))
	for _, c := range []struct {
		status  int
		body    string
		verdict Verdict
	}{{400, "Bad Request", Right}, {403, "", Right}, {400, reply, Wrong}, {200, reply, Wrong}, {200, "Bad Hash", Wrong}, {500, "", Wrong}, {302, "", Wrong}, {200, "<EPAYMENT>x", Wrong}} {
		j := m.Judge(&Answer{c.status, []byte(c.body)})
		assert.Equal(t, c.verdict, j.Verdict, "%d %s", c.status, c.body)
		assert.Equal(t, c.verdict == Wrong, len(j.Mistakes) > 0, "%d %s", c.status, c.body)
	}
	hook := NewWebhook(DefaultJSON(), "application/json", key, true)
	for status, verdict := range map[int]Verdict{400: Right, 401: Right, 200: Wrong, 204: Wrong, 500: Wrong, 301: Wrong} {
		assert.Equal(t, verdict, hook.Judge(&Answer{Status: status}).Verdict, "%d", status)
	}
}

func TestJudgeAWebhook(t *testing.T) {
	hook := NewWebhook(DefaultJSON(), "application/json", auth.NewSecret(testKey), false)
	for status, verdict := range map[int]Verdict{200: Right, 202: Right, 299: Right, 300: Wrong, 199: Wrong, 400: Wrong, 404: Wrong, 500: Wrong} {
		assert.Equal(t, verdict, hook.Judge(&Answer{Status: status}).Verdict, "%d", status)
	}
}

// TestAnErrorBesideTheReplyIsNoted: the gateway takes the reply, and the message is lost.
func TestAnErrorBesideTheReplyIsNoted(t *testing.T) {
	m := notification(IPN, sha2Field, Field{"TEST_ORDER", "0"})
	reply := sig("sha256", replied, sha2(prefixed("4711", "Software program", "20260304050608", replied)))
	for text, notes := range map[string]int{"": 0, "thank you\n": 0, "Fatal error: no such order\n": 1} {
		j := m.Judge(&Answer{200, []byte(text + reply)})
		assert.Equal(t, Right, j.Verdict, "%s", text)
		assert.Len(t, j.Notes, notes, "%s", text)
	}
}

// TestNewNotification: the hash is PHP's, for the vectors' fields.
func TestNewNotification(t *testing.T) {
	text, err := os.ReadFile("../../testdata/inbound.json")
	require.NoError(t, err)
	type group struct {
		Cases []struct {
			Name, Key string
			Pairs     [][2]string
			MAC       map[string]string
			Source    *string
		}
	}
	var vectors struct {
		IPN group `json:"ipn_request"`
		LCN group `json:"lcn_request"`
	}
	require.NoError(t, json.Unmarshal(text, &vectors))
	compared := 0
	for kind, g := range map[Kind]group{IPN: vectors.IPN, LCN: vectors.LCN} {
		for _, c := range g.Cases {
			if c.Source == nil || c.Pairs == nil || fips140.Enforced() && len(c.Key) < 14 {
				continue // it is not UTF-8, or has no pairs
			}
			var fields []Field
			for _, p := range c.Pairs {
				fields = append(fields, Field{p[0], p[1]})
			}
			for _, field := range vendor.HashFields {
				if field.Function.Name == vendor.MD5.Name && fips140.Enforced() {
					continue
				}
				m := NewNotification(kind, fields, field, auth.NewSecret(c.Key), false)
				assert.Equal(t, c.MAC[field.Function.Name], m.hash, "%s, %s", c.Name, field.Function.Name)
				values, err := url.ParseQuery(string(m.Body))
				require.NoError(t, err)
				assert.Contains(t, values[field.Name], m.hash)
				compared++
			}
		}
	}
	assert.Greater(t, compared, 20)
}

func TestReplace(t *testing.T) {
	fields := []Field{{"a[]", "1"}, {"b", "2"}, {"a[]", "3"}, {"c", "4"}}
	assert.Equal(t, fields, Replace(fields, nil))
	assert.Equal(t, []Field{{"a[]", "x"}, {"a[]", ""}, {"a[]", "y"}, {"b", "2"}, {"c", "4"}, {"d", "new"}},
		Replace(fields, []Field{{"a[]", "x"}, {"d", "new"}, {"a[]", ""}, {"a[]", "y"}}))
	assert.Equal(t, []Field{{"a[]", "x"}, {"b", ""}, {"c", "4"}}, Replace(fields, []Field{{"b", ""}, {"a[]", "x"}}))
}

// TestDefaults: what the vendor's SDKs are known to read wrongly is not sent unasked.
func TestDefaults(t *testing.T) {
	for _, kind := range []Kind{IPN, LCN} {
		for _, f := range Defaults(kind, sentAt) {
			assert.Regexp(t, `^[A-Z0-9_]+(\[\])?$`, f.Name)
			assert.Regexp(t, `^[!-\[\]-~]([ -\[\]-~]*[!-\[\]-~])?$`, f.Value, "%s", f.Name)
		}
		assert.Empty(t, notification(kind, sha2Field).possible())
	}
}
