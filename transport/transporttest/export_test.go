package transporttest

// Rules returns the names of the rules.
func Rules() []string {
	var names []string
	for _, rule := range rules {
		names = append(names, rule.name)
	}
	return names
}

// LearnerRules returns the names of TestLearner's.
func LearnerRules() []string {
	var names []string
	for _, step := range steps {
		names = append(names, step.name)
	}
	return names
}
