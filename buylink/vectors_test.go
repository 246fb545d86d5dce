package buylink_test

import (
	"context"
	"crypto/fips140"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/buylink"
	vendor "github.com/countersign/countersign/internal/avangate"
)

// vectors are those of testdata/inbound.json that concern links. PHP made them.
type vectors struct {
	ReturnURL struct {
		Cases    []returned
		NotBound []struct {
			SecretWord string `json:"secret_word"`
			Queries    []string
			Signature  string
			Signatures []string
		} `json:"not_bound"`
	} `json:"return_url"`
	BuyLink struct {
		Names []string `json:"signed_names_of_vendor_plugins"`
		Cases []struct {
			Name, Source, Signature, URL string
			SecretWord                   string `json:"secret_word"`
			Pairs                        [][2]string
			SignedNames                  []string `json:"signed_names"`
			Wrong                        map[string]struct{ Signature string }
		}
	} `json:"buy_link"`
	JWT struct {
		Cases []struct {
			Name, Header, Payload, Token string
			SecretWord                   string `json:"secret_word"`
			Wrong                        map[string]string
		}
	}
}

type returned struct {
	Name, Query, Source, Signature, URL string
	SecretWord                          string `json:"secret_word"`
	Own                                 []string
	Wrong                               map[string]struct{ Signature string }
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("../testdata/inbound.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &v))
	return v
}

func parse(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

// refusesShort reports whether FIPS 140 mode refuses a key.
func refusesShort(key string) bool { return fips140.Enforced() && len(key) < 14 }

func TestBuyLinkVectors(t *testing.T) {
	v := readVectors(t)
	require.NotEmpty(t, v.BuyLink.Cases)
	assert.ElementsMatch(t, v.BuyLink.Names, vendor.PluginNames)
	for _, c := range v.BuyLink.Cases {
		t.Run(c.Name, func(t *testing.T) {
			var pairs []string
			for _, p := range c.Pairs {
				pairs = append(pairs, url.QueryEscape(p[0])+"="+url.QueryEscape(p[1]))
			}
			query := strings.Join(pairs, "&")
			s := buylink.Signer{SecretWord: auth.NewSecret(c.SecretWord)}
			if c.Name == "catalogue product, general list" {
				s.Names = buylink.General()
			}
			got, err := s.Sign(context.Background(), parse(t, "https://secure.2checkout.com/checkout/buy/?"+query))
			if refusesShort(c.SecretWord) {
				require.ErrorIs(t, err, auth.ErrSecret)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "https://secure.2checkout.com/checkout/buy/?"+query+"&signature="+c.Signature, got.String())
			if c.URL != "" {
				assert.Equal(t, parse(t, c.URL).Query(), got.Query())
			}

			// The names that the case lists are those that the default takes.
			s.Names = c.SignedNames
			again, err := s.Sign(context.Background(), parse(t, "?"+query))
			require.NoError(t, err)
			assert.Equal(t, c.Signature, again.Query().Get("signature"))
			for mistake, wrong := range c.Wrong {
				assert.NotEqual(t, wrong.Signature, c.Signature, mistake)
			}
		})
	}
}

func TestReturnURLVectors(t *testing.T) {
	v := readVectors(t)
	require.NotEmpty(t, v.ReturnURL.Cases)
	refused := map[string]error{
		"names that are numbers":             auth.ErrParameter, // PHP sorts them otherwise
		"names of mixed case and with signs": auth.ErrAmbiguous, // no refno
	}
	for _, c := range v.ReturnURL.Cases {
		t.Run(c.Name, func(t *testing.T) {
			verifier := buylink.Verifier{SecretWord: auth.NewSecret(c.SecretWord), Own: c.Own}
			u := parse(t, c.URL)
			hint, err := verifier.Verify(context.Background(), u)
			if code := refused[c.Name]; code != nil {
				require.ErrorIs(t, err, code)
				return
			}
			require.NoError(t, err)
			sent := u.Query()
			assert.Equal(t, &buylink.Hint{RefNo: sent.Get("refno"), Total: sent.Get("total"), Currency: sent.Get("total-currency"), Reference: sent.Get("order-ext-ref")}, hint)

			_, err = verifier.Verify(context.Background(), parse(t, "?"+c.Query+"&signature="+strings.ToUpper(c.Signature)))
			require.NoError(t, err, "capitals")
			for mistake, wrong := range c.Wrong {
				_, err = verifier.Verify(context.Background(), parse(t, "?"+c.Query+"&signature="+wrong.Signature))
				require.ErrorIs(t, err, auth.ErrSignature, mistake)
			}
		})
	}
}

// TestRenamedParameters: of the URLs that have one signature, the one that lacks what
// the vendor always sends is refused.
func TestRenamedParameters(t *testing.T) {
	v := readVectors(t)
	require.NotEmpty(t, v.ReturnURL.NotBound)
	for _, c := range v.ReturnURL.NotBound {
		verifier := buylink.Verifier{SecretWord: auth.NewSecret(c.SecretWord)}
		for i, query := range c.Queries {
			signature := c.Signature
			if signature == "" {
				signature = c.Signatures[i]
			}
			_, err := verifier.Verify(context.Background(), parse(t, "?"+query+"&signature="+signature))
			if i == 0 {
				require.NoError(t, err, query)
			} else {
				require.ErrorIs(t, err, auth.ErrAmbiguous, query)
			}
			if c.Signature == "" { // the other one's is not this one's
				_, err = verifier.Verify(context.Background(), parse(t, "?"+query+"&signature="+c.Signatures[1-i]))
				require.ErrorIs(t, err, auth.ErrSignature, query)
			}
		}
	}
}

func TestTokenVectors(t *testing.T) {
	v := readVectors(t)
	require.NotEmpty(t, v.JWT.Cases)
	for _, c := range v.JWT.Cases {
		t.Run(c.Name, func(t *testing.T) {
			if refusesShort(c.SecretWord) {
				_, err := buylink.Token(context.Background(), "YOURCODE123", auth.NewSecret(c.SecretWord), time.Now())
				require.ErrorIs(t, err, auth.ErrSecret)
				return
			}
			assert.Equal(t, c.Token, buylink.EncodeToken(c.Header, c.Payload, auth.NewSecret(c.SecretWord)))
			for mistake, wrong := range c.Wrong {
				assert.NotEqual(t, wrong, c.Token, mistake)
			}
		})
	}
}

// TestToken: it has the header, the claims and no other, and the key's signature.
func TestToken(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 999e6, time.FixedZone("", 3600))
	for code, sub := range map[string]string{"YOURCODE123": `"YOURCODE123"`, `<Ä>&"`: `"<Ä>&\""`} {
		token, err := buylink.Token(context.Background(), code, word, now)
		require.NoError(t, err)
		assert.Equal(t, auth.Redacted, token.String())
		parts := strings.Split(token.Reveal(), ".")
		require.Len(t, parts, 3)
		header, err := base64.RawURLEncoding.DecodeString(parts[0])
		require.NoError(t, err)
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		require.NoError(t, err)
		assert.Equal(t, `{"alg":"HS512","typ":"JWT"}`, string(header))
		assert.Equal(t, `{"sub":`+sub+`,"iat":1772597157,"exp":1772597767}`, string(payload))
		assert.Equal(t, buylink.EncodeToken(string(header), string(payload), word), token.Reveal())
	}
	for _, code := range []string{"", " A", "A\n", "A\x00B", "A\xff"} {
		_, err := buylink.Token(context.Background(), code, word, now)
		require.ErrorIs(t, err, auth.ErrConfig, "%q", code)
	}
	for _, source := range []auth.SecretSource{nil, auth.Secret{}, auth.Env("COUNTERSIGN_NOT_SET")} {
		_, err := buylink.Token(context.Background(), "YOURCODE123", source, now)
		require.ErrorIs(t, err, auth.ErrSecret)
	}
}
