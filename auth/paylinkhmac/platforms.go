package paylinkhmac

import "github.com/countersign/countersign/internal/paylink"

// A Platform is a known brand of the family.
type Platform struct {
	Domain string // the API is at https://api.DOMAIN/v1.0/, the pages at INSTANCE.DOMAIN
	Name   string // "" where the domain is the name
	Source string // who says so
}

// BaseURL returns the value for [Config.BaseURL].
func (p Platform) BaseURL() string { return "https://api." + p.Domain }

// Platforms returns the platforms that public documents name, sorted by domain,
// as of November 2026. The list is neither complete nor a list of what is
// allowed: such lists churn, and any https base URL works. None of them was
// called to make it.
func Platforms() []Platform {
	all := make([]Platform, len(paylink.Platforms))
	for i, p := range paylink.Platforms {
		all[i] = Platform(p)
	}
	return all
}
