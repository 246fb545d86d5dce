package buylink_test

import (
	"context"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/buylink"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/phptest"
)

// A linkMaker makes random links.
type linkMaker struct{ *rand.Rand }

func (m linkMaker) of(list ...string) string { return list[m.IntN(len(list))] }

// from returns up to most bytes or characters of an alphabet, and one at least.
func (m linkMaker) from(alphabet string, most int) string {
	letters := strings.Split(alphabet, "")
	var s strings.Builder
	for range 1 + m.IntN(most) {
		s.WriteString(m.of(letters...))
	}
	return s.String()
}

// unsigned are parameters of links that no list signs.
var unsigned = []string{"merchant", "dynamic", "test", "name", "email", "language", "src", "tpl", "Prod", "PRICE", "prod_"}

// ordinary returns a name that PHP takes as it is and sorts by its bytes.
func (m linkMaker) ordinary() string {
	switch m.IntN(4) {
	case 0:
		return m.of(unsigned...)
	case 1:
		return m.of("a", "B", "_", "é", "x-") + m.from("abAB09_-~é]", 4)
	}
	return m.of(vendor.PluginNames...)
}

// odd returns a name at the edge of what is ordinary, or beyond it.
func (m linkMaker) odd() string {
	switch m.IntN(3) {
	case 0:
		return m.of("9", "10", "1e1", "01", "-1", "a.b", "x y", " prod", "prod[]", "a[b]", "a[b", "prod\x00x", "")
	case 1:
		return m.of(vendor.PluginNames...) + m.from(". []\x00\t;&=+%", 1)
	}
	return m.from("01e.+-_a[] \t\v", 4)
}

func (m linkMaker) value() string {
	switch m.IntN(5) {
	case 0:
		return m.of("", "0", "1", "00", "49.90", "1;2;3", "USD:10.5", "https://shop.example/b?a=b&c=d#e", "true")
	case 1:
		return m.from("Größe漢😀 “”", 12)
	case 2:
		return m.from("&=+%;#/?\\'\"<> \t\n\x00\x7f", 8)
	case 3:
		return string([]byte{byte(m.IntN(256)), byte(m.IntN(256))})
	}
	return m.from("abc123.-_~", 40)
}

// respell writes a query in another spelling that means the same.
func (m linkMaker) respell(query string) string {
	var s strings.Builder
	for i := 0; i < len(query); i++ {
		c := query[i]
		switch {
		case c == '+' && m.IntN(2) == 0:
			s.WriteString("%20")
		case c == '%':
			escape := query[i : i+3]
			i += 2
			decoded, err := url.QueryUnescape(escape)
			switch {
			case m.IntN(2) == 0:
				s.WriteString(escape)
			case err == nil && m.IntN(2) == 0 && strings.Contains(";:,/?@!$'()*", decoded):
				s.WriteString(decoded)
			default:
				s.WriteString(strings.ToLower(escape))
			}
		case c == '&' && m.IntN(8) == 0:
			s.WriteString("&&")
		case '0' <= c && c <= '9' && m.IntN(16) == 0:
			s.WriteString("%3" + string(c))
		default:
			s.WriteByte(c)
		}
	}
	return s.String()
}

// names are those that are chosen, each once.
func (m linkMaker) names(most int, choose ...func() string) (names []string) {
	for range 1 + m.IntN(most) {
		if name := choose[m.IntN(len(choose))](); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// A phpLink is what PHP makes of a link's parameters.
type phpLink struct {
	query          string
	link, returned string // its signature as a buy link and as a return URL
}

// ask lets PHP make a link.
func ask(p *phptest.Process, secret string, parameters []vendor.LinkParameter) phpLink {
	texts := []string{url.QueryEscape(secret)}
	for _, parameter := range parameters {
		texts = append(texts, url.QueryEscape(parameter.Name), url.QueryEscape(parameter.Value))
	}
	a := p.Ask('l', strings.Join(texts, " "))
	return phpLink{a[0], a[1], a[2]}
}

const phpWord = "Buy-link w0rd & invented ü"

// TestBuyLinksAgainstPHP: what is signed here has the signature that the vendor's
// plugin would have made, in whatever spelling; and a link that PHP would read
// otherwise than it was written is refused.
func TestBuyLinksAgainstPHP(t *testing.T) {
	p := phptest.Start(t)
	seed := rand.Uint64()
	m := linkMaker{rand.New(rand.NewPCG(seed, 1))}
	s := buylink.Signer{SecretWord: auth.NewSecret(phpWord)}
	signed, refused := 0, 0
	for i := range phptest.Cases(20_000) {
		isOdd := i%4 == 3
		names := m.names(12, m.ordinary)
		if isOdd {
			names = m.names(6, m.ordinary, m.odd)
		}
		var parameters []vendor.LinkParameter
		for _, name := range names {
			parameters = append(parameters, vendor.LinkParameter{Name: name, Value: m.value()})
		}
		made := ask(p, phpWord, parameters)
		query := m.respell(made.query)
		got, err := s.Sign(context.Background(), &url.URL{RawQuery: query})
		if err != nil {
			require.True(t, isOdd, "seed %d: %q is refused: %v", seed, query, err)
			refused++
			continue
		}
		require.Equal(t, made.query, p.Ask('f', query)[0], "seed %d: PHP reads it otherwise, and it is signed", seed)
		require.Equal(t, query+"&signature="+made.link, got.RawQuery, "seed %d", seed)
		signed++
	}
	t.Logf("%d buy links accepted and signed as PHP signs them, %d refused, 0 mismatches", signed, refused)
}

// TestReturnURLsAgainstPHP: what the vendor returns is right, and its parameters are
// those that PHP reads; what PHP sorts or spells otherwise is refused, and so is one
// byte that has changed.
func TestReturnURLsAgainstPHP(t *testing.T) {
	p := phptest.Start(t)
	seed := rand.Uint64()
	m := linkMaker{rand.New(rand.NewPCG(seed, 2))}
	v := buylink.Verifier{SecretWord: auth.NewSecret(phpWord), Own: []string{"wc-api"}}
	right, refused := 0, 0
	for i := range phptest.Cases(20_000) {
		isOdd := i%4 == 3
		names := append(m.names(10, m.ordinary), vendor.RefNo, vendor.Total, vendor.TotalCurrency)
		if isOdd {
			names = append(m.names(5, m.ordinary, m.odd, m.odd), vendor.RefNo, vendor.Total, vendor.TotalCurrency)
		}
		m.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		want := &buylink.Hint{RefNo: m.from("0123456789", 9), Total: m.of("0", "49.90", "1.00"), Currency: m.of("EUR", "CHF")}
		var parameters []vendor.LinkParameter
		for _, name := range names {
			value := m.value()
			switch name {
			case vendor.RefNo:
				value = want.RefNo
			case vendor.Total:
				value = want.Total
			case vendor.TotalCurrency:
				value = want.Currency
			case vendor.OrderExtRef:
				want.Reference = value
			}
			parameters = append(parameters, vendor.LinkParameter{Name: name, Value: value})
		}
		made := ask(p, phpWord, parameters)
		query := m.respell(made.query)
		back := query + "&wc-api=" + url.QueryEscape(m.value()) + "&signature=" + made.returned
		hint, err := v.Verify(context.Background(), &url.URL{RawQuery: back})
		if err != nil {
			require.True(t, isOdd, "seed %d: %q is refused: %v", seed, back, err)
			require.ErrorIs(t, err, auth.ErrParameter, "seed %d: %q: a wrong string to sign in place of a refusal", seed, back)
			refused++
			continue
		}
		require.Equal(t, made.query, p.Ask('f', query)[0], "seed %d: PHP reads it otherwise, and it is right", seed)
		require.Equal(t, want, hint, "seed %d", seed)
		right++

		changed := strings.Replace(back, "total="+want.Total, "total="+want.Total+"1", 1)
		if changed != back {
			_, err = v.Verify(context.Background(), &url.URL{RawQuery: changed})
			require.ErrorIs(t, err, auth.ErrSignature, "seed %d: %q", seed, changed)
		}
	}
	t.Logf("%d return URLs of PHP's accepted, %d refused, 0 mismatches", right, refused)
}
