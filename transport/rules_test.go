package transport_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/transport"
)

func TestATransportPrintsItsOriginsInOrder(t *testing.T) {
	var list []auth.Authenticator
	for _, host := range []string{"d", "b", "a", "c"} {
		list = append(list, auth.NewPerRequest(originOf(t, "https://"+host+".test")))
	}
	tr := newTransport(t, &stub{}, list...)
	const want = "transport.Transport([https://a.test https://b.test https://c.test https://d.test])"
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		assert.Equal(t, want, fmt.Sprintf(format, tr))
	}
	var none *transport.Transport
	assert.Equal(t, "transport.Transport(nil)", fmt.Sprint(none))
}

// A RoundTripper of the user's own may leave out the body that an http.Transport
// always gives.
func TestARefusalWithoutABodyGetsASecondTurn(t *testing.T) {
	a := &learner{t: t, origin: originOf(t, "https://api.shop.test")}
	base := &stub{respond: func(*http.Request) (*http.Response, error) {
		if a.turns == 1 {
			return &http.Response{StatusCode: 401}, nil
		}
		return response(200, ""), nil
	}}
	resp, err := newTransport(t, base, a).RoundTrip(newRequest(t, http.MethodGet, "https://api.shop.test/", nil))
	require.NoError(t, err)
	assert.Equal(t, 200, resp.StatusCode)
	assert.Equal(t, 2, a.turns)
}
