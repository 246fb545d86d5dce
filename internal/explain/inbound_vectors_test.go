package explain

import (
	"crypto/fips140"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

// inboundScripts are the scripts in testdata, and how they are run.
var inboundScripts = map[string][]string{
	"inbound_node.json":   {"node", "inbound.mjs"},
	"inbound_php.json":    {"php", "-n", "inbound.php"},
	"inbound_python.json": {"python3", "inbound.py"},
}

func TestInboundVectorsAreWhatTheScriptsPrint(t *testing.T) { checkScripts(t, inboundScripts) }

// TestInboundMistakes: what PHP, Python and Node made is named as their mistake, first.
func TestInboundMistakes(t *testing.T) {
	for file := range inboundScripts {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		require.NoError(t, err)
		var vectors []struct {
			Kind, Key, Query, Body, Signature, URL string
			Mistakes                               []string
		}
		require.NoError(t, json.Unmarshal(text, &vectors))
		require.NotEmpty(t, vectors)
		for i, v := range vectors {
			var d *Diagnosis
			key := auth.NewSecret(v.Key)
			req := httptest.NewRequest("POST", "/?"+v.Query, strings.NewReader(v.Body))
			switch v.Kind {
			case "ipn":
				d, err = (&Notification{SecretKey: key}).Request(req)
			case "webhook":
				req.Header.Set("X-Webhook-Signature", v.Signature)
				d, err = (&Webhook{SigningKey: key}).Request(req)
			case "buylink":
				d, err = (&BuyLink{SecretWord: key}).URL(t.Context(), mustParse(t, v.URL))
			case "return-url":
				d, err = (&ReturnURL{SecretWord: key}).URL(t.Context(), mustParse(t, v.URL))
			}
			require.NoError(t, err)
			if want := strings.Join(v.Mistakes, ", and "); want == "" {
				assert.True(t, d.Right, "%s, %d: %s", file, i, d)
			} else if len(d.Findings) == 0 && fips140.Enforced() {
				assert.NotEmpty(t, d.Skipped, "%s, %d, %s: %s", file, i, want, d)
			} else if assert.NotEmpty(t, d.Findings, "%s, %d, %s: %s", file, i, want, d) {
				assert.Equal(t, want, d.Findings[0].mistakesIn(), "%s, %d", file, i)
			}
		}
	}
}

func mustParse(t *testing.T, text string) *url.URL {
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

// mistakesIn returns the names of a Finding's mistakes.
func (f *Finding) mistakesIn() string {
	var names []string
	for _, m := range f.Mistakes {
		names = append(names, m.Name)
	}
	return strings.Join(names, ", and ")
}

// TestInboundMistakesOfTheVectors: what the vectors have as the result of a mistake, PHP's
// values, is named as that mistake, and nothing before it.
func TestInboundMistakesOfTheVectors(t *testing.T) {
	text, err := os.ReadFile("../../testdata/inbound.json")
	require.NoError(t, err)
	type notification struct {
		Name, Key, Body string
		Signed          map[string]string
		MAC             map[string]string
		Wrong           map[string]struct{ MAC map[string]string }
	}
	var vectors struct {
		IPN struct{ Cases, ReadingsDiffer []notification } `json:"ipn_request"`
		LCN struct{ Cases []notification }                 `json:"lcn_request"`
	}
	require.NoError(t, json.Unmarshal(text, &vectors))
	want := map[string]string{
		"empty values left out":                      "empty values are left out",
		"zero taken for empty":                       "0 is taken for empty",
		"length in characters":                       "the length is in characters",
		"length in UTF-16 units":                     "the length is in characters",
		"stripslashes":                               "backslashes are taken out before hashing (stripslashes)",
		"trim":                                       "the values are trimmed",
		"html_entity_decode":                         "the values are HTML-decoded",
		"htmlspecialchars":                           "the values are HTML-coded",
		"values not decoded":                         "the values are hashed with their escapes",
		"rawurldecode (+ stays +)":                   "plus signs are not decoded",
		"line ends normalised to LF":                 "line ends are changed",
		"replaced by U+FFFD":                         "bytes that are not UTF-8 are replaced",
		"read as Latin-1, made UTF-8":                "bytes are read as Latin-1, and hashed in UTF-8",
		"empty array elements lost":                  "empty elements of arrays are dropped",
		"first element of each array only":           "of an array the first element only is hashed",
		"last element of each array only":            "of an array the last element only is hashed",
		"HMAC made by hand with block 64 (sha3-256)": "the HMAC has a block of 64 bytes",
		"query values before the body":               "the query of the URL is hashed with the body",
		"query values after the body":                "the query of the URL is hashed with the body",
	}
	named := make(map[string]int)
	for _, c := range append(vectors.IPN.Cases, vectors.LCN.Cases...) {
		key := auth.NewSecret(c.Key)
		if key.Validate() != nil {
			continue
		}
		for mistake, wrong := range c.Wrong {
			for algo, mac := range wrong.MAC {
				if algo == "md5" || fips140.Enforced() && strings.Contains(mistake, "by hand") {
					continue
				}
				body := strings.ReplaceAll(c.Signed[algo], c.MAC[algo], mac)
				require.NotEqual(t, c.Signed[algo], body)
				req := httptest.NewRequest("POST", "/?route=ipn&wc-api=x", strings.NewReader(body))
				d, err := (&Notification{SecretKey: key}).Request(req)
				require.NoError(t, err)
				require.False(t, d.Right)
				if assert.NotEmpty(t, d.Findings, "%s, %s, %s", c.Name, mistake, algo) {
					assert.Equal(t, want[mistake], d.Findings[0].mistakesIn(), "%s, %s", c.Name, mistake)
					named[mistake]++
				}
			}
		}
	}
	if !fips140.Enforced() {
		for mistake := range want {
			assert.NotZero(t, named[mistake], mistake)
		}
	}
}

// TestPHPsOrderOfFields: a hash over the fields as PHP gathers them is named, where that is
// another order than the body's.
func TestPHPsOrderOfFields(t *testing.T) {
	text, err := os.ReadFile("../../testdata/inbound.json")
	require.NoError(t, err)
	var vectors struct {
		IPN struct {
			ReadingsDiffer []struct {
				Name, Key, Body string
				PHPOrder        struct{ MAC map[string]string } `json:"php_order"`
			} `json:"readings_differ"`
		} `json:"ipn_request"`
	}
	require.NoError(t, json.Unmarshal(text, &vectors))
	require.NotEmpty(t, vectors.IPN.ReadingsDiffer)
	for _, c := range vectors.IPN.ReadingsDiffer {
		if c.PHPOrder.MAC == nil {
			continue // it is the same
		}
		want := "arrays are gathered, or of a name that comes twice the last value is kept"
		if strings.Contains(c.Body, "[HASH]") {
			want = "elements of arrays that are named as a hash are left out"
		}
		body := c.Body + "&SIGNATURE_SHA2_256=" + c.PHPOrder.MAC["sha256"]
		d, err := (&Notification{SecretKey: auth.NewSecret(c.Key)}).Request(httptest.NewRequest("POST", "/", strings.NewReader(body)))
		require.NoError(t, err)
		if assert.NotEmpty(t, d.Findings, c.Name) {
			assert.Equal(t, want, d.Findings[0].mistakesIn(), c.Name)
		}
	}
}

// TestWebhookMistakesOfTheVectors is the same for webhooks.
func TestWebhookMistakesOfTheVectors(t *testing.T) {
	text, err := os.ReadFile("../../testdata/inbound.json")
	require.NoError(t, err)
	var vectors struct {
		Webhook struct {
			Cases []struct {
				Name, Body, Signature string
				Key                   string `json:"signing_key"`
				Wrong                 map[string]json.RawMessage
			}
		} `json:"payrexx_webhook"`
	}
	require.NoError(t, json.Unmarshal(text, &vectors))
	want := map[string]string{
		"written again by a JSON library":        "the JSON is parsed and written anew",
		"key decoded from base64":                "the key is decoded from base64",
		"digest as base64":                       "the signature is in base64",
		"SHA-256 without a key":                  "a plain hash is made, and no HMAC",
		"sha512":                                 "SHA-512 is used",
		"decoded":                                "the body is decoded as a form",
		"encoded again with %20":                 "the form is parsed and written anew",
		"encoded again with bare brackets":       "the form is parsed and written anew",
		"API secret in place of the signing key": "the API secret is taken for the key",
	}
	for _, c := range vectors.Webhook.Cases {
		for mistake, raw := range c.Wrong {
			key := auth.NewSecret(c.Key)
			if key.Validate() != nil {
				continue
			}
			var signature string
			if json.Unmarshal(raw, &signature) != nil {
				var wrong struct{ Signature string }
				require.NoError(t, json.Unmarshal(raw, &wrong))
				signature = wrong.Signature
			}
			req := httptest.NewRequest("POST", "/", strings.NewReader(c.Body))
			req.Header.Set("X-Webhook-Signature", signature)
			d, err := (&Webhook{SigningKey: key, Others: OtherKeys{APISecret: auth.NewSecret("invented-api-secret")}}).Request(req)
			require.NoError(t, err)
			require.False(t, d.Right)
			if assert.NotEmpty(t, d.Findings, "%s, %s", c.Name, mistake) {
				assert.Equal(t, want[mistake], d.Findings[0].mistakesIn(), "%s, %s", c.Name, mistake)
			}
		}
	}
}

// TestLinkMistakesOfTheVectors is the same for buy links and return URLs. All that PHP
// signed is right.
func TestLinkMistakesOfTheVectors(t *testing.T) {
	text, err := os.ReadFile("../../testdata/inbound.json")
	require.NoError(t, err)
	type group struct {
		Cases []struct {
			Name, URL, Signature string
			Word                 string   `json:"secret_word"`
			Names                []string `json:"signed_names"`
			Own                  []string
			Wrong                map[string]struct{ Signature string }
		}
	}
	var vectors struct {
		BuyLink   group `json:"buy_link"`
		ReturnURL group `json:"return_url"`
	}
	require.NoError(t, json.Unmarshal(text, &vectors))
	want := map[string]string{
		"names in the string":                        "the names are signed, too",
		"no lengths":                                 "the lengths are left out",
		"length behind the value":                    "the lengths are behind the values",
		"in the order received":                      "the parameters are not sorted",
		"only the parameters signed in the buy link": "only the parameters are hashed that are signed in a buy link",
		"values not decoded":                         "the values are hashed with their escapes",
		"length in characters":                       "the length is in characters",
		"empty left out":                             "empty values are left out",
		"sorted without regard to case":              "the names are sorted without regard to case",
		"own parameters counted":                     "the shop's own parameters are hashed, too",
		"return-url form-encoded":                    "the return-url is signed with its escapes",
		"everything signed":                          "every parameter is signed, the merchant too",
		"order of the link":                          "the parameters are not sorted",
		"SHA-256 without a key":                      "a plain hash is made, and no HMAC",
		"form-encoded values":                        "the values are hashed with their escapes",
		"html-escaped values":                        "the values are HTML-coded",
		"yyyyMMddHHmmss":                             "the expiration is signed as a date",
		"SHA-256 of word and string":                 "a plain hash is made, and no HMAC",
		"Secret Key in place of the word":            "the Secret Key is taken for the secret word",
		"milliseconds":                               "the expiration is signed in milliseconds",
	}
	named := 0
	for isReturn, g := range map[bool]group{true: vectors.ReturnURL, false: vectors.BuyLink} {
		for _, c := range g.Cases {
			if c.URL == "" || auth.NewSecret(c.Word).Validate() != nil {
				continue
			}
			explain := func(link string) *Diagnosis {
				u, err := url.Parse(link)
				require.NoError(t, err)
				var d *Diagnosis
				if isReturn {
					d, err = (&ReturnURL{SecretWord: auth.NewSecret(c.Word), Own: c.Own}).URL(t.Context(), u)
				} else {
					d, err = (&BuyLink{SecretWord: auth.NewSecret(c.Word), Names: c.Names, Others: OtherKeys{SecretKey: auth.NewSecret("inv3nted_Secret-Key#1")}}).URL(t.Context(), u)
				}
				require.NoError(t, err)
				return d
			}
			if d := explain(c.URL); !d.Right {
				assert.Contains(t, []string{"names of mixed case and with signs", "names that are numbers"}, c.Name, "%s", d)
			}
			for mistake, wrong := range c.Wrong {
				d := explain(strings.Replace(c.URL, c.Signature, wrong.Signature, 1))
				require.False(t, d.Right)
				if assert.NotEmpty(t, d.Findings, "%s, %s", c.Name, mistake) {
					assert.Equal(t, want[mistake], d.Findings[0].mistakesIn(), "%s, %s", c.Name, mistake)
					named++
				}
			}
		}
	}
	assert.Greater(t, named, 15)
}
