package explain

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	vendor "github.com/countersign/countersign/internal/avangate"
)

// A zoneDate is the claim's date in a time zone that is so far ahead of it.
type zoneDate struct {
	date  string
	ahead time.Duration
}

// readDate reads the date, and writes it in other time zones and forms.
func (c *avangateClaim) readDate() {
	c.findDate()
	if c.form == "" {
		return
	}
	c.inEverySecond, c.inSomeSeconds = c.apartBy(everySecond), c.apartBy(someSeconds)
	for _, zone := range timeZones {
		c.zones = append(c.zones, zoneDate{formatDate(c.form, c.time.Add(zone)), zone})
		if !slices.Contains(timeZones, -zone) {
			c.zones = append(c.zones, zoneDate{formatDate(c.form, c.time.Add(-zone)), -zone})
		}
	}
	for _, f := range avangateDateForms {
		var texts []string
		for _, form := range f.forms {
			if form != time.DateTime {
				texts = append(texts, formatDate(form, c.time.UTC()))
			}
		}
		c.inForms = append(c.inForms, texts)
	}
}

// findDate reads the date in the form that it should have, or else in one that
// people give it.
func (c *avangateClaim) findDate() {
	if t, err := time.Parse(time.DateTime, c.date); err == nil && t.Format(time.DateTime) == c.date {
		c.time, c.form = t, time.DateTime
		return
	}
	for _, f := range avangateDateForms {
		for _, form := range f.forms {
			if t, err := parseDate(form, c.date); err == nil {
				c.time, c.form, c.dateFlaw = t, form, f.Mistake
				return
			}
		}
	}
	c.dateFlaw = unreadableDate
	part := dateParts.FindStringSubmatch(c.date)
	if part == nil {
		return
	}
	year, _ := strconv.Atoi(part[1])
	month, _ := strconv.Atoi(part[2])
	isDate := func(year, month int) bool {
		_, err := time.Parse(time.DateTime, fmt.Sprintf("%04d-%02d-%s", year, month, part[3]))
		return err == nil
	}
	switch {
	case isDate(year-thaiYears, month):
		c.dateFlaw = Mistake{"the date is in the Thai calendar", dateFix}
	case isDate(year, month+1):
		c.dateFlaw = Mistake{"the months of the date are counted from 0", "Count them from 1. " + dateFix}
	}
}

// dateParts are what a date of no day that there is has.
var dateParts = regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d \d\d:\d\d:\d\d)$`)

// thaiYears is how far the Thai calendar is ahead.
const thaiYears = 543

// unixTime is a form of dates that package time has not.
const unixTime = "Unix"

func parseDate(form, date string) (time.Time, error) {
	if form != unixTime {
		return time.Parse(form, date)
	}
	seconds, err := strconv.ParseUint(date, 10, 32)
	if len(date) != len("1577934245") {
		err = strconv.ErrSyntax
	}
	return time.Unix(int64(seconds), 0).UTC(), err
}

func formatDate(form string, t time.Time) string {
	if form != unixTime {
		return t.Format(form)
	}
	return strconv.FormatInt(t.Unix(), 10)
}

// clock returns the mistake of a date outside the window.
func (c *avangateClaim) clock(now time.Time, window time.Duration) []Mistake {
	ahead := c.time.Sub(now)
	if c.form == "" || ahead.Abs() <= window {
		return nil
	}
	if calendar := c.calendar(now); calendar != "" {
		return []Mistake{{"the date is outside the window", "The date is " + calendar + ": write it as 2006-01-02 15:04:05 of the Gregorian calendar, in UTC and in 24 hours."}}
	}
	fix := fmt.Sprintf("The date is %s the gateway's clock, and %s are allowed: set the clock, and make the hash anew for each request", apart(ahead), distance(window))
	fix += c.localTime(now)
	return []Mistake{{"the date is outside the window", fix + "."}}
}

// calendar says what other calendar or clock the date is of, "" if it is none that is
// known.
func (c *avangateClaim) calendar(now time.Time) string {
	near := func(t time.Time) bool { return t.Sub(now).Abs() <= 25*time.Hour }
	year := c.time.Year() - now.Year()
	switch {
	case year >= thaiYears-1 && year <= thaiYears+1:
		return "in the Thai calendar, 543 years ahead"
	case year >= -579 && year <= -577:
		return "in the Islamic calendar"
	case year >= -622 && year <= -621:
		return "in the Persian calendar"
	case c.time.Year() == now.Year() && near(c.time.AddDate(0, 1, 0)):
		return "a month behind the gateway's clock, as where the months are counted from 0"
	case c.isOfAnotherEra(now):
		return fmt.Sprintf("of the year %d", c.time.Year())
	}
	return ""
}

// isOfAnotherEra reports whether the date is of no day on which there was a gateway, nor
// will be one soon.
func (c *avangateClaim) isOfAnotherEra(now time.Time) bool {
	years := c.time.Year() - now.Year()
	return years > 200 || years < -200
}

// localTime says in which time zones, and of which clock, the date is now.
func (c *avangateClaim) localTime(now time.Time) (text string) {
	ahead := c.time.Sub(now)
	for _, zone := range timeZones {
		if (ahead - zone).Abs() <= time.Minute {
			text += fmt.Sprintf("; if it is local time, of %s, write it in UTC", zoneName(zone))
		}
	}
	if (ahead+12*time.Hour).Abs() <= time.Minute || c.time.Hour() == 12 && (ahead-12*time.Hour).Abs() <= time.Minute {
		text += "; if the hour is of a clock that has 12, write it of 24"
	}
	return text
}

// apart says how far a time is ahead of another.
func apart(d time.Duration) string {
	if d < 0 {
		return distance(d) + " behind"
	}
	return distance(d) + " ahead of"
}

// distance writes a duration for people: in days if there are two or more, and in
// hours, minutes and seconds otherwise.
func distance(d time.Duration) string {
	d = d.Abs().Round(time.Second)
	const day = 24 * time.Hour
	if d >= 2*day {
		return fmt.Sprintf("%d days", d/day)
	}
	var parts []string
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		switch n := d / unit.size; {
		case n == 1:
			parts = append(parts, "1 "+unit.name)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n, unit.name))
		}
		d %= unit.size
	}
	if parts == nil {
		return "0 seconds"
	}
	return strings.Join(parts, " ")
}

// zonesApart names the zones of two dates of which one is in UTC, and the first so
// far ahead of the second.
func zonesApart(ahead time.Duration) string {
	var names []string
	if slices.Contains(timeZones, ahead) {
		names = append(names, zoneName(ahead)+" is of UTC")
	}
	if slices.Contains(timeZones, -ahead) {
		names = append(names, "UTC is of "+zoneName(-ahead))
	}
	return strings.Join(names, " and ")
}

// zoneName returns the name of the zone that is so far ahead of UTC.
func zoneName(ahead time.Duration) string {
	return time.Unix(0, 0).In(time.FixedZone("", int(ahead.Seconds()))).Format("UTC-07:00")
}

// redating is the mistake to sign another text than the date that is sent.
func redating(values func(c *avangateClaim) []string) apply {
	sign := revaluing(vendor.Date, values)
	return func(a making) []making {
		if a.avangate().form == "" {
			return nil
		}
		return sign(a)
	}
}

// everySecond and someSeconds are how far a date that is read twice, or a hash that is
// kept, is from the one that was signed: at most ten minutes, and beside another
// mistake what a slow request, a pause, a timeout or a cache has.
var (
	everySecond = secondsTo(600)
	someSeconds = append(secondsTo(10), 15, 20, 30, 45, 60, 120, 300, 600)
)

func secondsTo(most int) (seconds []int) {
	for s := 2; s <= most; s++ {
		seconds = append(seconds, s)
	}
	return seconds
}

// apartBy returns the dates so many seconds before and after the one that was sent.
func (c *avangateClaim) apartBy(seconds []int) (dates []string) {
	for _, s := range seconds {
		apart := time.Duration(s) * time.Second
		dates = append(dates, formatDate(c.form, c.time.Add(-apart)), formatDate(c.form, c.time.Add(apart)))
	}
	return dates
}

// inZones signs the date of one time zone and sends another's, one of which is UTC.
func inZones(a making) []making {
	queries := a.revaluing(revaluedQuery{zonesID, a.message.query}, vendor.Date, func(c *avangateClaim) (dates []string) {
		for _, z := range c.zones {
			dates = append(dates, z.date)
		}
		return dates
	})
	as := make([]making, 0, len(queries))
	for i, query := range queries {
		b := a.changing(func(m *message) { m.query = query })
		b.ahead = a.avangate().zones[i].ahead
		as = append(as, b)
	}
	return as
}

var zonesID = new(byte)

// zoneMistake's Fix is completed with the difference and the zones that were found.
var zoneMistake = Mistake{"the date is signed in one time zone and sent in another",
	"Write the time in UTC, and sign the very text that is sent: the date that is signed is %s the one that is sent, as %s."}

// timeZones are how far ahead of UTC the world's other clocks are, in summer and in
// winter.
var timeZones = func() (zones []time.Duration) {
	for hours := -12; hours <= 14; hours++ {
		if hours != 0 {
			zones = append(zones, time.Duration(hours)*time.Hour)
		}
	}
	for _, hours := range []float64{-9.5, -3.5, -2.5, 3.5, 4.5, 5.5, 5.75, 6.5, 8.75, 9.5, 10.5, 12.75, 13.75} {
		zones = append(zones, time.Duration(hours*float64(time.Hour)))
	}
	return zones
}()

// avangateDateForms are the other forms that people give the date, both where it is
// sent and where it is signed.
var avangateDateForms = []struct {
	Mistake
	forms []string // as package time has them, or unixTime; DateTime's are almost right
}{
	{Mistake{"the date has a T or a Z", dateFix}, []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04:05-07:00", "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05.000Z07:00"}},
	{Mistake{"the date has a time zone", dateFix}, []string{
		"2006-01-02 15:04:05 GMT", "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00",
		"2006-01-02 15:04:05-07:00", "2006-01-02 15:04:05 -07:00", "2006-01-02 15:04:05 -0700"}},
	{Mistake{"the date has another form", dateFix}, []string{
		time.DateTime, "20060102150405", unixTime, "2006/01/02 15:04:05", "2006-01-02 15:04", http.TimeFormat, time.RFC1123, time.RFC1123Z, time.UnixDate}},
}

const dateFix = "Write the date as 2006-01-02 15:04:05, in UTC, both in the string to sign and where it is sent."

var unreadableDate = Mistake{"the date is missing, or cannot be read", dateFix}

// dateFormRows are the mistakes of signing another form of the date than the one
// that is sent.
func dateFormRows() (rows []row[making]) {
	for i, f := range avangateDateForms {
		rows = append(rows, row[making]{f.Mistake, redating(func(c *avangateClaim) []string { return c.inForms[i] }), false, dateStep})
	}
	return rows
}
