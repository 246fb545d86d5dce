package avangate_test

import (
	"crypto/fips140"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/internal/phptest"
)

const vectorFile = "../../testdata/avangate.json"

type vector struct {
	Name, Source, Date, Key string
	StringSource            string `json:"string_source"`
	MerchantCode            string `json:"merchant_code"`
	StringToSign            string `json:"string_to_sign"`
	SHA256                  string
	SHA3_256                string
	HeaderSHA256            string `json:"header_sha256"`
	HeaderSHA3_256          string `json:"header_sha3_256"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile(vectorFile)
	require.NoError(t, err)
	var file struct{ Vectors []vector }
	require.NoError(t, json.Unmarshal(text, &file))
	require.NotEmpty(t, file.Vectors)
	return file.Vectors
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		for algorithm, want := range map[avangate.Algorithm]string{avangate.SHA2_256: v.HeaderSHA256, avangate.SHA3_256: v.HeaderSHA3_256} {
			t.Run(fmt.Sprintf("%s/%v", v.Name, algorithm), func(t *testing.T) {
				if fips140.Enforced() && len(v.Key) < 14 {
					t.Skip("the key is too short for FIPS 140 mode")
				}
				now, err := time.Parse(time.DateTime, v.Date)
				require.NoError(t, err)
				c := avangate.Config{MerchantCode: v.MerchantCode, SecretKey: auth.NewSecret(v.Key), Algorithm: algorithm, Now: fixed(now)}
				req := signed(t, authenticator(t, c))
				assert.Equal(t, []string{want}, req.Header[header])

				claim, err := (&avangate.Verifier{MerchantCode: v.MerchantCode, SecretKey: c.SecretKey, Now: c.Now}).Verify(req)
				require.NoError(t, err)
				assert.Equal(t, &avangate.Claim{Code: v.MerchantCode, Date: now, Algorithm: algorithm, StringToSign: v.StringToSign}, claim)
			})
		}
	}
}

// The values were computed with PHP's hash_hmac, Python's hmac and Go's
// crypto/hmac independently of avangate.php. The first two strings are those of
// the vendor's pages.
func TestVectorsHoldTheKnownValues(t *testing.T) {
	known := map[string]struct{ stringToSign, sha256, sha3 string }{
		"documents, 2010": {
			"8AVANGATE192010-05-13 12:12:12",
			"29e85dbf92ce0113e7755c31c0438a7db98a4de9f910bf0a527e005f35e43739",
			"0c7e9c0c96148e5bf8e199a0a0e27977edc099ff0b27794e761853b96e04c7fb",
		},
		"documents, 2020": {
			"11YOURCODE123192020-06-18 08:05:46",
			"483fc633a309cadc65b89519f55cc55e0d0611a6e1dfa62ac4d48fc3703a6a42",
			"89cff582a336094aa0a917003e383016c173b0bcb38d812375b2b10ea6ce99ed",
		},
		"documents, 2020, the placeholder as key": {
			"11YOURCODE123192020-06-18 08:05:46",
			"c8d30e4c86238e1ad1f025b2b117d2fd304a76081b3187135d0fd35498a044f1",
			"06ff92a319a49bc2980cfc12587c36396dac88d2f9c6f698e1d5ccb2de37b99c",
		},
		"length in bytes": {
			"5TËST192020-06-18 08:05:46",
			"e2abc594024be650e09f6c8e5a466a9f2d7b82cded2ea3ce1478f5465cde6448",
			"57b4cb9c509bf19d708f0b32225de322240559fde86393c19db96ec8833e7f3a",
		},
		"key of 200 bytes": {
			"8AVANGATE192010-05-13 12:12:12",
			"d431b572bfaa8e5ead9ffb90bd65075ec44c538d1122811f0aa34ceeed52f7a4",
			"2ed86f5fab85db970a6c74f4021d48d656240bcf9205cb72beb5489773c24efa",
		},
		"key of 100 bytes": {
			"8AVANGATE192010-05-13 12:12:12",
			"23b483be8e397909e18449d32cc3006664c4a5991a8d9b03ff420154e8fc36cf",
			"fdee681eb9a5b7fb01679f2d0ecde452435b39c35b38bd9729b86927aedf02d1",
		},
		"key of 136 bytes": {
			"8AVANGATE192010-05-13 12:12:12",
			"",
			"35137b3aad94961a01999f7de9beb257108f0e11503c2f88484b1295b69ff805",
		},
	}
	for _, v := range vectors(t) {
		want, ok := known[v.Name]
		if !ok {
			continue
		}
		delete(known, v.Name)
		assert.Equal(t, want.stringToSign, v.StringToSign, v.Name)
		assert.Equal(t, want.sha3, v.SHA3_256, v.Name)
		if want.sha256 != "" {
			assert.Equal(t, want.sha256, v.SHA256, v.Name)
		}
		assert.Equal(t, "computed", v.Source, v.Name)
	}
	assert.Empty(t, known, "known values that are not in %s", vectorFile)
}

func TestVectorsAreWhatPHPComputes(t *testing.T) {
	php := phptest.Require(t, "php")
	got, err := exec.Command(php, "-n", "../../testdata/avangate.php").Output()
	require.NoError(t, err)
	want, err := os.ReadFile(vectorFile)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
}

func TestAlgorithmNames(t *testing.T) {
	assert.Equal(t, "sha256", avangate.SHA2_256.String())
	assert.Equal(t, "sha3-256", avangate.SHA3_256.String())
	assert.Equal(t, avangate.SHA2_256, avangate.Config{}.Algorithm, "the zero value")
}

func FuzzParseHeader(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.HeaderSHA256, v.MerchantCode, int64(1_589_371_932), false)
		f.Add(v.HeaderSHA3_256, v.MerchantCode, int64(0), true)
	}
	f.Add(`code="A`, `a"b`, int64(-1), false)
	f.Add(`algo=''hash=''date=''code=''`, "", int64(253_402_300_799), true)
	f.Fuzz(func(t *testing.T, value, code string, seconds int64, sha3 bool) {
		key := auth.NewSecret(secret)
		v := avangate.Verifier{SecretKey: key, Window: 1<<63 - 1, Now: fixed(moment)}
		req := &http.Request{Header: http.Header{header: {value}}}
		claim, err := v.Verify(req)
		if !errors.Is(err, auth.ErrUnsigned) {
			signsBack(t, avangate.Config{MerchantCode: claim.Code, SecretKey: key, Algorithm: claim.Algorithm, Now: fixed(claim.Date)})
		}

		const year0, year10000 = -62_167_219_200, 253_402_300_800
		c := avangate.Config{MerchantCode: code, SecretKey: key, Now: fixed(time.Unix(seconds, 0).UTC())}
		if sha3 {
			c.Algorithm = avangate.SHA3_256
		}
		if _, err := avangate.New(c); err == nil && year0 <= seconds && seconds < year10000 {
			signsBack(t, c)
		}
	})
}

// signsBack checks that the header which c makes is read as c.
func signsBack(t *testing.T, c avangate.Config) {
	t.Helper()
	req := signed(t, authenticator(t, c))
	claim, err := (&avangate.Verifier{MerchantCode: c.MerchantCode, SecretKey: c.SecretKey, Now: c.Now}).Verify(req)
	require.NoError(t, err)
	assert.Equal(t, c.MerchantCode, claim.Code)
	assert.Equal(t, c.Now(), claim.Date)
	assert.Equal(t, c.Algorithm, claim.Algorithm)
	assert.Zero(t, claim.Offset)
	assert.Equal(t, utf8.ValidString(c.MerchantCode), utf8.ValidString(req.Header.Get(header)))
}
