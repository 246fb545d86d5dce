package php

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// multipartTypes are Content-Types that are multipart/form-data to PHP, and some
// that are not.
var multipartTypes = map[string]bool{
	"multipart/form-data; boundary=B":    true,
	"Multipart/FORM-data;boundary=B":     true,
	"multipart/form-data, x; boundary=B": true,
	"multipart/form-data x; boundary=B":  true,
	"multipart/form-datax; boundary=B":   false,
	"multipart/form-data\t; boundary=B":  false,
	"multipart/mixed; boundary=B":        false,
	"text/plain; multipart/form-data":    false,
	"":                                   false,
}

func TestIsMultipart(t *testing.T) {
	for contentType, want := range multipartTypes {
		assert.Equal(t, want, IsMultipart(contentType), "%q", contentType)
	}
	assert.True(t, IsMultipart("multipart/form-data"))
}

func TestIsMultipartAgainstPHP(t *testing.T) {
	const body = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B--\r\n"
	for contentType, want := range multipartTypes {
		assert.Equal(t, want, cgi(t, contentType, len(body), body).String() == "a=1", "%q", contentType)
	}
}
