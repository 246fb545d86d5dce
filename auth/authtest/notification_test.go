package authtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/webhook/ipn"
)

var notificationKey = auth.NewSecret("test-secret-key")

type sendFunc = func(context.Context, http.Handler, authtest.Message) (*authtest.Reply, error)

// TestNotifications: this module's Handler takes what is sent, with either algorithm and
// in any number of pieces, and is judged right.
func TestNotifications(t *testing.T) {
	for name, send := range map[string]sendFunc{"IPN": authtest.IPN, "LCN": authtest.LCN} {
		for _, algorithm := range []avangate.Algorithm{avangate.SHA2_256, avangate.SHA3_256} {
			for _, writes := range []int{0, 1, 2, 7, 10_000} {
				processed := 0
				shop := &ipn.Handler{SecretKeys: []auth.SecretSource{notificationKey}, Notify: func(_ context.Context, n *ipn.Notification) error {
					processed++
					assert.Equal(t, name, n.Kind().String())
					assert.Equal(t, "ü\\ ", n.Get("NEW"))
					test, known := n.Test()
					assert.True(t, known && !test)
					return nil
				}}
				m := authtest.Message{Key: notificationKey, Algorithm: algorithm, Writes: writes, Fields: [][2]string{{"NEW", "ü\\ "}}}
				reply, err := send(t.Context(), shop, m)
				require.NoError(t, err)
				assert.NoError(t, reply.Err)
				assert.Empty(t, reply.Notes)
				assert.Contains(t, reply.Body, algorithm.String())
				assert.Equal(t, 1, processed)

				m.TestOrder = true
				reply, err = send(t.Context(), shop, m)
				require.NoError(t, err)
				assert.NoError(t, reply.Err)
				assert.Len(t, reply.Notes, 1)
				assert.Equal(t, 1, processed, "a test order")

				m.Fields = append(m.Fields, [2]string{map[string]string{"IPN": "REFNO", "LCN": "LICENSE_CODE"}[name], ""})
				reply, err = send(t.Context(), &ipn.Handler{SecretKeys: shop.SecretKeys, Notify: shop.Notify, OnError: func(*http.Request, error) {}}, m)
				require.NoError(t, err)
				assert.Equal(t, http.StatusBadRequest, reply.Status)
				assert.ErrorContains(t, reply.Err, "refused")
			}
		}
	}
}

// TestNotificationsAsAServerReceivesThem: what a handler may ask of a request and of its
// writer.
func TestNotificationsAsAServerReceivesThem(t *testing.T) {
	type key struct{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /merchants/{merchant}/ipn", func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "7", r.PathValue("merchant"))
		assert.Equal(t, "lang=en", r.URL.RawQuery)
		assert.Equal(t, "/merchants/7/ipn?lang=en", r.RequestURI)
		assert.Equal(t, "value", r.Context().Value(key{}))
		assert.NotEmpty(t, r.Host)
		assert.NotEmpty(t, r.RemoteAddr)
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.EqualValues(t, len(body), r.ContentLength)
		w.Header().Set("X-A", "1")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK)
		w.Header().Set("X-A", "2")
		assert.NoError(t, http.NewResponseController(w).Flush())
		io.WriteString(w, "a")
		io.WriteString(w, "b")
	})
	ctx := context.WithValue(t.Context(), key{}, "value")
	reply, err := authtest.IPN(ctx, mux, authtest.Message{Key: notificationKey, URL: "/merchants/7/ipn?lang=en", Writes: 3})
	require.NoError(t, err)
	assert.Equal(t, http.StatusTeapot, reply.Status)
	assert.Equal(t, "1", reply.Header.Get("X-A"))
	assert.Equal(t, "ab", reply.Body)
	assert.Error(t, reply.Err)

	reply, err = authtest.Webhook(ctx, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), authtest.Message{Key: notificationKey})
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, reply.Status)
	assert.NoError(t, reply.Err)
	assert.Panics(t, func() {
		authtest.LCN(ctx, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("of the handler") }), authtest.Message{Key: notificationKey})
	})
}

// TestReceiversThatAreWrong: the mistake is named, without a word of the reply.
func TestReceiversThatAreWrong(t *testing.T) {
	trusting := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, `<sig algo="sha256" date="20260304050709">`+strings.Repeat("0", 64)+`</sig>`+string(body))
	})
	reply, err := authtest.IPN(t.Context(), trusting, authtest.Message{Key: notificationKey})
	require.NoError(t, err)
	assert.EqualError(t, reply.Err, "the reply's hash is wrong: another key (possible, and not reproduced). "+
		"Take the Secret Key of the Control Panel, and none of the secret words; and hash every value of the body in its order.")
	reply, err = authtest.IPN(t.Context(), trusting, authtest.Message{Key: notificationKey, WrongHash: true})
	require.NoError(t, err)
	assert.ErrorContains(t, reply.Err, "the hash is not checked")
	reply, err = authtest.Webhook(t.Context(), trusting, authtest.Message{Key: notificationKey, WrongHash: true})
	require.NoError(t, err)
	assert.ErrorContains(t, reply.Err, "the signature is not checked")
}

func TestMessagesThatCannotBeMade(t *testing.T) {
	called := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler is called") })
	for _, c := range []struct {
		send sendFunc
		m    authtest.Message
		code error
	}{
		{authtest.IPN, authtest.Message{}, auth.ErrSecret},
		{authtest.IPN, authtest.Message{Key: auth.NewSecret("")}, auth.ErrSecret},
		{authtest.Webhook, authtest.Message{Key: auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.Secret{}, errors.New("gone") })}, auth.ErrSecret},
		{authtest.IPN, authtest.Message{Key: notificationKey, Algorithm: 7}, auth.ErrConfig},
		{authtest.IPN, authtest.Message{Key: notificationKey, Body: []byte("a=b")}, auth.ErrConfig},
		{authtest.LCN, authtest.Message{Key: notificationKey, Fields: [][2]string{{"HASH", "x"}}}, auth.ErrConfig},
		{authtest.IPN, authtest.Message{Key: notificationKey, URL: "ipn"}, auth.ErrConfig},
		{authtest.IPN, authtest.Message{Key: notificationKey, URL: "https://shop.example/ipn"}, auth.ErrConfig},
		{authtest.Webhook, authtest.Message{Key: notificationKey, TestOrder: true}, auth.ErrConfig},
		{authtest.Webhook, authtest.Message{Key: notificationKey, Algorithm: avangate.SHA3_256}, auth.ErrConfig},
		{authtest.Webhook, authtest.Message{Key: notificationKey, Body: []byte("{}"), Fields: [][2]string{{"a", "b"}}}, auth.ErrConfig},
	} {
		reply, err := c.send(t.Context(), called, c.m)
		assert.Nil(t, reply)
		assert.ErrorIs(t, err, c.code, "%v", err)
	}
}

// TestIPNsDateIsNow: receivers may compare it with their clock.
func TestIPNsDateIsNow(t *testing.T) {
	before := time.Now().UTC().Format("20060102150405")
	_, err := authtest.IPN(t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sent := r.PostFormValue("IPN_DATE")
		assert.LessOrEqual(t, before, sent)
		assert.LessOrEqual(t, sent, time.Now().UTC().Format("20060102150405"))
		assert.Len(t, r.PostForm["SIGNATURE_SHA2_256"], 1)
		assert.NotContains(t, r.PostForm, "SIGNATURE_SHA3_256")
		assert.NotContains(t, r.PostForm, "HASH")
	}), authtest.Message{Key: notificationKey})
	require.NoError(t, err)
}
