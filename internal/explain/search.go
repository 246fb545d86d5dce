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

// budget bounds the work on one request, in signatures tried. As many bytes as
// attemptCost that are written and hashed count for one more.
const (
	budget      = 1 << 17
	attemptCost = 512
)

// A search tries rows.
type search[A any] struct {
	// shown are the mistakes that show in how the request was sent, in groups of which
	// one mistake is made. They are undone before anything is tried.
	shown [][]row[A]
	rows  []row[A]

	// try reports whether the signature is made so, and if it is, the string to sign.
	try func(a A) (stringToSign string, reproduced bool)

	// spent returns what the rows and the attempts cost beside one for each attempt, since
	// it was asked before: how many times attemptCost bytes. Nil stands for nothing.
	spent func() (attempts int)

	// seen returns the mistakes that the signature itself shows, and whether it can be
	// reproduced at all. Nil stands for none, and for yes.
	seen func(a A) (mistakes []Mistake, readable bool)

	// write returns the string to sign. Nil stands for none.
	write func(a A) string

	// mayBeRight says that the signature may be, and something else be wrong.
	mayBeRight bool

	left  int
	found []A // what gives the signature, in the order of the Findings
}

// A start is what the search begins with: a request in which what shows is undone.
type start[A any] struct {
	a    A
	sent []Mistake // what was undone, and what the signature shows

	repaired string // a Finding's
}

// explain fills in d: first with what shows in the request, if that is all; then with
// each row that gives the signature beside it; and only if there is none with the pairs
// that do. If there are none either, d has Shown.
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
	starts := s.undo(d, rights)
	for _, b := range starts {
		if s.mayBeRight || len(b.sent) > 0 {
			s.attempts(d, b, b.a)
		}
	}
	if len(d.Findings) > 0 {
		return
	}
	s.combine(d, rows, starts)
	if len(d.Findings) == 0 && len(starts) > 0 {
		d.Shown = starts[0].sent
	}
}

// undo returns the starts that can be told from a request.
func (s *search[A]) undo(d *Diagnosis, rights []A) (starts []start[A]) {
	for _, a := range rights {
		starts = append(starts, start[A]{a: a})
	}
	for _, group := range s.shown {
		var undone []start[A]
		for _, b := range starts {
			before := len(undone)
			for _, r := range group {
				for _, a := range r.apply(b.a) {
					undone = append(undone, start[A]{a: a, sent: append(slices.Clip(b.sent), r.Mistake)})
				}
			}
			if len(undone) == before {
				undone = append(undone, b)
			}
		}
		starts = undone
	}
	for i := range starts {
		if b := &starts[i]; s.write != nil && len(b.sent) > 0 {
			if b.repaired = s.write(b.a); b.repaired == d.StringToSign {
				b.repaired = ""
			}
		}
	}
	if s.seen == nil {
		return starts
	}
	readable := starts[:0]
	for i, b := range starts {
		seen, ok := s.seen(b.a)
		b.sent = append(slices.Clip(b.sent), seen...)
		if i == 0 && !ok {
			d.Shown = b.sent
		}
		if ok {
			readable = append(readable, b)
		}
	}
	return readable
}

// combine tries the rows one by one and in pairs.
func (s *search[A]) combine(d *Diagnosis, rows []row[A], starts []start[A]) {
	applied := make([][][]A, len(rows)) // by row and start
	for i, r := range rows {
		if s.isSpent(d) {
			return
		}
		applied[i] = make([][]A, len(starts))
		for k, b := range starts {
			applied[i][k] = r.apply(b.a)
			if s.attempts(d, b, applied[i][k]...) {
				s.name(d, r.Mistake)
				break
			}
		}
	}
	if len(d.Findings) > 0 {
		return
	}
	found := make([]bool, len(rows))
	for i := range rows {
		clear(found)
		for k, b := range starts {
			for _, a := range applied[i][k] {
				for j := range rows {
					if j == i || found[j] {
						continue
					}
					if s.isSpent(d) {
						return
					}
					if found[j] = s.attempts(d, b, rows[j].apply(a)...); found[j] {
						s.name(d, rows[i].Mistake, rows[j].Mistake)
					}
				}
			}
		}
	}
}

// attempts tries the ways in which mistakes are made beside those of a start, until one
// gives the signature. That is a Finding.
func (s *search[A]) attempts(d *Diagnosis, from start[A], as ...A) bool {
	for _, a := range as {
		if s.isSpent(d) {
			break
		}
		stringToSign, reproduced := s.try(a)
		s.left--
		if reproduced {
			s.found = append(s.found, a)
			f := Finding{Mistakes: slices.Clip(from.sent), StringToSign: stringToSign, Repaired: from.repaired}
			f.Difference = difference(d.Wanted(f), stringToSign)
			d.Findings = append(d.Findings, f)
			return true
		}
	}
	return false
}

// name adds the mistakes that were tried to the last Finding.
func (s *search[A]) name(d *Diagnosis, mistakes ...Mistake) {
	f := &d.Findings[len(d.Findings)-1]
	f.Mistakes = append(f.Mistakes, mistakes...)
}

// isSpent reports in d too whether the budget is.
func (s *search[A]) isSpent(d *Diagnosis) bool {
	if s.spent != nil {
		s.left -= s.spent()
	}
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
			w := &a.from.work
			w.before = w.spent
			a.isFirst = a.row == 0
			a.row, a.step = i+1, step
			as := apply(a)
			if a.isFirst && step != lastStep {
				as = slices.DeleteFunc(as, func(a making) bool { return !w.mayGoOn() || w.isMade(a) })
			}
			return as
		}
	}
	return rows
}
