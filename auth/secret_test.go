package auth_test

import (
	"bytes"
	"encoding"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"log"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/auth"
)

const hunter = "hunter2-hunter2-hunter2"

// traces are the shapes in which hunter, or its beginning, could get out.
var traces = []string{
	"hunter", "HUNTER", // %s %q %v
	"68756e746572", "68756E746572", "68 75 6e", "68 75 6E", // %x %X and flags
	"0x68, 0x75", "0x68 0x75", "0X68 0X75", // the like of bytes; an address may begin with 0x68
	"104 117 110", "104, 117", // %d, %v of bytes
	"150 165 156", "1101000 1110101", // %o %b
	"U+0068",   // %U
	"aHVudGVy", // base64
}

func assertRedacted(t *testing.T, printed string) {
	t.Helper()
	for _, trace := range traces {
		if strings.Contains(printed, trace) {
			t.Errorf("got %q, which shows the secret as %q", printed, trace)
		}
	}
}

type holder struct {
	Name    string
	Key     auth.Secret
	Pointer *auth.Secret
	Any     any
	key     auth.Secret
	pointer *auth.Secret
	any     any
	nested  **holder
}

// holders are all the ways in which a value that is printed can hold a secret.
func holders() map[string]any {
	s := auth.NewSecret(hunter)
	p := &s
	inner := &holder{"inner", s, p, s, s, p, s, nil}
	h := holder{"outer", s, p, p, s, p, p, &inner}
	return map[string]any{
		"value":              s,
		"pointer":            p,
		"pointer to pointer": &p,
		"struct":             h,
		"pointer to struct":  &h,
		"unexported field":   struct{ key auth.Secret }{s},
		"embedded":           struct{ auth.Secret }{s},
		"embedded pointer":   struct{ *auth.Secret }{p},
		"slice":              []auth.Secret{s, s},
		"slice of pointers":  []*auth.Secret{p},
		"slice of any":       []any{s, p, h},
		"array":              [1]auth.Secret{s},
		"map value":          map[string]auth.Secret{"key": s},
		"map pointer":        map[string]*auth.Secret{"key": p},
		"map key":            map[*auth.Secret]int{p: 1},
		"map of structs":     map[string]holder{"key": h},
		"source":             auth.SecretSource(s),
		"error":              fmt.Errorf("load %v: %w", s, errors.New("refused")),
		"joined error":       errors.Join(fmt.Errorf("%s", s), fmt.Errorf("%+v", h)),
		"auth.Error":         &auth.Error{Op: "sign", Code: auth.ErrSecret, Err: fmt.Errorf("%#v", s)},
	}
}

func TestSecretIsRedactedInEveryVerb(t *testing.T) {
	var formats []string
	for _, verb := range "vTtbcdoOqxXUeEfFgGspwz" {
		for _, flags := range []string{"", "+", "#", " ", "0", "-", "# ", "+#", "40", "-40", "040", ".3", "8.3"} {
			formats = append(formats, "%"+flags+string(verb))
		}
	}
	for name, value := range holders() {
		t.Run(name, func(t *testing.T) {
			for _, format := range formats {
				assertRedacted(t, format+": "+fmt.Sprintf(format, value))
			}
			assertRedacted(t, fmt.Sprint(value))
			assertRedacted(t, fmt.Sprintln(value))
		})
	}
	for _, format := range formats {
		if strings.ContainsAny(format, "Tpw") {
			continue // fmt answers these itself
		}
		s := auth.NewSecret(hunter)
		assert.Equal(t, auth.Redacted, fmt.Sprintf(format, s), "a Secret under %q", format)
		assert.Equal(t, auth.Redacted, fmt.Sprintf(format, &s), "a *Secret under %q", format)
	}
}

func TestSecretIsRedactedInLogs(t *testing.T) {
	for name, value := range holders() {
		for handler, newHandler := range map[string]func(io.Writer) slog.Handler{
			"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
			"json": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
		} {
			t.Run(handler+"/"+name, func(t *testing.T) {
				var out bytes.Buffer
				l := slog.New(newHandler(&out))
				l.Info("attribute", "key", value)
				l.Info("group", slog.Group("group", "key", value))
				l.With("key", value).WithGroup("group").Error("with", "key", value, "list", []any{value})
				l.Info(fmt.Sprint(value))
				assertRedacted(t, out.String())
			})
		}
		t.Run("log/"+name, func(t *testing.T) {
			var out bytes.Buffer
			l := log.New(&out, "", 0)
			l.Println(value)
			l.Printf("%v %+v %#v", value, value, value)
			assertRedacted(t, out.String())
		})
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "key", auth.NewSecret(hunter))
	assert.Contains(t, out.String(), `"key":"[redacted]"`)
}

func TestSecretIsRedactedInEncodings(t *testing.T) {
	s := auth.NewSecret(hunter)

	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"value":   {s, `"[redacted]"`},
		"pointer": {&s, `"[redacted]"`},
		"field":   {struct{ Key auth.Secret }{s}, `{"Key":"[redacted]"}`},
		"omitempty": {struct {
			Key auth.Secret `json:",omitempty,omitzero"`
		}{s}, `{"Key":"[redacted]"}`},
		"embedded":  {struct{ auth.Secret }{s}, `"[redacted]"`},
		"map key":   {map[*auth.Secret]int{&s: 1}, `{"[redacted]":1}`},
		"map value": {map[string]auth.Secret{"k": s}, `{"k":"[redacted]"}`},
		"slice":     {[]any{s, &s}, `["[redacted]","[redacted]"]`},
		"zero":      {auth.Secret{}, `"[redacted]"`},
	} {
		t.Run("json/"+name, func(t *testing.T) {
			got, err := json.Marshal(c.value)
			assert.NoError(t, err)
			assert.Equal(t, c.want, string(got))
		})
	}
	for name, value := range holders() {
		t.Run("json holds none/"+name, func(t *testing.T) {
			got, _ := json.Marshal(value) // some cannot be marshalled
			assertRedacted(t, string(got))
		})
	}

	t.Run("text", func(t *testing.T) {
		for _, m := range []encoding.TextMarshaler{s, &s, auth.Secret{}} {
			got, err := m.MarshalText()
			assert.NoError(t, err)
			assert.Equal(t, auth.Redacted, string(got))
		}
	})
	t.Run("xml", func(t *testing.T) {
		type element struct {
			XMLName xml.Name    `xml:"config"`
			Attr    auth.Secret `xml:"attr,attr"`
			Key     auth.Secret
			Pointer *auth.Secret
		}
		got, err := xml.Marshal(element{Attr: s, Key: s, Pointer: &s})
		assert.NoError(t, err)
		assert.Equal(t, `<config attr="[redacted]"><Key>[redacted]</Key><Pointer>[redacted]</Pointer></config>`, string(got))
	})
	t.Run("gob", func(t *testing.T) {
		var out bytes.Buffer
		err := gob.NewEncoder(&out).Encode(struct{ Key auth.Secret }{s})
		assertRedacted(t, out.String()+fmt.Sprint(err))
	})
	t.Run("templates", func(t *testing.T) {
		var out bytes.Buffer
		const page = `{{.}} {{.Key}} {{printf "%s %x %d" .Key .Key .Key}}`
		data := holder{Key: s, key: s}
		assert.NoError(t, template.Must(template.New("").Parse(page)).Execute(&out, data))
		assert.NoError(t, htmltemplate.Must(htmltemplate.New("").Parse(page)).Execute(&out, data))
		assertRedacted(t, out.String())
		assert.Contains(t, out.String(), auth.Redacted)
	})
	t.Run("is not read back", func(t *testing.T) {
		var back auth.Secret
		assert.Error(t, json.Unmarshal([]byte(`"[redacted]"`), &back))
		assert.Empty(t, back.Reveal())
	})
}

// testify's failure messages are printed by go-spew, which follows pointers and
// fields that are not exported.
func TestSecretIsRedactedInFailureMessagesOfTestify(t *testing.T) {
	for name, value := range holders() {
		t.Run(name, func(t *testing.T) {
			recorder := new(recordingT)
			assert.Equal(recorder, "something else", value)
			assert.Equal(recorder, holder{Name: "other"}, value)
			assert.Nil(recorder, value)
			assert.Len(recorder, value, 99)
			assert.NotEmpty(t, recorder.out.String())
			assertRedacted(t, recorder.out.String())
		})
	}
}

type recordingT struct{ out strings.Builder }

func (r *recordingT) Errorf(format string, args ...any) { fmt.Fprintf(&r.out, format, args...) }

func TestSecretIsRedactedInPanics(t *testing.T) {
	out := rerun(t, "TestHelperPanic")
	assertRedacted(t, out)
	assert.Contains(t, out, "panic: ")
}

func TestHelperPanic(t *testing.T) {
	if !isHelper() {
		return
	}
	panic(auth.NewSecret(hunter))
}

func TestSecretRevealsWhatItWasMadeOf(t *testing.T) {
	for _, value := range []string{"", "a", hunter, "\x00\xff", " spaces stay "} {
		assert.Equal(t, value, auth.NewSecret(value).Reveal())
	}
}

// What a caller that knows the methods gets, and package fmt does not ask for.
func TestSecretIsRedactedByItsOwnMethods(t *testing.T) {
	s := auth.NewSecret(hunter)
	assert.Equal(t, auth.Redacted, s.String())
	assert.Equal(t, auth.Redacted, s.GoString())
	assert.Equal(t, auth.Redacted, s.LogValue().String())
}

func TestZeroSecretIsEmptyAndRefused(t *testing.T) {
	var zero auth.Secret
	assert.Empty(t, zero.Reveal())
	assert.ErrorContains(t, zero.Validate(), "empty")
	assert.Equal(t, auth.Redacted, fmt.Sprintf("%v", zero))
	var null *auth.Secret
	assert.Equal(t, "<nil>", fmt.Sprintf("%v", null))
	got, err := json.Marshal(null)
	assert.NoError(t, err)
	assert.Equal(t, "null", string(got))
}

func TestValidate(t *testing.T) {
	const (
		accepted = ""
		empty    = "empty"
		space    = "begins or ends with white space"
		hidden   = "begins or ends with a character that does not show"
		saved    = "the secret is [redacted], which an auth.Secret prints as"
	)
	for _, c := range []struct{ secret, want string }{
		{hunter, accepted},
		{"white space within", accepted},
		{"tab\twithin\nand newline", accepted},
		{"käse-und-brot", accepted},
		{"no UTF-8: \xff\xfe\xfd\xfc", accepted},

		{"", empty},
		{" ", space},
		{"\n", space},
		{" hunter2", space},
		{"hunter2 ", space},
		{"hunter2\n", space},
		{"hunter2\r\n", space},
		{" " + hunter + " ", space},
		{"hunter2\r", space},
		{"\thunter2", space},
		{"hunter2\v", space},
		{"hunter2\f", space},
		{"hunter2\u00a0", space}, // no-break space, which a web page leaves behind
		{"\u00a0hunter2", space},
		{"hunter2\u0085", space}, // next line
		{"hunter2\u2003", space}, // em space
		{"hunter2\u3000", space}, // ideographic space

		{"\ufeffhunter2", hidden}, // a byte order mark, which editors write
		{"hunter2\ufeff", hidden},
		{"hunter2\u200b", hidden}, // zero width space
		{"hunter2\u200d", hidden}, // zero width joiner
		{"hunter2\u2060", hidden}, // word joiner
		{"\u202ahunter2", hidden}, // left-to-right embedding, of text that was pasted
		{"hunter2\u00ad", hidden}, // soft hyphen
		{"hunter2\ufe0f", hidden}, // variation selector
		{"hunter2\u3164", hidden}, // Hangul filler
		{"hunter2\x00", hidden},
		{"hunter2\x1a", hidden}, // the end of a file, as DOS wrote it
		{"hunter2\x7f", hidden},
		{"\ufeff hunter2", hidden},
		{"\ufeff" + hunter + "\u200b", hidden},
		{"hunter2\u200b\n", space},
		{"hunt\u200ber2-hunter2-hunter2", accepted},

		{"[redacted]", saved},
		{"[redacted]\n", space},
		{"[redacted] no more", accepted},
	} {
		t.Run(fmt.Sprintf("%q", c.secret), func(t *testing.T) {
			err := auth.NewSecret(c.secret).Validate()
			if c.want == accepted {
				assert.NoError(t, err)
				return
			}
			if assert.ErrorContains(t, err, c.want) {
				assertRedacted(t, err.Error())
			}
		})
	}
}

func TestSecretIsZeroIfItIsEmpty(t *testing.T) {
	assert.True(t, auth.Secret{}.IsZero())
	assert.True(t, auth.NewSecret("").IsZero())
	assert.False(t, auth.NewSecret(" ").IsZero())
	b, err := json.Marshal(struct {
		Key auth.Secret `json:",omitzero"`
	}{})
	assert.NoError(t, err)
	assert.Equal(t, "{}", string(b))
}

// A configuration may hold a Secret, but not one that was saved from a Secret.
func TestSecretIsReadFromAConfiguration(t *testing.T) {
	type config struct{ Key auth.Secret }
	for text, want := range map[string]string{
		`{"Key":"hunter2-hunter2-hunter2"}`: "",
		`{"Key":"[redacted]"}`:              "the secret is [redacted], which an auth.Secret prints as",
		`{"Key":""}`:                        "the secret is empty",
		`{"Key":"hunter2-hunter2\n"}`:       "white space",
		`{"Key":"\ufeffhunter2-hunter2"}`:   "a character that does not show",
	} {
		c := config{auth.NewSecret("as it was")}
		err := json.Unmarshal([]byte(text), &c)
		if want == "" {
			assert.NoError(t, err)
			assert.Equal(t, hunter, c.Key.Reveal())
			saved, err := json.Marshal(c)
			assert.NoError(t, err)
			assert.ErrorIs(t, json.Unmarshal(saved, &c), auth.ErrSecret, "saved and read again")
			continue
		}
		assert.ErrorIs(t, err, auth.ErrSecret, text)
		assert.ErrorContains(t, err, want, text)
		assertRedacted(t, err.Error())
		assert.Equal(t, "as it was", c.Key.Reveal())
	}
	for _, text := range []string{`{"Key":6875}`, `{"Key":{"hunter2":1}}`} {
		err := json.Unmarshal([]byte(text), new(config))
		if assert.Error(t, err) {
			assert.NotContains(t, err.Error(), "6875")
			assertRedacted(t, err.Error())
		}
	}
	var c config
	assert.NoError(t, xml.Unmarshal([]byte("<config><Key>"+hunter+"</Key></config>"), &c))
	assert.Equal(t, hunter, c.Key.Reveal())
	text := []byte(hunter)
	assert.NoError(t, c.Key.UnmarshalText(text))
	clear(text)
	assert.Equal(t, hunter, c.Key.Reveal(), "it is a copy")
}

func TestANilSourceIsAnError(t *testing.T) {
	for name, source := range map[string]auth.SecretSource{
		"nil":          nil,
		"nil function": auth.SecretFunc(nil),
		"nil pointer":  (*auth.Secret)(nil),
	} {
		_, err := auth.Load(t.Context(), source)
		assert.ErrorIs(t, err, auth.ErrSecret, name)
		assert.ErrorIs(t, auth.CheckSource(source), auth.ErrSecret, name)
	}
}
