package paylinkhmac_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRedact(t *testing.T) {
	const signature = "pBvG2B1kE1dq4JlJleCtiaQW7Jc4lRXDYE9HciEi7us"
	for location, want := range map[string]string{
		"/a?x=1&ApiSignature=" + signature + "%3D&y=2":                       "/a?x=1&ApiSignature=&y=2",
		"/a?ApiSignature=" + signature + "=&y=2":                             "/a?ApiSignature=&y=2",
		"/a?ApiSignature=a/b+c%2fd%2Be%20f%3d#g":                             "/a?ApiSignature=#g",
		"/in?to=%2Fa%3FApiSignature%3D" + signature + "%253D%26y%3D2":        "/in?to=%2Fa%3FApiSignature%3D%26y%3D2",
		"/in?to=%252Fa%253FApiSignature%253D" + signature + "%25253D%2526y":  "/in?to=%252Fa%253FApiSignature%253D%2526y",
		"/a?ApiSignature=" + signature + "%3D&z=1&ApiSignature=" + signature: "/a?ApiSignature=&z=1&ApiSignature=",
		"/x?ApiSignature=abc def=":                                           "/x?ApiSignature=",
		"/x?ApiSignature%5B%5D=abc&y=2":                                      "/x?ApiSignature%5B%5D=&y=2",
		"/x?ApiSignature[0]=abc&y=2":                                         "/x?ApiSignature[0]=&y=2",
		"/x?apisignature=abc&y=2":                                            "/x?apisignature=&y=2",
		"/x?json=%7B%22ApiSignature%22%3A%22ab%2Bc%3D%22%7D&y=2":             "/x?json=%7B%22ApiSignature%22%3A%22%22%7D&y=2",
		"/x?json=%7B%22ApiSignature%22%3A+%22ab%5C%2Fc%3D%22%7D":             "/x?json=%7B%22ApiSignature%22%3A+%22%22%7D",
		`/x?json={"a":1,"ApiSignature": "ab\/c\u002b="}`:                     `/x?json={"a":1,"ApiSignature": ""}`,
		"/in?to=%2Fa%3FApiSignature%255B%255D%3Dabc%253D%26y%3D2":            "/in?to=%2Fa%3FApiSignature%255B%255D%3D%26y%3D2",
		"ApiSignature=abc":                                                   "ApiSignature=",
		"malformed MIME header line: ApiSignature=" + signature:              "malformed MIME header line: ApiSignature=",
		"/x?to=https%3A%2F%2Fy%2F%3Fa%3D1%26APISIGNATURE%3Dabc%23g":          "/x?to=https%3A%2F%2Fy%2F%3Fa%3D1%26APISIGNATURE%3D%23g",
		"/a?x=ApiSignature":                                                  "/a?x=ApiSignature",
		"/a?MyApiSignature=" + signature:                                     "/a?MyApiSignature=" + signature,
		"/a?ApiSignatures=" + signature:                                      "/a?ApiSignatures=" + signature,
		"":                                                                   "",
	} {
		assert.Equal(t, want, example(t).Redact(nil, location))
	}
}
