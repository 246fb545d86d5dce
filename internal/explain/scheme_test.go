package explain

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSchemesShareRows: what can go wrong with any key, hash function, coding or length
// is in each scheme's table, once, and comes from one place.
func TestSchemesShareRows(t *testing.T) {
	for _, c := range []struct {
		scheme *scheme
		rows   []row[making]
	}{{paylinkScheme, paylinkRows}, {avangateScheme, avangateRows}} {
		names := make(map[string]int)
		for i, r := range c.rows {
			names[r.Name]++
			assert.True(t, i == 0 || c.rows[i-1].step <= r.step, r.Name)
		}
		shared := slices.Concat(c.scheme.layoutRows(), c.scheme.keyRows(), c.scheme.functionRows(), c.scheme.keyingRows())
		for _, r := range shared {
			assert.Equal(t, 1, names[r.Name], r.Name)
		}
		assert.Len(t, shared, len(c.scheme.layoutRows())+13+len(hashFunctions)+3)
		assert.Contains(t, codings, c.scheme.coding)
	}
}

// A thirdScheme signs its values, each behind its length. All that it needs is its words,
// a mistake of its own, and a reader, explainThird.
var (
	thirdScheme = &scheme{
		signature: "hash", coding: lowerHex, codingFix: "Send small hexadecimal digits.",
		key: "word", shown: "Secret Word", keyFix: "Take it as text.",
		functions: []*hashFunction{sha256Hash}, functionFix: "Make an HMAC-SHA256.",
		layout: lengthBefore, layoutFix: "Write each length before its value.",
	}
	thirdRows = thirdScheme.table(row[making]{Mistake{"an empty value is not signed", "Sign all."}, withoutValues(""), false, parametersStep})
)

func explainThird(query, signature, secret string) *Diagnosis {
	r := &source{scheme: thirdScheme, functions: thirdScheme.functions, secret: secret, right: message{query: query, layout: thirdScheme.layout}}
	d := &Diagnosis{StringToSign: string(r.right.append(nil))}
	s := search[making]{rows: thirdRows, try: r.work.try, spent: r.work.takeSpent, seen: making.seen}
	s.explain(d, r.makings(signature)...)
	return d
}

func TestASchemeIsAReaderAndATable(t *testing.T) {
	const secret, right = "some-secret-word", "07Zürich02CH"
	mac := func(function func() hash.Hash, key, text string) []byte {
		h := hmac.New(function, []byte(key))
		io.WriteString(h, text)
		return h.Sum(nil)
	}
	digits := func(text string) string { return hex.EncodeToString(mac(sha256.New, secret, text)) }
	for signature, want := range map[string]string{
		digits("7Zürich2CH"):                               "an empty value is not signed",
		digits("0ZürichCH"):                                "a length is missing",
		digits("06Zürich02CH"):                             "the length is in characters",
		digits("ZürichCH"):                                 "the lengths are left out",
		strings.ToUpper(digits(right)):                     "the hash is in upper-case hexadecimal digits",
		hex.EncodeToString(mac(sha512.New, secret, right)): "SHA-512 is used",
		base64.StdEncoding.EncodeToString(mac(sha256.New, secret, right)):      "the hash is in base64",
		base64.StdEncoding.EncodeToString(mac(sha512.New, secret, "ZürichCH")): "the hash is in base64, SHA-512 is used, the lengths are left out",
		hex.EncodeToString(mac(sha256.New, secret+"\n", right)):                "white space around the word",
		hex.EncodeToString(mac(sha256.New, secret+"\n", "7Zürich2CH")):         "an empty value is not signed, white space around the word",
	} {
		d := explainThird("a=&b=Z%C3%BCrich&c=&d=CH", signature, secret)
		require.NotEmpty(t, d.Findings, want)
		assert.Equal(t, want, strings.Join(namesOf(d.Findings[0].Mistakes), ", "))
	}
}

// TestNoRowGoesOverTheBudget: a row that makes many texts of a long one stops.
func TestNoRowGoesOverTheBudget(t *testing.T) {
	for _, size := range []int{10, 1 << 20} {
		c := &avangateClaim{code: strings.Repeat("x", size), date: avangateDate}
		c.readDate()
		r := c.source(avangateKey)
		made := 0
		for _, row := range avangateRows {
			made = max(made, len(row.apply(r.makings(strings.Repeat("00", 32))[0])))
		}
		assert.Equal(t, size > 10, r.work.incomplete)
		if size > 10 {
			assert.LessOrEqual(t, made, maxOfRow/size)
		} else {
			assert.Equal(t, 2*len(everySecond), made)
		}
	}
}

// TestNoRowOfPaylinkGoesOverTheBudget: nor does one that makes many texts of as many long
// parameters, before they are tried.
func TestNoRowOfPaylinkGoesOverTheBudget(t *testing.T) {
	for _, size := range []int{10 << 10, 20 << 10} { // 1 MiB in all, and more
		form := "ApiSignature=" + strings.Repeat("A", 43) + "%3D"
		for i := range 90 {
			form += fmt.Sprintf("&p%d=%s", i, strings.Repeat("%26%C3%BC", size/len("%26%C3%BC")))
		}
		r := &paylinkRequest{method: "POST"}
		r.readForm(form)
		r.toSign = r.kept.canonical
		r.scheme, r.functions, r.secret, r.right, r.read = paylinkScheme, paylinkScheme.functions, testSecret, message{query: r.toSign}, r
		for _, row := range paylinkRows {
			r.work.takeSpent()
			row.apply(r.makings(r.kept.claim)[0])
			assert.LessOrEqual(t, r.work.spent, 2*maxOfRow, row.Name)
		}
	}
}
