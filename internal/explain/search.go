package explain

import (
	"crypto/fips140"
	"slices"
)

// A row is a mistake that can be tried. A stands for how a signature is made, a
// value that is copied: which parameters, in which encoding, with which key and
// hash function.
type row[A any] struct {
	Mistake

	// apply returns how a signature is made by those who make the mistake, and
	// otherwise as a does: in more than one way where they do, in none where it changes
	// nothing.
	apply func(a A) []A

	// forbidden marks what FIPS 140 mode does not allow.
	forbidden bool

	step step
}

// budget bounds the work on one request, in signatures tried. One counts for as many
// as the bytes that it had to write and hash are attemptCost, and for one at least.
const (
	budget      = 1 << 17
	attemptCost = 512
)

// A search tries rows.
type search[A any] struct {
	rows []row[A]

	// try reports whether the signature is made so, and if it is, the string to sign;
	// and how many bytes it had to write and hash.
	try func(a A) (stringToSign string, reproduced bool, cost int)

	left  int
	found []A // what gives the signature, in the order of the Findings
}

// explain fills in d: first with each row that gives the signature alone, only if there
// is none with the pairs that do, and at last with a triple of which one mistake shows
// in how the request was sent.
func (s *search[A]) explain(d *Diagnosis, rights ...A) {
	s.left = budget
	rows := make([]row[A], 0, len(s.rows))
	for _, r := range s.rows {
		if r.forbidden && fips140.Enforced() {
			d.Skipped = append(d.Skipped, r.Name)
			continue
		}
		rows = append(rows, r)
	}
	applied := make([][]A, len(rows))
	for i, r := range rows {
		if s.isSpent(d) {
			return
		}
		for _, right := range rights {
			applied[i] = append(applied[i], r.apply(right)...)
		}
		if f, ok := s.attempts(d, applied[i]); ok {
			f.Mistakes = []Mistake{r.Mistake}
			d.Findings = append(d.Findings, f)
		}
	}
	if len(d.Findings) > 0 {
		return
	}
	found := make([]bool, len(rows))
	for i := range rows {
		clear(found)
		for _, a := range applied[i] {
			for j := range rows {
				if j == i || found[j] {
					continue
				}
				if s.isSpent(d) {
					return
				}
				var f Finding
				if f, found[j] = s.attempts(d, rows[j].apply(a)); found[j] {
					f.Mistakes = []Mistake{rows[i].Mistake, rows[j].Mistake}
					d.Findings = append(d.Findings, f)
				}
			}
		}
	}
	if len(d.Findings) > 0 {
		return
	}
	for i := range rows {
		if rows[i].step != sendingStep {
			continue
		}
		for _, a := range applied[i] {
			if s.triples(d, rows, i, a); len(d.Findings) > 0 || s.left <= 0 {
				return
			}
		}
	}
}

// triples tries the pairs of mistakes beside one that shows in the request, until one
// gives the signature.
func (s *search[A]) triples(d *Diagnosis, rows []row[A], shown int, a A) {
	for j := range rows {
		for _, b := range rows[j].apply(a) {
			for k := range rows {
				if j == shown || k == shown || k == j {
					continue
				}
				if s.isSpent(d) {
					return
				}
				if f, ok := s.attempts(d, rows[k].apply(b)); ok {
					f.Mistakes = []Mistake{rows[shown].Mistake, rows[j].Mistake, rows[k].Mistake}
					d.Findings = append(d.Findings, f)
					return
				}
			}
		}
	}
}

// attempts tries the ways in which mistakes are made, until one gives the
// signature.
func (s *search[A]) attempts(d *Diagnosis, as []A) (f Finding, ok bool) {
	for _, a := range as {
		if s.isSpent(d) {
			break
		}
		stringToSign, reproduced, cost := s.try(a)
		s.left -= 1 + cost/attemptCost
		if reproduced {
			s.found = append(s.found, a)
			return Finding{StringToSign: stringToSign, Difference: difference(d.StringToSign, stringToSign)}, true
		}
	}
	return Finding{}, false
}

// isSpent reports in d too whether the budget is.
func (s *search[A]) isSpent(d *Diagnosis) bool {
	if s.left <= 0 {
		d.Incomplete = true
	}
	return s.left <= 0
}

// inOrder lets each row be applied to what a row above has been applied to, and to
// nothing else. What comes to the same as a row above leads to nothing new either.
func inOrder(rows []row[making]) []row[making] {
	for i := range rows {
		apply := rows[i].apply
		rows[i].apply = func(a making) []making {
			step := rows[i].step
			if a.row > i || a.step == step && step.isSole() {
				return nil
			}
			isFirst := a.row == 0
			a.row, a.step = i+1, step
			as := apply(a)
			if isFirst {
				as = slices.DeleteFunc(as, a.from.work.isMade)
			}
			return as
		}
	}
	return rows
}
