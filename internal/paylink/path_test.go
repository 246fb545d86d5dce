package paylink

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPath(t *testing.T) {
	for _, tc := range []struct {
		path       string
		begins     bool
		want       Path
		whole      bool
		object, id string // wherever they stand
	}{
		{"/v1.0/SignatureCheck/", true, Path{Object: "SignatureCheck"}, true, "SignatureCheck", ""},
		{"/v1/Gateway", true, Path{Object: "Gateway"}, true, "Gateway", ""},
		{"/v1.16/Invoice/17/", true, Path{16, "Invoice", "17", ""}, true, "Invoice", "17"},
		{"/v1.9/Transaction/17/refund", true, Path{9, "Transaction", "17", "refund"}, true, "Transaction", "17"},
		{"/v1.0/PaymentMethod/apple-pay", true, Path{0, "PaymentMethod", "apple-pay", ""}, true, "PaymentMethod", "apple-pay"},
		{"/v1.0/QrCodeScan/s 1/", true, Path{0, "QrCodeScan", "s 1", ""}, true, "QrCodeScan", "s 1"},
		{"/v1.14/ecr/SN-1/payment", true, Path{14, "ecr", "SN-1", "payment"}, true, "ecr", "SN-1"},
		{"/v1.0/Nothing/", true, Path{Object: "Nothing"}, true, "Nothing", ""},
		{"/v1.0/", true, Path{}, false, "", ""},
		{"/v1.100/Invoice/", true, Path{}, false, "Invoice", ""},
		{"/v1.0/Invoice/17/refund/now", true, Path{}, false, "Invoice", "17"},
		{"/v2.0/Invoice/17/", true, Path{}, false, "Invoice", "17"},
		{"/proxy/v1.0/Invoice/17/", false, Path{}, false, "Invoice", "17"},
		{"/rest/6.0/orders/", false, Path{}, false, "", ""},
		{"/version/", false, Path{}, false, "", ""},
		{"/", false, Path{}, false, "", ""},
		{"", false, Path{}, false, "", ""},
	} {
		assert.Equal(t, tc.begins, IsPath(tc.path), tc.path)
		got, ok := ParsePath(tc.path)
		assert.Equal(t, tc.want, got, tc.path)
		assert.Equal(t, tc.whole, ok, tc.path)
		object, id := FindPath(tc.path)
		assert.Equal(t, tc.object, object, tc.path)
		assert.Equal(t, tc.id, id, tc.path)
	}
	assert.True(t, IsObject("Invoice"))
	assert.False(t, IsObject("invoice"), "names have a case")
	assert.False(t, IsObject("Nothing"))
}
