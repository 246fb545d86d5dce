package paylinkhmac_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
)

// TestVerifyingIsBounded: 2 MiB of anything, signed or not, are verified in at most
// 64 MiB.
func TestVerifyingIsBounded(t *testing.T) {
	const size, most = 2 << 20, 64 << 20
	fill := func(head, piece, tail string) string {
		return head + strings.Repeat(piece, (size-len(head)-len(tail))/len(piece)) + tail
	}
	const behind = `"ApiSignature":"x"}`
	long := strings.Repeat("[", size/4)
	numbered := func(head, format, tail string) string {
		var b strings.Builder
		b.WriteString(head)
		for i := 0; b.Len() < size-len(tail)-40; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String() + tail
	}
	bodies := map[string][2]string{
		"a list of numbers":               {jsonType, fill("[0", ",0", "]")},
		"an object with a list":           {jsonType, fill(`{"a":[0`, ",0", "],"+behind)},
		"lists that are replaced":         {jsonType, fill("{", `"a":[1,2,3,4,5,6,7,8,9,10,11,12],`, behind)},
		"lists that are replaced, unsaid": {jsonType, fill("{", `"":[[],[]],`, behind)},
		"deep lists":                      {jsonType, fill("[", strings.Repeat("[", 500)+strings.Repeat("]", 500)+",", "1]")},
		"deep objects":                    {jsonType, fill("{", `"a":`+strings.Repeat(`{"a":`, 500)+"1"+strings.Repeat("}", 500)+",", behind)},
		"open lists":                      {jsonType, fill(`{`+behind[:len(behind)-1]+`,"a":`, "[", "")},
		"members":                         {jsonType, numbered("{", `"m%d":1,`, behind)},
		"members again and again":         {jsonType, fill("{", `"m":1,`, behind)},
		"nulls":                           {jsonType, fill(`{"a":[null`, ",null", "],"+behind)},
		"escapes":                         {jsonType, fill(`{"a":"`, `\u00fc`, `",`+behind)},
		"a long value":                    {jsonType, fill(`{"a":"`, "[", `",`+behind)},
		"a long name of many values":      {jsonType, fill(`{"`+long+`":[1,2,3,4,5,6,7,8,9,10],"c":"`, "x", `",`+behind)},
		"a name of 50 bytes, many values": {jsonType, fill(`{"`+strings.Repeat("[", 50)+`":[`, `"",`, `1],`+behind)},
		"as many values as can be":        {jsonType, `{"` + strings.Repeat("[", 30) + `":[` + strings.Repeat("1,", 99_000) + `1],"c":"` + strings.Repeat("x", size-300_000) + `",` + behind},
		"signatures":                      {jsonType, fill("{", `"ApiSignature":"x",`, behind)},
		"a name in escapes":               {jsonType, fill(`{"`, `\u0041`, `":1,`+behind)},
		"no end":                          {jsonType, fill(`{`+behind[:len(behind)-1]+`,"a":[0`, ",0", "")},
		"spaces":                          {jsonType, fill("", " ", "{"+behind)},
		"an object without a signature":   {jsonType, fill(`{"a":[0`, ",0", "]}")},
		"a list that is a form, too":      {jsonType, fill("[0", ",0", `,"&ApiSignature=x&"]`)},
		"parameters":                      {formType, fill("ApiSignature=x", "&0", "")},
		"other parameters":                {formType, numbered("ApiSignature=x", "&%d", "")},
		"nameless parameters":             {formType, fill("ApiSignature=x", "&=", "")},
		"ampersands":                      {formType, fill("ApiSignature=x", "&", "")},
		"plus signs":                      {formType, fill("ApiSignature=x&a=", "+", "")},
		"brackets":                        {formType, fill("ApiSignature=x&a", "[a]", "=1")},
		"long values":                     {formType, fill("ApiSignature=x", "&a[]="+strings.Repeat("~", 2100), "")},
		"long names":                      {formType, fill("ApiSignature=x", "&a["+strings.Repeat("~", 2100)+"][]", "")},
		"a form without a signature":      {formType, fill("a=", "~", "")},
		"parts":                           {partsType, fill("", "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n", parts("ApiSignature=x"))},
		"a long part":                     {partsType, fill("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", "~", "\r\n"+parts("ApiSignature=x"))},
		"empty parts":                     {partsType, fill("", "--B\r\nContent-Disposition: form-data; name=\"a[]\"\r\n\r\n\r\n", parts("ApiSignature=x"))},
		"long parts":                      {partsType, fill("", "--B\r\nContent-Disposition: form-data; name=\"a[]\"\r\n\r\n"+strings.Repeat("~", 2100)+"\r\n", parts("ApiSignature=x"))},
	}
	// The same and others, rightly signed.
	value := strings.Repeat("~", size-1000)
	bodies["a signed form"] = [2]string{formType, "a=" + value + "&" + signedBy("a="+strings.ReplaceAll(value, "~", "%7E"))}
	bodies["a signed form, with much behind"] = [2]string{formType, numbered(signedBy("a=1")+"&a=1", "&=%d", "")}
	bodies["a signed part"] = [2]string{partsType, parts("a="+value, "ApiSignature="+signatureOf("a="+strings.ReplaceAll(value, "~", "%7E")))}
	bodies["a signed object"] = [2]string{jsonType, fmt.Sprintf(`{"a":%q,"ApiSignature":%q}`, value, signatureOf("a="+strings.ReplaceAll(value, "~", "%7E")))}
	name, query := strings.Repeat("[", 50), strings.Builder{}
	for i := range 90_000 {
		fmt.Fprintf(&query, "%s%%5B%d%%5D=1&", strings.Repeat("%5B", 50), i)
	}
	bodies["as many signed values as can be"] = [2]string{jsonType, fmt.Sprintf(`{%q:[%s1],"ApiSignature":%q,"b":[]%s}`, name, strings.Repeat("1,", 89_999),
		signatureOf(strings.TrimSuffix(query.String(), "&")), strings.Repeat(" ", size-300_000))}

	for name, body := range bodies {
		require.LessOrEqual(t, len(body[1]), size, name)
		for _, reading := range []paylinkhmac.Reading{paylinkhmac.Live, paylinkhmac.Strict} {
			if reading == paylinkhmac.Strict && !strings.Contains(name, "signed") {
				continue // it reads no further than Live does
			}
			req := received(t, "POST", "instance=example", body[0], body[1])
			verifier := &paylinkhmac.Verifier{Secret: auth.NewSecret(secret), Reading: reading}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			found, err := verifier.Verify(req)
			runtime.ReadMemStats(&after)
			assert.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(most), "%s, %v", name, reading)
			if testing.Verbose() && reading == paylinkhmac.Live {
				t.Logf("%s: %d KiB, %v, %d bytes to sign", name, (after.TotalAlloc-before.TotalAlloc)>>10, err, len(found.StringToSign))
			}
			if strings.Contains(name, "signed") && reading == paylinkhmac.Live {
				assert.NoError(t, err, name)
			}
		}
	}
}
