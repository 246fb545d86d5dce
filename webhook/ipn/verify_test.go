package ipn_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/webhook/ipn"
)

const key = "test-secret-key"

// base is an order that is no test; license is such a subscription.
const (
	base = "REFNO=240000001&REFNOEXT=1001&ORDERSTATUS=COMPLETE&IPN_PID%5B%5D=4711&IPN_PNAME%5B%5D=Software+program" +
		"&IPN_TOTALGENERAL=49.90&CURRENCY=EUR&MESSAGE_ID=9000000001&TEST_ORDER=0&IPN_DATE=20260304050608"
	license = "LICENSE_CODE=3C343D0FAF&EXPIRATION_DATE=2027-03-04+05:06:07&STATUS=ACTIVE&MESSAGE_ID=9000000002"
)

// sign appends the hash by SHA-256.
func sign(body string) string {
	return body + "&SIGNATURE_SHA2_256=" + ipn.Hash("sha256", key, body)
}

func verified(t *testing.T, body string) *ipn.Notification {
	t.Helper()
	n, err := verify(t, sign(body), key)
	require.NoError(t, err)
	return n
}

// A row for each mistake that receivers make: what they would get wrong is right
// here, and what they would take is refused.
func TestMistakesOfReceivers(t *testing.T) {
	hash := ipn.Hash("sha256", key, base)
	with := func(name, value string) string { return base + "&" + name + "=" + url.QueryEscape(value) }
	for _, c := range []struct {
		name, body string
		code       error
	}{
		{"the body's order counts, not the names'", sign("ZZ=1&AA=2&" + base), nil},
		{"another order of other values has another hash", "CURRENCY=EUR&" + strings.Replace(base, "&CURRENCY=EUR", "", 1) + "&SIGNATURE_SHA2_256=" + hash, auth.ErrSignature},
		{"lengths are bytes", sign(with("FIRSTNAME", "Müller 漢字 😀")), nil},
		{"backslashes stay", sign(with("COMPANY", `a\\b\'c`)), nil},
		{"blanks at the edges stay", sign(with("COMPANY", "  two each side  ")), nil},
		{"entities stay", sign(with("COMPANY", "A &amp; B &lt;b&gt; <b>")), nil},
		{"NUL, line ends and tabs stay", sign(with("COMPANY", "a\x00b\r\nc\td")), nil},
		{"bytes that are no UTF-8 stay", sign(with("COMPANY", "Ren\xe9")), nil},
		{"empty elements count", sign(base + "&IPN_INFO%5B%5D=&IPN_INFO%5B%5D=x&IPN_INFO%5B%5D="), nil},
		{"empty values and zeros count", sign(base + "&A=&B=0&C=00&D"), nil},
		{"all elements of an array count", sign(base + "&IPN_PID%5B%5D=4712&IPN_PNAME%5B%5D=Second"), nil},
		{"a semicolon and a malformed escape are text", sign(base + "&A=1;B=2&C=100%&D=%zz"), nil},
		{"the hash may be in capitals", base + "&SIGNATURE_SHA2_256=" + strings.ToUpper(hash), nil},
		{"the hash may be escaped", base + "&%53IGNATURE_SHA2%5F256=" + strings.ReplaceAll(hash, "a", "%61"), nil},
		{"the hash may be escaped whole", base + "&" + escaped("SIGNATURE_SHA2_256") + "=" + escaped(hash), nil},
		{"the hash may be first", "SIGNATURE_SHA2_256=" + hash + "&" + base, nil},
		{"unused hashes may be empty", "HASH=&SIGNATURE_SHA3_256=&" + sign(base), nil},
		{"no hash is no pass", base, auth.ErrUnsigned},
		{"an empty hash is no pass", base + "&HASH=&SIGNATURE_SHA2_256=&SIGNATURE_SHA3_256=", auth.ErrUnsigned},
		{"a hash without a value is no pass", base + "&SIGNATURE_SHA2_256", auth.ErrUnsigned},
		{"an empty body is no pass", "", auth.ErrUnsigned},
		{"MD5 is no pass", base + "&HASH=d41d8cd98f00b204e9800998ecf8427e", auth.ErrUnsigned},
		{"a hash twice is refused", sign(base) + "&SIGNATURE_SHA2_256=" + hash, auth.ErrUnsigned},
		{"a hash twice is refused, where one is empty", sign(base) + "&SIGNATURE_SHA2_256=", auth.ErrUnsigned},
		{"a hash twice is refused, where one is escaped", sign(base) + "&%53IGNATURE_SHA2_256=" + hash, auth.ErrUnsigned},
		{"an unused hash twice is refused", "HASH=&HASH=&" + sign(base), auth.ErrUnsigned},
		{"the stronger hash counts", base + "&SIGNATURE_SHA2_256=" + hash + "&SIGNATURE_SHA3_256=" + strings.Repeat("0", 64), auth.ErrSignature},
		{"a hash with a blank is none", base + "&SIGNATURE_SHA2_256=" + hash + "+", auth.ErrUnsigned},
		{"half a hash is none", base + "&SIGNATURE_SHA2_256=" + hash[:32], auth.ErrUnsigned},
		{"a very long hash is none", base + "&SIGNATURE_SHA2_256=" + strings.Repeat(hash, 1000), auth.ErrUnsigned},
		{"a hash that is no hexadecimal digits is none", base + "&SIGNATURE_SHA2_256=" + strings.Repeat("z", 64), auth.ErrUnsigned},
		{"the URL's parameters are not part of it", "route=ipn&" + base + "&SIGNATURE_SHA2_256=" + hash, auth.ErrSignature},
		{"an array in the name of a hash is no hash", base + "&SIGNATURE_SHA2_256%5B%5D=" + hash, auth.ErrUnsigned},
		{"more than 1 MiB is refused", sign(base + "&A=" + strings.Repeat("a", 1<<20)), auth.ErrBody},
	} {
		n, err := verify(t, c.body, key)
		if c.code == nil {
			assert.NoError(t, err, c.name)
			assert.NotNil(t, n, c.name)
			continue
		}
		assert.ErrorIs(t, err, c.code, c.name)
		assert.Nil(t, n, c.name)
		_, ok := errors.AsType[*auth.Error](err)
		assert.True(t, ok, c.name)
	}
}

// escaped escapes every byte.
func escaped(s string) (e string) {
	for _, c := range []byte(s) {
		e += fmt.Sprintf("%%%02x", c)
	}
	return e
}

// What the same key signs, and what lacks the reply's parts, is no notification.
func TestWhatIsNoNotification(t *testing.T) {
	digits := strings.Repeat("1", 12)
	for name, body := range map[string]string{
		"a header, as a licence":                    "LICENSE_CODE=YOURCODE123&EXPIRATION_DATE=2020-06-18+08:05:46",
		"a reply to an LCN, as an IPN":              "REFNO=3C343D0FAF&IPN_DATE=2027-03-04+05:06:07&ORDERSTATUS=20260304050709",
		"a reply to an IPN, as an IPN":              "REFNO=240000001&ORDERSTATUS=COMPLETE&IPN_DATE=20260304050608&IPN_PID%5B%5D=20260304050709",
		"a reply to an IPN, with all that it needs": "IPN_PID%5B%5D=4711&IPN_PNAME%5B%5D=X&IPN_DATE=20260304050608&REFNO=20260304050709",
		"no REFNO":                 strings.Replace(base, "REFNO=240000001&", "", 1),
		"an empty REFNO":           strings.Replace(base, "REFNO=240000001&", "REFNO=&", 1),
		"two REFNO":                base + "&REFNO=2",
		"no IPN_DATE":              strings.Replace(base, "&IPN_DATE=20260304050608", "", 1),
		"no IPN_PID":               strings.Replace(base, "IPN_PID%5B%5D", "PID%5B%5D", 1),
		"a bare IPN_PID":           strings.Replace(base, "IPN_PID%5B%5D", "IPN_PID", 1),
		"no first IPN_PID":         strings.Replace(base, "IPN_PID%5B%5D", "IPN_PID%5B5%5D", 1),
		"two first IPN_PID":        strings.Replace(base, "IPN_PID%5B%5D", "IPN_PID%5B0%5D=1&IPN_PID%5B0%5D", 1),
		"no IPN_PNAME":             strings.Replace(base, "IPN_PNAME%5B%5D", "IPN_PNAME", 1),
		"what the reply needs":     "REFNO=1&IPN_PID%5B%5D=4711&IPN_PNAME%5B%5D=X&IPN_DATE=2026",
		"a licence without a code": strings.Replace(license, "3C343D0FAF", "", 1),
		"a licence of three":       "LICENSE_CODE=3C343D0FAF&EXPIRATION_DATE=2027-03-04&STATUS=ACTIVE",
		"two expirations":          license + "&EXPIRATION_DATE=",
		"nothing signed":           "",
		"digits":                   "A=" + digits,
	} {
		_, err := verify(t, sign(body), key)
		assert.ErrorIs(t, err, auth.ErrRequest, name)
	}
}

// The same string can be cut elsewhere: digits of a value are taken for lengths.
func TestOwnSignaturesAreRefusedHoweverTheyAreCut(t *testing.T) {
	for name, c := range map[string]struct{ source, body string }{
		"a header": {
			"12" + "5abcde5fghij" + "192020-06-18 08:05:46",
			"LICENSE_CODE=2&A=abcde&B=fghij&EXPIRATION_DATE=2020-06-18+08:05:46",
		},
		"a reply to an LCN": {
			"12" + "5abcde5fghij" + "102027-03-04" + "1420260304050709",
			"LICENSE_CODE=2&A=abcde&B=fghij&EXPIRATION_DATE=2027-03-04&C=20260304050709",
		},
		"a reply to an IPN": {
			"12" + "5abcde5fghij" + "8COMPLETE" + "1420260304050608" + "1420260304050709",
			"REFNO=2&A=abcde&IPN_PID[]=fghij&ORDERSTATUS=COMPLETE&IPN_DATE=20260304050608&IPN_PNAME[]=20260304050709",
		},
		"a reply to an LCN as it was written until 2026": {
			"12" + "5abcde5fghij" + "0" + "132026030450709",
			"LICENSE_CODE=2&A=abcde&B=fghij&EXPIRATION_DATE=&C=2026030450709",
		},
	} {
		assert.Equal(t, c.source, ipn.Signed(c.body), name)
		_, err := verify(t, sign(c.body), key)
		assert.ErrorIs(t, err, auth.ErrRequest, name)
		assert.ErrorContains(t, err, "what this account signs itself", name)
	}
}

// A long message whose first digits add up to its length is no header.
func TestAMessageIsNotTakenForAHeaderByChance(t *testing.T) {
	// Nor is one whose first value is empty: no length begins with 0.
	assert.Equal(t, ipn.LCN, verified(t, "A=&LICENSE_CODE=9&B=17+bytes+of+text.&EXPIRATION_DATE=2026-03-04+05:06:07").Kind())

	const first, last = "173", "192026-03-04 05:06:07"
	for length := range 200 {
		body := "A=7&B=" + strings.Repeat("b", 30) + "&PAD=" + strings.Repeat("p", length) + "&" + base + "&C=2026-03-04+05:06:07"
		if source := ipn.Signed(body); len(source) == len(first)+173+len(last) {
			require.True(t, strings.HasPrefix(source, first) && strings.HasSuffix(source, last))
			verified(t, body)
			return
		}
	}
	t.Fatal("no message adds up")
}

func TestKeysAreTriedInTurn(t *testing.T) {
	failing := auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.Secret{}, errors.New("the manager is down") })
	right, wrong := auth.NewSecret(key), auth.NewSecret("another-secret-key")
	for name, c := range map[string]struct {
		keys []auth.SecretSource
		code error
	}{
		"the right one":                      {[]auth.SecretSource{right}, nil},
		"the old one, beside the new one":    {[]auth.SecretSource{wrong, right}, nil},
		"one that fits wins over a failure":  {[]auth.SecretSource{failing, wrong, right}, nil},
		"none":                               {nil, auth.ErrSecret},
		"a nil one":                          {[]auth.SecretSource{nil}, auth.ErrSecret},
		"an empty one":                       {[]auth.SecretSource{auth.NewSecret("")}, auth.ErrSecret},
		"wrong ones":                         {[]auth.SecretSource{wrong, wrong}, auth.ErrSignature},
		"a failure may be the right one":     {[]auth.SecretSource{wrong, failing}, auth.ErrSecret},
		"an empty one may be the right one":  {[]auth.SecretSource{auth.NewSecret(""), wrong}, auth.ErrSecret},
		"one with a newline is not the same": {[]auth.SecretSource{auth.NewSecret(key + "\n")}, auth.ErrSecret},
	} {
		_, err := ipn.Verify(t.Context(), []byte(sign(base)), c.keys...)
		if c.code == nil {
			assert.NoError(t, err, name)
			continue
		}
		assert.ErrorIs(t, err, c.code, name)
	}
}

func TestNoKeyIsLoadedForWhatHasNoHash(t *testing.T) {
	source := auth.SecretFunc(func(context.Context) (auth.Secret, error) {
		t.Error("a key was loaded")
		return auth.NewSecret(key), nil
	})
	_, err := ipn.Verify(t.Context(), []byte(base), source)
	assert.ErrorIs(t, err, auth.ErrUnsigned)
}

func TestTheKeysSourceGetsTheContext(t *testing.T) {
	type merchant struct{}
	source := auth.SecretFunc(func(ctx context.Context) (auth.Secret, error) {
		return auth.NewSecret(ctx.Value(merchant{}).(string)), nil
	})
	_, err := ipn.Verify(context.WithValue(t.Context(), merchant{}, key), []byte(sign(base)), source)
	assert.NoError(t, err)
}

func TestTheBodyIsNotChanged(t *testing.T) {
	body := sign(base + "&A=%41+b")
	b := []byte(body)
	n, err := ipn.Verify(t.Context(), b, auth.NewSecret(key))
	require.NoError(t, err)
	assert.Equal(t, body, string(b))
	clear(b)
	assert.Equal(t, "A b", n.Get("A"), "the notification is not the body's")
}

func TestErrorsShowNoValue(t *testing.T) {
	for _, body := range []string{base, sign(base), sign("REFNO=240000001&A=2"), base + "&SIGNATURE_SHA2_256=240000001", sign(strings.Replace(base, "TEST_ORDER=0", "TEST_ORDER=240000001", 1))} {
		_, err := verify(t, body, "another-secret-key")
		require.Error(t, err)
		_, err2 := verify(t, body, key)
		text := fmt.Sprint(err, err2)
		for _, secret := range []string{"240000001", key, "another-secret-key", ipn.Hash("sha256", key, base), "Software"} {
			assert.NotContains(t, text, secret)
		}
	}
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	for body, reason := range map[string]string{
		base: "neither SIGNATURE_SHA3_256 nor SIGNATURE_SHA2_256 is filled",
		base + "&HASH=d41d8cd98f00b204e9800998ecf8427e":      "choose SHA2 or SHA3",
		base + "&HASH=&HASH=":                                "the field HASH comes twice",
		base + "&SIGNATURE_SHA2_256=0":                       "the field SIGNATURE_SHA2_256 is not 64 hexadecimal digits",
		sign("REFNO=1&IPN_DATE=2&IPN_PID[]=3&A=4&B=5"):       "lacks IPN_PNAME[], or has it more than once",
		sign("REFNO=1&IPN_DATE=2&IPN_PID[]=3&IPN_PNAME[]=4"): "only what its reply is made of",
	} {
		_, err := verify(t, body, key)
		assert.ErrorContains(t, err, reason, body)
	}
}

func TestFields(t *testing.T) {
	n := verified(t, base+"&IPN_PID[]=4712&IPN_PID[7]=&X[0][a]=1&X[a]=2&X[-1]=3&X[01]=4&X[3]=5&X]=6&X=7&X[4=8&X[=9&%41%5b%5d=%C3%BC&TWICE=1&TWICE=2&EMPTY=&LATIN=%FC&COUNTRY=a+b")
	assert.Equal(t, ipn.IPN, n.Kind())
	assert.Equal(t, "240000001", n.Get("REFNO"))
	assert.Equal(t, "Software program", n.Get("IPN_PNAME[]"))
	assert.Equal(t, "", n.Get("IPN_PID[]"), "more than one")
	assert.Equal(t, "", n.Get("IPN_PID"))
	assert.Equal(t, "", n.Get("TWICE"))
	assert.Equal(t, "", n.Get("refno"))
	assert.Equal(t, "", n.Get("NONE"))
	assert.Equal(t, "", n.Get("SIGNATURE_SHA2_256"), "it is not signed")
	assert.Equal(t, "\xfc", n.Get("LATIN"))
	assert.Equal(t, []string{"4711", "4712", ""}, n.List("IPN_PID"))
	assert.Equal(t, []string{"5"}, n.List("X"))
	assert.Equal(t, []string{"ü"}, n.List("A"))
	assert.Nil(t, n.List("REFNO"))
	assert.Nil(t, n.List("NONE"))
	var names []string
	for name := range n.All() {
		if names = append(names, name); name == "CURRENCY" {
			break
		}
	}
	assert.Equal(t, []string{"REFNO", "REFNOEXT", "ORDERSTATUS", "IPN_PID[]", "IPN_PNAME[]", "IPN_TOTALGENERAL", "CURRENCY"}, names)
}

func TestIDAndDigest(t *testing.T) {
	n := verified(t, base)
	assert.Equal(t, "IPN:240000001:9000000001", n.ID())
	again := verified(t, strings.Replace(base, "20260304050608", "20260304060709", 1))
	assert.Equal(t, n.ID(), again.ID(), "sent again")
	assert.NotEqual(t, n.Digest(), again.Digest())
	for name, other := range map[string]string{
		"renamed":         strings.Replace(base, "REFNOEXT", "COMMENT", 1),
		"spelled another": strings.Replace(base, "Software+program", "%53oftware%20program", 1),
		"with separators": "&" + strings.ReplaceAll(base, "&", "&&"),
	} {
		assert.Equal(t, n.Digest(), verified(t, other).Digest(), name)
	}
	sha3, err := verify(t, base+"&SIGNATURE_SHA3_256="+strings.ToUpper(ipn.Hash("sha3-256", key, base)), key)
	require.NoError(t, err)
	assert.Equal(t, n.Digest(), sha3.Digest())

	for name, body := range map[string]string{
		"no MESSAGE_ID":        strings.Replace(base, "MESSAGE_ID", "ID", 1),
		"an empty MESSAGE_ID":  strings.Replace(base, "MESSAGE_ID=9000000001", "MESSAGE_ID=", 1),
		"more than MESSAGE_ID": base + "&MESSAGE_ID=1",
	} {
		n := verified(t, body)
		assert.Equal(t, n.Digest(), n.ID(), name)
		assert.Len(t, n.ID(), 64, name)
	}
	assert.NotEqual(t,
		verified(t, strings.NewReplacer("240000001", "1%3A2", "9000000001", "3").Replace(base)).ID(),
		verified(t, strings.NewReplacer("240000001", "1", "9000000001", "2%3A3").Replace(base)).ID(), "no separator within a value")
	assert.Equal(t, "IPN:1%3A2:3%0A", verified(t, strings.NewReplacer("240000001", "1%3A2", "9000000001", "3%0A").Replace(base)).ID())
	l := verified(t, license)
	assert.Equal(t, ipn.LCN, l.Kind())
	assert.Equal(t, "LCN:3C343D0FAF:9000000002", l.ID())
}

func TestTest(t *testing.T) {
	type result struct{ test, known bool }
	order := func(field string) string { return strings.Replace(base, "TEST_ORDER=0", field, 1) }
	for body, want := range map[string]result{
		order("TEST_ORDER=1"):              {true, true},
		order("TEST_ORDER=0"):              {false, true},
		order("A=1"):                       {},
		order("TEST_ORDER="):               {},
		order("TEST_ORDER=yes"):            {},
		order("TEST_ORDER=0&TEST_ORDER=0"): {},
		order("TEST=0"):                    {},
		order("test_order=0"):              {},
		license:                            {false, true},
		license + "&TEST=0":                {false, true},
		license + "&TEST=":                 {false, true},
		license + "&TEST=1":                {true, true},
		license + "&TEST=yes":              {},
		license + "&TEST=0&TEST=":          {},
		license + "&TEST_ORDER=1":          {false, true},
	} {
		test, known := verified(t, body).Test()
		assert.Equal(t, want, result{test, known}, body)
	}
}

// The reply is over the first product, whatever follows, and by the key and the
// algorithm that fitted.
func TestReply(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 7, 9, 999, time.UTC)
	local := now.In(time.FixedZone("", -7*60*60))
	first := verified(t, base).Reply(now)
	assert.Regexp(t, `^<sig algo="sha256" date="20260304050709">[0-9a-f]{64}</sig>$`, first)
	for name, body := range map[string]string{
		"more products":      base + "&IPN_PID[]=4712&IPN_PNAME[]=Second",
		"indexed":            strings.NewReplacer("IPN_PID%5B%5D", "IPN_PID[0]", "IPN_PNAME%5B%5D", "IPN_PNAME[0]").Replace(base) + "&IPN_PID[1]=4712",
		"the first one last": strings.Replace(base, "IPN_PID%5B%5D=4711", "IPN_PID[2]=1&IPN_PID[0]=4711", 1),
	} {
		assert.Equal(t, first, verified(t, body).Reply(local), name)
	}
	old, err := verify(t, sign(base), "the-new-secret-key", key)
	require.NoError(t, err)
	assert.Equal(t, first, old.Reply(now))
	sha3, err := verify(t, sign(base)+"&SIGNATURE_SHA3_256="+ipn.Hash("sha3-256", key, base), key)
	require.NoError(t, err)
	assert.Contains(t, sha3.Reply(now), `algo="sha3-256"`)
	l := verified(t, "LICENSE_CODE=3C343D0FAF&EXPIRATION_DATE=2005-03-03&STATUS=ACTIVE&TEST=0")
	assert.Equal(t, `<sig algo="sha256" date="20081117145935">`+ipn.Hash("sha256", key, "a=3C343D0FAF&b=2005-03-03&c=20081117145935")+`</sig>`,
		l.Reply(time.Date(2008, 11, 17, 14, 59, 35, 0, time.UTC)))
}

func TestTheZeroNotificationAcknowledgesNothing(t *testing.T) {
	var n ipn.Notification
	assert.Equal(t, "", n.Reply(time.Now()))
	assert.Equal(t, "", n.Get("REFNO"))
	_, known := n.Test()
	assert.False(t, known)
}

func TestANotificationPrintsItsKindOnly(t *testing.T) {
	n := verified(t, base)
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("", "n", n)
	for _, text := range []string{fmt.Sprintf("%v", n), fmt.Sprintf("%+v", *n), fmt.Sprintf("%#v", n), fmt.Sprintf("%s %q %x", n, n, *n), fmt.Sprint([]any{n}), logged.String()} {
		for _, value := range []string{"240000001", "Software", key} {
			assert.NotContains(t, text, value)
		}
	}
	assert.Equal(t, "ipn.Notification(IPN)", fmt.Sprint(n))
	assert.Equal(t, []string{"Kind(0)", "IPN", "LCN"}, slices.Collect(func(yield func(string) bool) {
		for _, k := range []ipn.Kind{0, ipn.IPN, ipn.LCN} {
			if !yield(k.String()) {
				return
			}
		}
	}))
}
