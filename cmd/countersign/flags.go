package main

import (
	"errors"
	"flag"
	"time"

	"github.com/countersign/countersign/auth/avangate"
	vendor "github.com/countersign/countersign/internal/avangate"
)

// algorithmFlag adds the flag of the hash function.
func algorithmFlag(flags *flag.FlagSet) *avangate.Algorithm {
	algorithm := avangate.SHA2_256
	flags.Func("algo", "", func(name string) error {
		switch name {
		case avangate.SHA2_256.String():
			algorithm = avangate.SHA2_256
		case avangate.SHA3_256.String():
			algorithm = avangate.SHA3_256
		default:
			return errors.New("it is sha256 or sha3-256")
		}
		return nil
	})
	return &algorithm
}

// dateFlag adds the flag of a time that takes the place of now.
func dateFlag(flags *flag.FlagSet) *func() time.Time {
	var now func() time.Time
	flags.Func("date", "", func(text string) error {
		date, err := time.Parse(vendor.DateLayout, text)
		if err != nil {
			return errors.New("write it as 2006-01-02 15:04:05, in UTC")
		}
		if date.Format(vendor.DateLayout) != text {
			return errors.New("write it as 2006-01-02 15:04:05, with two digits each and no fraction of a second")
		}
		now = func() time.Time { return date }
		return nil
	})
	return &now
}
