package paylinkhook_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// FuzzHandler posts any body, with any signature and with the right one, and where none
// is wanted: what is answered with 200 was processed, and all else was not.
func FuzzHandler(f *testing.F) {
	f.Fuzz(func(t *testing.T, contentType, signature, body string) {
		for _, signature := range []string{signature, sign(body), ""} {
			s := newShop()
			if s.Unsigned = signature == ""; s.Unsigned {
				s.SigningKeys = nil
			}
			w := s.serve(post(contentType, body, signature))
			if w.Code != http.StatusOK {
				assert.Equal(t, http.StatusText(w.Code)+"\n", w.Body.String())
				assert.Len(t, s.errs, 1)
				assert.Empty(t, s.notified)
				continue
			}
			assert.Empty(t, w.Body.String())
			assert.Empty(t, s.errs)
			if assert.Len(t, s.notified, 1) {
				assert.Equal(t, body, string(s.notified[0].Body))
				assert.Equal(t, !s.Unsigned, s.notified[0].Signed)
			}
		}
	})
}
