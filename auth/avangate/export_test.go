package avangate

// Keepers returns how many endpoints a keeps something of.
func (a *Authenticator) Keepers() int {
	ks := a.keepers()
	ks.mu.Lock()
	defer ks.mu.Unlock()
	return len(ks.all)
}
