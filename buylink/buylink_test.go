package buylink_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/buylink"
)

var word = auth.NewSecret("test-secret-word")

// over is the signature over a string.
func over(source string) string {
	mac := hmac.New(sha256.New, []byte(word.Reveal()))
	mac.Write([]byte(source))
	return hex.EncodeToString(mac.Sum(nil))
}

// misspelt are queries that readers could take in two ways, with what is told of each.
var misspelt = map[string]string{
	"a=1&a=2":       `parameter "a" is given twice`,
	"a=1&%61=1":     `parameter "a" is given twice`,
	"a=1&a":         `parameter "a" is given twice`,
	"a.b=1":         `parameter "a.b" has a space, a dot or a bracket`,
	"a+b=1":         `has a space, a dot or a bracket`,
	"%20a=1":        `has a space, a dot or a bracket`,
	"a%2Eb=1":       `has a space, a dot or a bracket`,
	"a[]=1":         `has a space, a dot or a bracket`,
	"a%5Bb%5D=1":    `has a space, a dot or a bracket`,
	"a[b=1":         `has a space, a dot or a bracket`,
	"a%00b=1":       `has a NUL byte`,
	"=1":            `parameter 1 has no name`,
	"9=1":           `parameter "9" is a number`,
	"-1=1":          `is a number`,
	"1e1=1":         `is a number`,
	"%2B1E-2=1":     `is a number`,
	"%091=1":        `is a number`,
	"1%0B=1":        `is a number`,
	"a=%":           `parameter "a" has a malformed %-escape`,
	"a=%4":          `has a malformed %-escape`,
	"%zz=1":         `parameter 1 has a malformed %-escape`,
	"Signature=1":   `parameter "Signature" is "signature" in another spelling`,
	"s%69gnature=1": `in another spelling`,
	strings.Repeat("&", 2000) + strings.Join(numbered(1001), "&"): "more parameters than PHP takes",
}

// numbered returns n parameters.
func numbered(n int) (query []string) {
	for i := range n {
		query = append(query, fmt.Sprintf("p%d=", i))
	}
	return query
}

func TestMisspeltNamesAreRefused(t *testing.T) {
	s := buylink.Signer{SecretWord: word}
	v := buylink.Verifier{SecretWord: word, Own: []string{"a", "a.b", "9", "Signature"}}
	for query, reason := range misspelt {
		_, err := s.Sign(context.Background(), &url.URL{RawQuery: query})
		if assert.ErrorIs(t, err, auth.ErrParameter, query) {
			assert.ErrorContains(t, err, reason, query)
		}
		const order = "refno=1&total=1.00&total-currency=EUR&signature="
		for _, signature := range []string{over("1141.003EUR"), over("11141.003EUR"), "", over("")} {
			_, err = v.Verify(context.Background(), &url.URL{RawQuery: query + "&" + order + signature})
			assert.ErrorIs(t, err, auth.ErrParameter, query)
			_, err = v.Verify(context.Background(), &url.URL{RawQuery: order + signature + "&" + query})
			assert.ErrorIs(t, err, auth.ErrParameter, query)
		}
	}
}

func TestALinkIsKeptAsItIs(t *testing.T) {
	s := buylink.Signer{SecretWord: word}
	for link, source := range map[string]string{
		"":  "",
		"?": "",
		"https://secure.2checkout.com/checkout/buy?qty=1;2&prod=A;B&x=y":     "3A;B31;2",
		"https://u@secure.2checkout.com:444/x%2Fy?prod=a%2fb%20c+d&&qty&#to": "7a/b c d0",
		"?return-url=https://shop.example/b?a=b&merchant=X&test=1":           "26https://shop.example/b?a=b",
		"?prod=%C3%84&Prod=1&PROD=2":                                         "2Ä",
		"?prod=!~}":                                                          "3!~}",
		"?prod=%00%ff":                                                       "2\x00\xff",
		"?2nd=1&e1=1&prod=1":                                                 "11",
		"?" + strings.Join(numbered(1000), "&"):                              "",
	} {
		u := parse(t, link)
		before := *u
		got, err := s.Sign(context.Background(), u)
		require.NoError(t, err, link)
		assert.Equal(t, before, *u, "the link itself is not changed")
		head, fragment, _ := strings.Cut(link, "#")
		if _, query, _ := strings.Cut(head, "?"); query != "" {
			head += "&"
		} else {
			head = strings.TrimSuffix(head, "?") + "?"
		}
		want := head + "signature=" + over(source)
		if fragment != "" {
			want += "#" + fragment
		}
		assert.Equal(t, want, got.String())
	}
}

func TestLinksThatAreRefused(t *testing.T) {
	plugins := append(buylink.Dynamic(), "cust-params", "coupon")
	for _, c := range []struct {
		query  string
		names  []string
		source auth.SecretSource
		code   error
		reason string
	}{
		{"prod=1&signature=" + over("11"), nil, word, auth.ErrParameter, "the link has a signature"},
		{"signature=&prod=1", nil, word, auth.ErrParameter, "the link has a signature"},
		{"prod=1&signature", nil, word, auth.ErrParameter, "the link has a signature"},
		{"prod=1&signature=&signature=", nil, word, auth.ErrParameter, "given twice"},
		{"prod=1", append(plugins, "merchant"), word, auth.ErrParameter, "merchant is among the names"},
		{"prod=1", []string{"signature"}, word, auth.ErrParameter, "signature is among the names"},
		{"prod=a b", nil, word, auth.ErrParameter, "must escape"},
		{"prod=ä", nil, word, auth.ErrParameter, "must escape"},
		{"prod=\xe4", nil, word, auth.ErrParameter, "must escape"},
		{"prod=1#2", nil, word, auth.ErrParameter, "must escape"},
		{"prod=\n", nil, word, auth.ErrParameter, "must escape"},
		{"prod=1", nil, nil, auth.ErrSecret, "no secret is given"},
		{"prod=1", nil, auth.Secret{}, auth.ErrSecret, "the secret is empty"},
	} {
		got, err := (&buylink.Signer{SecretWord: c.source, Names: c.names}).Sign(context.Background(), &url.URL{RawQuery: c.query})
		assert.Nil(t, got)
		if assert.ErrorIs(t, err, c.code, c.query) {
			assert.ErrorContains(t, err, c.reason)
		}
	}
}

func TestListsAreCopies(t *testing.T) {
	buylink.General()[0], buylink.Dynamic()[0] = "x", "x"
	assert.NotContains(t, buylink.General(), "x")
	assert.NotContains(t, buylink.Dynamic(), "x")
	assert.Len(t, buylink.General(), 7)
	assert.Len(t, buylink.Dynamic(), 19)
	assert.True(t, slices.Equal(buylink.General(), buylink.Dynamic()[:7]))
}

func TestReturnsThatAreRefused(t *testing.T) {
	const order = "order-ext-ref=77&refno=240000001&total=49.90&total-currency=EUR"
	right := over("277924000000" + "1549.903EUR")
	verify := func(query string, own ...string) (*buylink.Hint, error) {
		return (&buylink.Verifier{SecretWord: word, Own: own}).Verify(context.Background(), &url.URL{RawQuery: query})
	}
	hint, err := verify(order + "&signature=" + right)
	require.NoError(t, err)
	assert.Equal(t, &buylink.Hint{RefNo: "240000001", Total: "49.90", Currency: "EUR", Reference: "77"}, hint)
	for _, c := range []struct {
		name, query string
		own         []string
		code        error
	}{
		{"no query", "", nil, auth.ErrUnsigned},
		{"no signature", order, nil, auth.ErrUnsigned},
		{"an empty signature", order + "&signature=", nil, auth.ErrUnsigned},
		{"a signature without a value", order + "&signature", nil, auth.ErrUnsigned},
		{"a signature twice", order + "&signature=" + right + "&signature=" + right, nil, auth.ErrParameter},
		{"a signature twice, one empty", order + "&signature=&signature=" + right, nil, auth.ErrParameter},
		{"another spelling beside it", order + "&SIGNATURE=x&signature=" + right, nil, auth.ErrParameter},
		{"another spelling alone", order + "&Signature=" + right, nil, auth.ErrParameter},
		{"an escaped spelling", order + "&%73ignature=" + right, nil, auth.ErrParameter},
		{"an array", order + "&signature[]=" + right, nil, auth.ErrParameter},
		{"a digit off", order + "&signature=" + strings.Map(func(c rune) rune { return '0' + (c-'0'+1)%10 }, right[:1]) + right[1:], nil, auth.ErrSignature},
		{"cut off", order + "&signature=" + right[:63], nil, auth.ErrSignature},
		{"longer", order + "&signature=" + right + "0", nil, auth.ErrSignature},
		{"white space behind", order + "&signature=" + right + "%20", nil, auth.ErrSignature},
		{"another value", strings.Replace(order, "49.90", "49.91", 1) + "&signature=" + right, nil, auth.ErrSignature},
		{"one more", order + "&zip=1&signature=" + right, nil, auth.ErrSignature},
		{"one less", "refno=240000001&total=49.90&total-currency=EUR&signature=" + right, nil, auth.ErrSignature},
		{"an empty one more", order + "&zip&signature=" + right, nil, auth.ErrSignature},
		{"an own one that is signed", order + "&signature=" + right, []string{"refno"}, auth.ErrConfig},
		{"the signature as an own one", order + "&signature=" + right, []string{"signature"}, auth.ErrConfig},
		{"an own one twice", "lang=de&lang=fr&" + order + "&signature=" + right, []string{"lang"}, auth.ErrParameter},
		{"refno renamed", strings.Replace(order, "refno", "q", 1) + "&signature=" + right, nil, auth.ErrAmbiguous},
		{"total renamed", strings.Replace(order, "total=", "tota=", 1) + "&signature=" + right, nil, auth.ErrAmbiguous},
		{"total-currency renamed", strings.Replace(order, "total-currency", "total-x", 1) + "&signature=" + right, nil, auth.ErrAmbiguous},
		{"total for total-currency", "order-ext-ref=77&refno=240000001&tota=49.90&total=EUR&total-currency=&signature=" + over("2779240000001549.903EUR0"), nil, auth.ErrAmbiguous},
		{"a refno that leaves its place in a path", "refno=1%2F..%2F2&total=1&total-currency=EUR&signature=" + over("61/../2113EUR"), nil, auth.ErrAmbiguous},
		{"a refno and a new line", "refno=1%0A&total=1&total-currency=EUR&signature=" + over("21\n113EUR"), nil, auth.ErrAmbiguous},
	} {
		hint, err := verify(c.query, c.own...)
		assert.Nil(t, hint, c.name)
		assert.ErrorIs(t, err, c.code, c.name)
	}
	hint, err = verify("refno=1&total=1,234.50&total-currency=usd&signature=" + over("1181,234.503usd"))
	require.NoError(t, err)
	assert.Equal(t, &buylink.Hint{RefNo: "1", Total: "1,234.50", Currency: "usd"}, hint)
	hint, err = verify("lang=de&order="+url.QueryEscape("1;2")+"&"+order+"&signature="+right, "order", "lang", "absent")
	require.NoError(t, err)
	assert.Equal(t, "240000001", hint.RefNo)
}

// TestEveryRenaming gives four values all names that keep their order. What is right is
// what the vendor could have sent.
func TestEveryRenaming(t *testing.T) {
	pool := []string{"a", "order-ext-ref", "p", "refno", "s", "total", "total-currency", "z"}
	values := []string{"1001", "240000001", "1.00", "EUR"}
	query := "&signature=" + over("41001"+"9240000001"+"41.00"+"3EUR")
	v := buylink.Verifier{SecretWord: word}
	right, refused := []string(nil), 0
	for chosen := range 1 << len(pool) {
		var names, pairs []string
		for i, name := range pool {
			if chosen>>i&1 == 1 {
				names = append(names, name)
			}
		}
		if len(names) != len(values) {
			continue
		}
		for i, name := range names {
			pairs = append(pairs, name+"="+values[i])
		}
		_, err := v.Verify(context.Background(), &url.URL{RawQuery: strings.Join(pairs, "&") + query})
		if err == nil {
			right = append(right, strings.Join(names, " "))
			continue
		}
		require.ErrorIs(t, err, auth.ErrAmbiguous)
		refused++
	}
	assert.ElementsMatch(t, []string{
		"a refno total total-currency",
		"order-ext-ref refno total total-currency", // as it was signed
		"p refno total total-currency",
		"refno s total total-currency", // another order's number, and it cannot be seen
	}, right)
	assert.Equal(t, 66, refused)
}

// TestARenamingThatCannotBeSeen is what the documentation warns of.
func TestARenamingThatCannotBeSeen(t *testing.T) {
	signature := over("9240000002" + "9240000001" + "41.00" + "3EUR")
	v := buylink.Verifier{SecretWord: word}
	for query, refno := range map[string]string{
		"name=240000002&refno=240000001&total=1.00&total-currency=EUR": "240000001",
		"refno=240000002&src=240000001&total=1.00&total-currency=EUR":  "240000002",
	} {
		hint, err := v.Verify(context.Background(), &url.URL{RawQuery: query + "&signature=" + signature})
		require.NoError(t, err)
		assert.Equal(t, refno, hint.RefNo)
	}
}

// TestALinkThatIsGivenForAReturn is the other thing that it warns of: one word signs
// both.
func TestALinkThatIsGivenForAReturn(t *testing.T) {
	signed, err := (&buylink.Signer{SecretWord: word}).Sign(context.Background(), &url.URL{
		RawQuery: "currency=USD&expiration=1893456000&price=10.00&prod=ABC&qty=1",
	})
	require.NoError(t, err)
	hint, err := (&buylink.Verifier{SecretWord: word}).Verify(context.Background(), &url.URL{
		RawQuery: "a=USD&refno=1893456000&total=10.00&total-currency=ABC&z=1&signature=" + signed.Query().Get("signature"),
	})
	require.NoError(t, err)
	assert.Equal(t, "1893456000", hint.RefNo)
	_, err = (&buylink.Verifier{SecretWord: word}).Verify(context.Background(), signed)
	require.ErrorIs(t, err, auth.ErrAmbiguous, "as it is")
}

// TestNoSecretNoReturn: a key that is empty or cannot be had never matches, and it is
// not asked for what has no signature.
func TestNoSecretNoReturn(t *testing.T) {
	mac := hmac.New(sha256.New, make([]byte, sha256.BlockSize)) // to HMAC the same as an empty key
	mac.Write([]byte("1141.003EUR"))
	query := "refno=1&total=1.00&total-currency=EUR&signature="
	failing := auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.Secret{}, errors.New("no vault") })
	for _, source := range []auth.SecretSource{nil, auth.Secret{}, auth.NewSecret(" "), failing} {
		v := buylink.Verifier{SecretWord: source}
		_, err := v.Verify(context.Background(), &url.URL{RawQuery: query + hex.EncodeToString(mac.Sum(nil))})
		assert.ErrorIs(t, err, auth.ErrSecret)
		_, err = v.Verify(context.Background(), &url.URL{RawQuery: query})
		assert.ErrorIs(t, err, auth.ErrUnsigned)
	}
}

// TestErrorsHoldNoValue tries each refusal with a value that must not be shown.
func TestErrorsHoldNoValue(t *testing.T) {
	const value = "4111111111111111"
	for query := range misspelt {
		_, err := (&buylink.Verifier{SecretWord: word}).Verify(context.Background(), &url.URL{RawQuery: query + value + "&signature=" + over(value)})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), value)
		assert.NotContains(t, err.Error(), over(value))
	}
	_, err := (&buylink.Verifier{SecretWord: word}).Verify(context.Background(), &url.URL{RawQuery: "refno=" + value + "&signature=" + over("1")})
	require.ErrorIs(t, err, auth.ErrSignature)
	for _, hidden := range []string{value, over("1"), over("16" + value), word.Reveal()} {
		assert.NotContains(t, err.Error(), hidden)
	}
}

func TestExpiration(t *testing.T) {
	assert.Equal(t, "1893456000", buylink.Expiration(time.Date(2030, 1, 1, 1, 0, 0, 999, time.FixedZone("", 3600))))
}
