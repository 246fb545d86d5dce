package phptest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheSwitch(t *testing.T) {
	const none = "no-such-program"
	require := func(t testing.TB) { Require(t, none) }
	client := func(t testing.TB) { Client(t, none) }
	extension := func(t testing.TB) { lacks(t, "PHP has no soap", "Debian's php-soap") }
	for _, c := range []struct {
		value           string
		full            bool
		cases           int
		end             string // of each call
		require, client string // their messages
		extension       string
	}{
		{"", false, 10, "skip",
			"there is no no-such-program here: install no-such-program to run this test",
			"no-such-program is run with COUNTERSIGN_REQUIRE_PHP=1 only",
			"PHP has no soap here: install Debian's php-soap to run this test"},
		{"1", true, 100, "fail",
			"COUNTERSIGN_REQUIRE_PHP=1, but there is no no-such-program: install no-such-program",
			"COUNTERSIGN_REQUIRE_PHP=1, but there is no no-such-program: install no-such-program",
			"COUNTERSIGN_REQUIRE_PHP=1, but PHP has no soap: install Debian's php-soap"},
	} {
		t.Run("COUNTERSIGN_REQUIRE_PHP="+c.value, func(t *testing.T) {
			t.Setenv("COUNTERSIGN_REQUIRE_PHP", c.value)
			assert.Equal(t, c.full, Full())
			assert.Equal(t, c.cases, Cases(100))
			assert.Equal(t, c.end+": "+c.require, outcome(require))
			assert.Equal(t, c.end+": "+c.client, outcome(client))
			assert.Equal(t, c.end+": "+c.extension, outcome(extension))
		})
	}
}

// outcome returns how a test ends that calls f.
func outcome(f func(testing.TB)) (end string) {
	defer func() { end, _ = recover().(string) }()
	f(double{})
	return "goes on"
}

// A double is a test that says how it ends by a panic.
type double struct{ testing.TB }

func (double) Helper() {}

func (double) Skipf(format string, args ...any) { panic("skip: " + fmt.Sprintf(format, args...)) }

func (double) Fatalf(format string, args ...any) { panic("fail: " + fmt.Sprintf(format, args...)) }
