package avangate_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
)

// The parts of the header that is right for config().
const (
	codePart = `code="AVANGATE"`
	datePart = `date="2026-01-02 03:04:05"`
	algoPart = `algo="sha256"`
)

func hashPart(t testing.TB) string {
	t.Helper()
	value := signed(t, authenticator(t, config())).Header.Get(header)
	i := strings.Index(value, "hash=")
	return value[i : i+len(`hash=""`)+64]
}

func verifier() *avangate.Verifier {
	return &avangate.Verifier{MerchantCode: "AVANGATE", SecretKey: auth.NewSecret(secret), Now: fixed(moment)}
}

func verify(v *avangate.Verifier, values ...string) (*avangate.Claim, error) {
	return v.Verify(&http.Request{Method: "POST", Header: http.Header{header: values}})
}

func TestVerifyReadsAttributeByAttribute(t *testing.T) {
	hashPart := hashPart(t)
	single := strings.NewReplacer(`"`, `'`)
	for name, value := range map[string]string{
		"the vendor's order":                 codePart + " " + datePart + " " + hashPart + " " + algoPart,
		"another order":                      algoPart + " " + hashPart + " " + datePart + " " + codePart,
		"single quotes":                      single.Replace(codePart + " " + datePart + " " + hashPart + " " + algoPart),
		"the Node SDK's":                     single.Replace(codePart + " " + datePart + " " + hashPart + algoPart),
		"the .NET SDK's":                     codePart + " " + datePart + " " + hashPart + algoPart,
		"no white space":                     codePart + datePart + hashPart + algoPart,
		"white space everywhere around them": "  " + codePart + "\t " + datePart + "   " + hashPart + "\t" + algoPart + " \t",
		"both quotes":                        single.Replace(codePart) + datePart + single.Replace(hashPart) + algoPart,
	} {
		t.Run(name, func(t *testing.T) {
			claim, err := verify(verifier(), value)
			require.NoError(t, err)
			assert.Equal(t, &avangate.Claim{Code: "AVANGATE", Date: moment, StringToSign: "8AVANGATE192026-01-02 03:04:05"}, claim)
		})
	}
}

func TestVerifyRefusesWhatCannotBeRead(t *testing.T) {
	hashPart := hashPart(t)
	hash := hashPart[len(`hash="`) : len(hashPart)-1]
	right := codePart + " " + datePart + " " + hashPart + " " + algoPart
	without := func(part string) string { return strings.Replace(right, part, "", 1) }
	with := func(part, other string) string { return strings.Replace(right, part, other, 1) }
	whole := avangate.Claim{Code: "AVANGATE", Date: moment}
	noCode, noDate := avangate.Claim{Date: moment}, avangate.Claim{Code: "AVANGATE"}
	for name, test := range map[string]struct {
		values []string
		says   string
		claim  avangate.Claim
	}{
		"no header":                     {nil, "there is no header X-Avangate-Authentication: send it", avangate.Claim{}},
		"two headers":                   {[]string{right, right}, "2 headers", avangate.Claim{}},
		"an empty header":               {[]string{""}, "merchant code is empty", avangate.Claim{}},
		"no code":                       {[]string{without(codePart)}, "merchant code is empty", noCode},
		"no date":                       {[]string{without(datePart)}, "date", noDate},
		"no hash":                       {[]string{without(hashPart)}, "hash", whole},
		"no algo":                       {[]string{without(algoPart)}, "MD5", whole},
		"MD5 by name":                   {[]string{with("sha256", "md5")}, "neither sha256 nor sha3-256", whole},
		"MD5 as old clients send it":    {[]string{codePart + datePart + `hash="bf763db7d333e9c3038698cf59ada3e6"`}, "64", whole},
		"an unknown algo":               {[]string{with("sha256", "sha512")}, "neither sha256 nor sha3-256", whole},
		"an invented algo":              {[]string{with("sha256", "HMAC_SHA256")}, "neither sha256 nor sha3-256", whole},
		"algo in capitals":              {[]string{with("sha256", "SHA256")}, "neither sha256 nor sha3-256", whole},
		"an empty algo":                 {[]string{with("sha256", "")}, "neither sha256 nor sha3-256", whole},
		"an attribute twice":            {[]string{right + " " + codePart}, "code twice", whole},
		"the hash twice":                {[]string{right + hashPart}, "hash twice", whole},
		"an unknown attribute":          {[]string{right + ` nonce="1"`}, "something else", whole},
		"an attribute in capitals":      {[]string{with("code=", "Code=")}, "something else", avangate.Claim{}},
		"commas":                        {[]string{strings.Join([]string{codePart, datePart, hashPart, algoPart}, ", ")}, "something else", noDate},
		"junk before":                   {[]string{"Avangate " + right}, "something else", avangate.Claim{}},
		"junk after":                    {[]string{right + " x"}, "something else", whole},
		"white space before the equals": {[]string{with("date=", "date =")}, "something else", noDate},
		"white space after the equals":  {[]string{with("date=", "date= ")}, "date is not in quotes", noDate},
		"no quotes":                     {[]string{with(algoPart, "algo=sha256")}, "algo is not in quotes", whole},
		"nothing after the equals":      {[]string{with(algoPart, "algo=")}, "algo is not in quotes", whole},
		"an unclosed quote":             {[]string{strings.TrimSuffix(right, `"`)}, "algo has no closing quote", whole},
		"quotes that differ":            {[]string{strings.TrimSuffix(right, `"`) + "'"}, "algo has no closing quote", whole},
		"a hash in capitals":            {[]string{with(hash, strings.ToUpper(hash))}, "64", whole},
		"a short hash":                  {[]string{with(hash, hash[1:])}, "64", whole},
		"a long hash":                   {[]string{with(hash, hash+"0")}, "64", whole},
		"a hash that is none":           {[]string{with(hash, hash[:32]+"g"+hash[33:])}, "64", whole},
		"an ISO date":                   {[]string{with("02 03", "02T03")}, "date", noDate},
		"a date with its zone":          {[]string{with(":05", ":05 GMT")}, "date", noDate},
		"fractions of a second":         {[]string{with(":05", ":05.5")}, "date", noDate},
		"an hour of one digit":          {[]string{with("03:04", "3:04")}, "date", noDate},
		"a day that is not":             {[]string{with("01-02", "02-30")}, "date", noDate},
		"a quote in the code":           {[]string{with(codePart, `code='A"B'`)}, "quote", noCode},
		"white space around the code":   {[]string{with(codePart, `code="AVANGATE "`)}, "white space", noCode},
	} {
		t.Run(name, func(t *testing.T) {
			claim, err := verify(verifier(), test.values...)
			var e *auth.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, auth.ErrUnsigned, e.Code)
			assert.ErrorContains(t, err, "verify POST for AVANGATE: ")
			assert.ErrorContains(t, err, test.says)
			assert.NotContains(t, err.Error(), hash)
			assert.Equal(t, &test.claim, claim)
		})
	}
}

func TestVerifyFindsTheHeaderInEverySpelling(t *testing.T) {
	value := signed(t, authenticator(t, config())).Header.Get(header)
	_, err := verifier().Verify(&http.Request{Header: http.Header{"x-avangate-AUTHENTICATION": {value}}})
	require.NoError(t, err)
	for _, other := range []string{"x-avangate-authentication", "X_Avangate_Authentication"} { // CGI makes one of them
		_, err = verifier().Verify(&http.Request{Header: http.Header{header: {value}, other: {value}}})
		require.ErrorIs(t, err, auth.ErrUnsigned, other)
	}
}

func TestVerifySignature(t *testing.T) {
	hashPart := hashPart(t)
	right := codePart + datePart + hashPart + algoPart
	otherHash := strings.Map(func(r rune) rune {
		if r == '0' {
			return '1'
		}
		return r
	}, hashPart)
	require.NotEqual(t, hashPart, otherHash)
	long := time.Hour * 24 * 365 * 10
	for name, test := range map[string]struct {
		value  string
		change func(*avangate.Verifier)
		code   error
	}{
		"right":                           {right, func(*avangate.Verifier) {}, nil},
		"any code":                        {right, func(v *avangate.Verifier) { v.MerchantCode = "" }, nil},
		"another key":                     {right, func(v *avangate.Verifier) { v.SecretKey = auth.NewSecret("another " + secret) }, auth.ErrSignature},
		"another key, any code":           {right, func(v *avangate.Verifier) { v.MerchantCode, v.SecretKey = "", auth.NewSecret("another "+secret) }, auth.ErrSignature},
		"another code is expected":        {right, func(v *avangate.Verifier) { v.MerchantCode = "AVANGATF" }, auth.ErrSignature},
		"the code in other case":          {right, func(v *avangate.Verifier) { v.MerchantCode = "avangate" }, auth.ErrSignature},
		"another code is claimed":         {strings.Replace(right, "AVANGATE", "AVANGATF", 1), func(v *avangate.Verifier) { v.MerchantCode = "" }, auth.ErrSignature},
		"another date is claimed":         {strings.Replace(right, ":05", ":06", 1), func(*avangate.Verifier) {}, auth.ErrSignature},
		"another algorithm is claimed":    {strings.Replace(right, "sha256", "sha3-256", 1), func(*avangate.Verifier) {}, auth.ErrSignature},
		"another hash":                    {strings.Replace(right, hashPart, otherHash, 1), func(*avangate.Verifier) {}, auth.ErrSignature},
		"another hash, and much too old":  {strings.Replace(right, hashPart, otherHash, 1), func(v *avangate.Verifier) { v.Now = fixed(moment.Add(long)) }, auth.ErrSignature},
		"another code, and much too old":  {right, func(v *avangate.Verifier) { v.MerchantCode, v.Now = "X", fixed(moment.Add(long)) }, auth.ErrSignature},
		"no source":                       {right, func(v *avangate.Verifier) { v.SecretKey = nil }, auth.ErrSecret},
		"the zero secret":                 {right, func(v *avangate.Verifier) { v.SecretKey = auth.Secret{} }, auth.ErrSecret},
		"a source that fails":             {right, func(v *avangate.Verifier) { v.SecretKey = failing }, auth.ErrSecret},
		"the end of the window":           {right, func(v *avangate.Verifier) { v.Now = fixed(moment.Add(avangate.DefaultWindow)) }, nil},
		"too old":                         {right, func(v *avangate.Verifier) { v.Now = fixed(moment.Add(avangate.DefaultWindow + 1)) }, auth.ErrClock},
		"the beginning of the window":     {right, func(v *avangate.Verifier) { v.Now = fixed(moment.Add(-avangate.DefaultWindow)) }, nil},
		"too new":                         {right, func(v *avangate.Verifier) { v.Now = fixed(moment.Add(-avangate.DefaultWindow - 1)) }, auth.ErrClock},
		"too old for a window of its own": {right, func(v *avangate.Verifier) { v.Window, v.Now = time.Second, fixed(moment.Add(2*time.Second)) }, auth.ErrClock},
		"centuries too old":               {right, func(v *avangate.Verifier) { v.Now = fixed(moment.AddDate(5000, 0, 0)) }, auth.ErrClock},
		"centuries too new":               {right, func(v *avangate.Verifier) { v.Now = fixed(time.Time{}) }, auth.ErrClock},
		"no clock":                        {right, func(v *avangate.Verifier) { v.Now, v.Window = nil, 1<<63-1 }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			v := verifier()
			test.change(v)
			claim, err := verify(v, test.value)
			require.NotNil(t, claim)
			assert.NotEmpty(t, claim.Code)
			assert.False(t, claim.Date.IsZero())
			if v.Now != nil {
				assert.Equal(t, claim.Date.Sub(v.Now()), claim.Offset)
			}
			if test.code == nil {
				require.NoError(t, err)
				return
			}
			var e *auth.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, test.code, e.Code)
			assert.Equal(t, test.code == auth.ErrSecret, claim.StringToSign == "", "the string to sign is there unless there is no secret")
			assert.NotContains(t, err.Error(), secret)
			assert.NotContains(t, err.Error(), hashPart[len(`hash="`):len(hashPart)-1])
		})
	}
}

// A wrong code is named, and says the same of every hash, or the error would tell
// that the key is right.
func TestVerifyTellsAWrongCodeAlikeForEveryKey(t *testing.T) {
	right := codePart + datePart + hashPart(t) + algoPart
	why := func(code, key string) string {
		v := verifier()
		v.MerchantCode, v.SecretKey = code, auth.NewSecret(key)
		_, err := verify(v, right)
		var e *auth.Error
		require.ErrorAs(t, err, &e)
		return e.Err.Error()
	}
	wrongCode := why("AVANGATF", secret)
	assert.Contains(t, wrongCode, "the merchant code is not this account's: correct it")
	assert.Equal(t, wrongCode, why("AVANGATF", "another "+secret))
	assert.Contains(t, why("AVANGATE", "another "+secret), "the hash is wrong: is the key this account's Secret Key")
}

var failing = auth.SecretFunc(func(context.Context) (auth.Secret, error) {
	return auth.Secret{}, errors.New("the vault is sealed")
})

// TestVerifySaysHowFarATimeIsOff: what is longer than a Duration can be has no figure.
func TestVerifySaysHowFarATimeIsOff(t *testing.T) {
	right := codePart + datePart + hashPart(t) + algoPart
	for now, want := range map[time.Time]string{
		moment.Add(time.Hour):      "the time is off by -1h0m0s, and 5m0s is allowed",
		moment.AddDate(5000, 0, 0): "the time is off by more than 292 years, and 5m0s is allowed",
		{}:                         "the time is off by more than 292 years, and 5m0s is allowed",
	} {
		v := verifier()
		v.Now = fixed(now)
		_, err := verify(v, right)
		require.ErrorIs(t, err, auth.ErrClock)
		assert.ErrorContains(t, err, want)
	}
}
