package buylink_test

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/buylink"
	vendor "github.com/countersign/countersign/internal/avangate"
)

// sourceOf is the string to sign by net/url's reading, which keeps no order.
func sourceOf(values url.Values, names []string) string {
	slices.Sort(names)
	var source strings.Builder
	for _, name := range names {
		if values.Has(name) {
			value := values.Get(name)
			source.WriteString(strconv.Itoa(len(value)) + value)
		}
	}
	return source.String()
}

// FuzzSign: of a link that is accepted not a byte changes, it is signed as net/url
// reads it, and it is not signed twice.
func FuzzSign(f *testing.F) {
	s := buylink.Signer{SecretWord: word}
	f.Fuzz(func(t *testing.T, query string) {
		signed, err := s.Sign(context.Background(), &url.URL{RawQuery: query})
		if err != nil {
			require.ErrorIs(t, err, auth.ErrParameter)
			return
		}
		// net/url takes no semicolon as it is.
		values, err := url.ParseQuery(strings.ReplaceAll(query, ";", "%3B"))
		require.NoError(t, err)
		for _, list := range values {
			require.Len(t, list, 1)
		}
		want := over(sourceOf(values, slices.Clone(vendor.PluginNames)))
		if query != "" {
			query += "&"
		}
		require.Equal(t, query+"signature="+want, signed.RawQuery)
		_, err = s.Sign(context.Background(), signed)
		require.ErrorIs(t, err, auth.ErrParameter)
	})
}

// FuzzVerify: a URL is right only with the signature over what net/url reads of it.
func FuzzVerify(f *testing.F) {
	v := buylink.Verifier{SecretWord: word, Own: []string{"lang"}}
	f.Fuzz(func(t *testing.T, query string) {
		_, err := v.Verify(context.Background(), &url.URL{RawQuery: query})
		require.Error(t, err, "nobody has signed it")
		values, err := url.ParseQuery(strings.ReplaceAll(query, ";", "%3B"))
		if err != nil {
			return
		}
		var names []string
		for name := range values {
			if name != "lang" {
				names = append(names, name)
			}
		}
		hint, err := v.Verify(context.Background(), &url.URL{RawQuery: query + "&signature=" + over(sourceOf(values, names))})
		if err != nil {
			require.NotErrorIs(t, err, auth.ErrSignature)
			return
		}
		require.Equal(t, values.Get("refno"), hint.RefNo)
		require.Regexp(t, `\A[0-9]+\z`, hint.RefNo)
		for _, list := range values {
			require.Len(t, list, 1)
		}
	})
}
