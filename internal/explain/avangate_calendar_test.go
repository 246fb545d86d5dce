package explain

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAvangateNamesTheCalendar: a date of another calendar or clock is named as such,
// however far away it is.
func TestAvangateNamesTheCalendar(t *testing.T) {
	now := time.Date(2026, 11, 28, 15, 4, 5, 0, time.UTC)
	for date, want := range map[string]string{
		"2569-11-28 15:04:05": "in the Thai calendar",
		"1448-06-18 15:04:05": "in the Islamic calendar",
		"1405-09-07 15:04:05": "in the Persian calendar",
		"2026-11-28 03:04:05": "if the hour is of a clock that has 12",
		"2026-10-28 15:04:05": "the months are counted from 0",
		"0001-01-01 00:00:00": "of the year 1:",
		"9999-12-31 23:59:59": "of the year 9999:",
		"2026-11-28 12:04:05": "if it is local time, of UTC-03:00",
	} {
		a := exampleAvangate()
		a.Now = func() time.Time { return now }
		d, err := a.Header(t.Context(), `code="YOURCODE123" date="`+date+`" hash="`+hashOf("11YOURCODE12319"+date)+`" algo="sha256"`)
		require.NoError(t, err)
		require.Len(t, d.Findings, 1, date)
		require.Equal(t, []string{"the date is outside the window"}, namesOf(d.Findings[0].Mistakes), date)
		assert.Contains(t, d.Findings[0].Mistakes[0].Fix, want)
		assert.NotContains(t, d.Findings[0].Mistakes[0].Fix, "2562047h")
	}
}

// TestAvangateNamesTheKeySentInClear: it is said, and the key is not.
func TestAvangateNamesTheKeySentInClear(t *testing.T) {
	for _, hash := range []string{avangateKey, "WU9VUkNPREUxMjM6" + "YS1zZWNyZXQta2V5LW9mLXNvbWUtbGVuZ3Ro"} {
		d, err := exampleAvangate().Header(t.Context(), `code="YOURCODE123" date="2026-01-02 03:04:05" hash="`+hash+`" algo="sha256"`)
		require.NoError(t, err)
		assert.Contains(t, namesOf(d.Shown), "the Secret Key itself is sent")
		assert.NotContains(t, d.String(), hash)
	}
}
