package ipn_test

import (
	"crypto/fips140"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/phptest"
	"github.com/countersign/countersign/webhook/ipn"
)

const vectorsFile = "../../testdata/inbound.json"

// A made is a string under an HMAC and its hashes by algorithm.
type made struct {
	Source    string
	SourceHex string `json:"source_hex"`
	MAC       map[string]string
}

func (m made) source(t *testing.T) string {
	b, err := hex.DecodeString(m.SourceHex)
	require.NoError(t, err)
	return m.Source + string(b)
}

type requestVector struct {
	made
	Name   string
	Key    string
	Body   string
	Signed map[string]string
	Wrong  map[string]made
}

type replyVector struct {
	made
	Name   string
	Key    string
	Values []string
	Reply  map[string]string
	Wrong  map[string]made
}

type vectors struct {
	IPN struct {
		Cases  []requestVector
		Differ []requestVector `json:"readings_differ"`
		Loose  []struct {
			made
			Name   string
			Key    string
			Bodies []string
		} `json:"not_bound"`
		Policy []struct {
			Name string
			Key  string
			Body string
			OK   bool `json:"ok_if_sha2_or_sha3_required"`
		}
	} `json:"ipn_request"`
	LCN struct {
		Cases []requestVector
	} `json:"lcn_request"`
	IPNReply struct {
		Cases []replyVector
		Wrong struct {
			made
			Key    string
			Values []string
			Wrong  map[string]string
		} `json:"wrong_forms"`
	} `json:"ipn_reply"`
	LCNReply struct {
		Cases []replyVector
	} `json:"lcn_reply"`
}

func readVectors(t *testing.T) (v vectors) {
	b, err := os.ReadFile(vectorsFile)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &v))
	require.NotEmpty(t, v.IPN.Cases)
	require.NotEmpty(t, v.IPN.Differ)
	require.NotEmpty(t, v.IPN.Loose)
	require.NotEmpty(t, v.IPN.Policy)
	require.NotEmpty(t, v.LCN.Cases)
	require.NotEmpty(t, v.IPNReply.Cases)
	require.NotEmpty(t, v.IPNReply.Wrong.Wrong)
	require.NotEmpty(t, v.LCNReply.Cases)
	return v
}

// TestVectorsAreWhatPHPGives fails if the committed values are not the script's.
func TestVectorsAreWhatPHPGives(t *testing.T) {
	got, err := exec.Command(phptest.Require(t, "php"), "-n", "../../testdata/inbound.php").Output()
	require.NoError(t, err)
	want, err := os.ReadFile(vectorsFile)
	require.NoError(t, err)
	assert.Equal(t, string(got), string(want), "run php -n testdata/inbound.php > testdata/inbound.json")
}

// The algorithms, and the fields that their hashes come in.
var algorithms = map[string]string{"sha256": "SIGNATURE_SHA2_256", "sha3-256": "SIGNATURE_SHA3_256"}

func verify(t *testing.T, body string, keys ...string) (*ipn.Notification, error) {
	var sources []auth.SecretSource
	for _, key := range keys {
		sources = append(sources, auth.NewSecret(key))
	}
	return ipn.Verify(t.Context(), []byte(body), sources...)
}

func TestVectorsOfRequests(t *testing.T) {
	v := readVectors(t)
	// Most bodies show one thing, and lack what a notification must have.
	lacking := map[string]bool{
		"line ends, tab and NUL in values": true, "bytes that are no UTF-8": true, "nested and indexed names, brackets unencoded": true, "odd form syntax": true,
		"one name twice": true, "hash field name one level down": true, "hash field name in lower case": true,
	}
	for _, c := range append(append(v.IPN.Cases, v.IPN.Differ...), v.LCN.Cases...) {
		t.Run(c.Name, func(t *testing.T) {
			source := c.source(t)
			assert.Equal(t, source, ipn.Signed(c.Body))
			for algorithm, field := range algorithms {
				hash := c.MAC[algorithm]
				assert.Equal(t, hash, ipn.Hash(algorithm, c.Key, c.Body), algorithm)
				bodies := []string{c.Body + "&" + field + "=" + hash, field + "=" + hash + "&" + c.Body}
				if signed, ok := c.Signed[algorithm]; ok {
					bodies = append(bodies, signed)
				}
				for _, body := range bodies {
					assert.Equal(t, source, ipn.Signed(body), algorithm)
					n, err := verify(t, body, c.Key)
					switch {
					case strings.TrimSpace(c.Key) != c.Key:
						assert.ErrorIs(t, err, auth.ErrSecret)
					case lacking[c.Name]:
						assert.ErrorIs(t, err, auth.ErrRequest)
					default:
						require.NoError(t, err)
						assert.Equal(t, source, sourceOf(n))
					}
				}
				for mistake, wrong := range c.Wrong {
					if hash, ok := wrong.MAC[algorithm]; ok {
						_, err := verify(t, c.Body+"&"+field+"="+hash, "inv3nted_Secret-Key#1", strings.TrimSpace(c.Key))
						assert.ErrorIs(t, err, auth.ErrSignature, mistake)
					}
				}
			}
		})
	}
}

func TestVectorsOfWhatTheHashDoesNotBind(t *testing.T) {
	for _, c := range readVectors(t).IPN.Loose {
		for _, body := range c.Bodies {
			assert.Equal(t, c.Source, ipn.Signed(body), c.Name)
			assert.Equal(t, c.MAC["sha256"], ipn.Hash("sha256", c.Key, body), c.Name)
		}
	}
}

func TestVectorsOfWhichHashCounts(t *testing.T) {
	for _, c := range readVectors(t).IPN.Policy {
		_, err := verify(t, c.Body, c.Key)
		switch {
		case c.OK:
			assert.NoError(t, err, c.Name)
		case c.Key == "" || fips140.Enforced() && len(c.Key) < 14:
			assert.ErrorIs(t, err, auth.ErrSecret, c.Name)
		case c.Name == "md5 right, sha256 wrong" || c.Name == "sha3-256 wrong, sha256 right" || c.Name == "sha256 value in the sha3-256 field" || c.Name == "wrong key":
			assert.ErrorIs(t, err, auth.ErrSignature, c.Name)
		default:
			assert.ErrorIs(t, err, auth.ErrUnsigned, c.Name)
		}
	}
}

func TestVectorsOfReplies(t *testing.T) {
	v := readVectors(t)
	names := [][]string{{"IPN_PID[]", "IPN_PNAME[]", "IPN_DATE"}, {"LICENSE_CODE", "EXPIRATION_DATE"}}
	more := []string{"REFNO=240000001&ORDERSTATUS=COMPLETE", "STATUS=ACTIVE&TEST=0"}
	for i, cases := range [][]replyVector{v.IPNReply.Cases, v.LCNReply.Cases} {
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				body := more[i]
				for j, name := range names[i] {
					body += "&" + url.QueryEscape(name) + "=" + url.QueryEscape(c.Values[j])
				}
				date := c.Values[len(c.Values)-1]
				now, err := time.Parse("20060102150405", date)
				if err != nil {
					require.Len(t, date, 13, "the older form, that is not written")
					return
				}
				for algorithm, field := range algorithms {
					if fips140.Enforced() && len(c.Key) < 14 {
						_, err := verify(t, body+"&"+field+"="+strings.Repeat("0", 64), c.Key)
						assert.ErrorIs(t, err, auth.ErrSecret)
						continue
					}
					n, err := verify(t, body+"&"+field+"="+ipn.Hash(algorithm, c.Key, body), c.Key)
					require.NoError(t, err)
					reply := n.Reply(now.In(time.FixedZone("UTC+3", 3*60*60)))
					assert.Equal(t, c.Reply[algorithm], reply, algorithm)
					for mistake, wrong := range c.Wrong {
						if hash, ok := wrong.MAC[algorithm]; ok {
							assert.NotContains(t, reply, hash, mistake)
						}
					}
				}
			})
		}
	}
}

func TestVectorsOfWrongReplies(t *testing.T) {
	c := readVectors(t).IPNReply.Wrong
	body := "REFNO=240000001&ORDERSTATUS=COMPLETE"
	for i, name := range []string{"IPN_PID[]", "IPN_PNAME[]", "IPN_DATE"} {
		body += "&" + url.QueryEscape(name) + "=" + url.QueryEscape(c.Values[i])
	}
	now, err := time.Parse("20060102150405", c.Values[3])
	require.NoError(t, err)
	for algorithm, field := range algorithms {
		n, err := verify(t, body+"&"+field+"="+ipn.Hash(algorithm, c.Key, body), c.Key)
		require.NoError(t, err)
		reply := n.Reply(now)
		assert.Contains(t, reply, c.MAC[algorithm])
		for mistake, wrong := range c.Wrong {
			assert.NotEqual(t, wrong, reply, mistake)
		}
	}
}
