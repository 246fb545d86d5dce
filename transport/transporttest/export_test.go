package transporttest

// Rules returns the names of the rules.
func Rules() []string {
	var names []string
	for _, rule := range rules {
		names = append(names, rule.name)
	}
	return names
}
