package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

// all five functions of a Trace, which say in which order they are called.
func naming(name string, called *[]string) *auth.Trace {
	say := func(what string) { *called = append(*called, name+" "+what) }
	return &auth.Trace{
		Signed:   func(context.Context, auth.SignedInfo) { say("Signed") },
		Refused:  func(context.Context, auth.RefusedInfo) { say("Refused") },
		Repeated: func(context.Context, auth.RepeatedInfo) { say("Repeated") },
		LoggedIn: func(context.Context, auth.LoggedInInfo) { say("LoggedIn") },
		Clock:    func(context.Context, auth.ClockInfo) { say("Clock") },
	}
}

func callAll(ctx context.Context) {
	t := auth.ContextTrace(ctx)
	t.Signed(ctx, auth.SignedInfo{})
	t.Refused(ctx, auth.RefusedInfo{})
	t.Repeated(ctx, auth.RepeatedInfo{})
	t.LoggedIn(ctx, auth.LoggedInInfo{})
	t.Clock(ctx, auth.ClockInfo{})
}

func TestTracesOfAContextAreAllCalled(t *testing.T) {
	var called []string
	outer := auth.WithTrace(t.Context(), naming("first", &called))
	inner := auth.WithTrace(outer, naming("second", &called))
	callAll(inner)
	assert.Equal(t, []string{
		"second Signed", "first Signed", "second Refused", "first Refused", "second Repeated", "first Repeated",
		"second LoggedIn", "first LoggedIn", "second Clock", "first Clock",
	}, called, "the last one first")

	called = nil
	callAll(outer)
	assert.Equal(t, []string{"first Signed", "first Refused", "first Repeated", "first LoggedIn", "first Clock"}, called, "the outer context is as it was")

	called = nil
	some := auth.WithTrace(outer, &auth.Trace{Clock: func(context.Context, auth.ClockInfo) { called = append(called, "third Clock") }})
	callAll(some)
	assert.Equal(t, []string{"first Signed", "first Refused", "first Repeated", "first LoggedIn", "third Clock", "first Clock"}, called, "any of them may be nil")

	assert.Nil(t, auth.ContextTrace(t.Context()))
	assert.Nil(t, auth.ContextTrace(auth.WithTrace(inner, nil)), "nil is no trace")
	assert.Equal(t, t.Context(), auth.WithTrace(t.Context(), nil))
}

// traced returns what is reported of a signature.
func traced(t *testing.T, stringToSign []byte) auth.SignedInfo {
	t.Helper()
	var got auth.SignedInfo
	ctx := auth.WithTrace(t.Context(), &auth.Trace{Signed: func(_ context.Context, i auth.SignedInfo) { got = i }})
	signed := auth.TraceSigned(ctx)
	require.NotNil(t, signed)
	_, ok := got.StringToSign()
	assert.False(t, ok, "there is none yet")
	signed(stringToSign)
	return got
}

func TestTheStringToSignIsCopied(t *testing.T) {
	b := []byte("amount=200")
	i := traced(t, b)
	clear(b)
	s, ok := i.StringToSign()
	assert.True(t, ok)
	assert.Equal(t, "amount=200", s)
	s, ok = traced(t, nil).StringToSign()
	assert.True(t, ok, "the empty string is one")
	assert.Empty(t, s)
}

// It holds what the customer has entered.
func TestNothingPrintsTheStringToSign(t *testing.T) {
	i := traced(t, []byte(hunter))
	s, _ := i.StringToSign()
	require.Equal(t, hunter, s)
	for _, value := range []any{i, &i, []any{i}, map[string]auth.SignedInfo{"x": i}, struct{ i any }{&i}} {
		for _, verb := range "vTtbcdoOqxXUeEfFgGspwz" {
			for _, flags := range []string{"", "+", "#", "# ", "+#"} {
				assertRedacted(t, fmt.Sprintf("%"+flags+string(verb), value))
			}
		}
		b, err := json.Marshal(value)
		require.NoError(t, err)
		assertRedacted(t, string(b))
	}
}

func TestTracingIsFreeWhereNobodyTraces(t *testing.T) {
	for name, ctx := range map[string]context.Context{
		"no trace":            t.Context(),
		"no trace of Signed":  auth.WithTrace(t.Context(), &auth.Trace{Refused: func(context.Context, auth.RefusedInfo) {}}),
		"a trace taken out":   auth.WithTrace(auth.WithTrace(t.Context(), &auth.Trace{}), nil),
		"another's in a deep": context.WithValue(context.WithValue(t.Context(), key(1), 1), key(2), errors.New("x")),
	} {
		assert.Nil(t, auth.TraceSigned(ctx), name)
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			if auth.TraceSigned(ctx) != nil {
				t.Error("somebody traces")
			}
			auth.ContextTrace(ctx)
			auth.WithTrace(t.Context(), nil)
		}), name)
	}
}

type key int
