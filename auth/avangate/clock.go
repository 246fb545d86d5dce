package avangate

import (
	"net/http"
	"time"
)

const (
	// clockTolerance is how far a claimed time may be from the gateway's before a
	// refusal is put down to it. It must be above what a request takes.
	clockTolerance = 10 * time.Second
	// maxOffset is the largest offset that is believed.
	maxOffset = 24 * time.Hour
)

// Offset returns what the machine's clock lacks, as far as the gateway has shown:
// the time that requests claim, less the clock. It is zero until the gateway
// refuses a time, and always within a day.
func (a *Authenticator) Offset() time.Duration { return time.Duration(a.offset.Load()) }

// clock returns one reading of the clock, and the time to be claimed then.
func (a *Authenticator) clock() (own, claimed time.Time) {
	own = a.now()
	return own, own.Add(a.Offset())
}

// learn sets the offset if the header of a refusal says that the time claimed was
// the matter, and reports whether it did. An answer with an Age comes from a
// cache, and its Date is of the past. It is the same whether the clock is wrong or
// an offset that was right for a wrong clock outlived it.
func (a *Authenticator) learn(claimed time.Time, h http.Header) bool {
	date, err := http.ParseTime(h.Get("Date"))
	if _, cached := h["Age"]; err != nil || cached || date.Sub(claimed).Abs() <= clockTolerance {
		return false
	}
	offset := date.Sub(a.now().Truncate(time.Second)) // Date has whole seconds, too
	if offset.Abs() > maxOffset {
		return false
	}
	a.offset.Store(int64(offset))
	return true
}
