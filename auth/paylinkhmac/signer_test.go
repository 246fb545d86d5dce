package paylinkhmac

import (
	"runtime"
	"sync"
	"testing"

	"github.com/countersign/countersign/auth"
)

// A signer signs with the secret of the call, however fast others put their keys
// into its place. Most calls are for the key alone, so that they are many.
func TestASignerUsesNoKeyOfAnotherCall(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	const calls, signed = 400_000, 100 // one in so many
	stringToSign := []byte("title=b%C3%A4ckerei")
	secrets := [...]string{"test-secret-key", "another-secret-key", "a-third-secret-key", "a-fourth-secret-key"}
	var want [len(secrets)]string
	for i, secret := range secrets {
		want[i] = string(new(signer).appendSignature(nil, auth.NewSecret(secret), stringToSign))
	}
	shared := new(signer)
	var callers sync.WaitGroup
	for first := range secrets {
		callers.Go(func() {
			for n := range calls {
				i := (first + n) % len(secrets)
				if n%signed == 0 {
					got := shared.appendSignature(nil, auth.NewSecret(secrets[i]), stringToSign)
					if string(got) != want[i] {
						t.Errorf("got the signature %q for %q, want %q", got, secrets[i], want[i])
						return
					}
				} else if got := shared.key(secrets[i]).secret; got != secrets[i] {
					t.Errorf("got the key of %q for %q", got, secrets[i])
					return
				}
			}
		})
	}
	callers.Wait()
}
