package avangate

// Keepers returns how many endpoints a keeps something of.
func (a *Authenticator) Keepers() int {
	a.keepers.mu.Lock()
	defer a.keepers.mu.Unlock()
	return len(a.keepers.all)
}
