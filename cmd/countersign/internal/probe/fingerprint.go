package probe

import "github.com/countersign/countersign/auth/authtest"

// None is the control of a group that has none, or whose control was not tried.
const None = "none"

// Schema is the format of a Fingerprint.
const Schema = "countersign-fingerprint/1"

// A Fingerprint is what is known of a gateway, fit to be shared: it holds no
// credential, no account and no text of the gateway's.
type Fingerprint struct {
	Schema   string `json:"schema"`
	Tool     string `json:"tool"`  // the version of what made it
	Taken    string `json:"taken"` // the day, in UTC
	Gateway  string `json:"gateway"`
	Host     string `json:"host"`
	Complete bool   `json:"complete"` // all that was to be asked was
	Requests int    `json:"requests"` // that were sent
	Refused  int    `json:"refused"`  // of these, with 4xx but 405, or in words
	Rows     []Row  `json:"rows"`

	authtest.Options
	Versions *Versions `json:"versions,omitempty"` // nil if it is not known
}

// Versions says which versions there are.
type Versions struct {
	Newest string `json:"newest"`
}

// A Row is a request and what became of it.
type Row struct {
	ID      string `json:"id"`
	Verdict string `json:"verdict"`
	Status  int    `json:"status,omitempty"` // 0 if there was no answer
	Control string `json:"control"`          // Accepted, Refused or None: what became of its group's
}

// The verdicts.
const (
	Accepted     = "accepted"
	Refused      = "refused"
	NotAllowed   = "not-allowed"    // the gateway does not take the method
	NotToldApart = "not-told-apart" // the control is not refused, or the answer tells nothing
	NotTried     = "not-tried"
)
