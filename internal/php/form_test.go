package php

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// anyNumber is a limit of variables that no test reaches.
const anyNumber = math.MaxInt

// TestReadForm has what the strict reader makes of forms in the normal form. The
// expected strings are what PHP's http_build_query gives, with the differences in
// the input's spelling that the names of the cases tell.
func TestReadForm(t *testing.T) {
	for _, c := range []struct{ name, form, signed, wire string }{
		{"nothing", "", "", ""},
		{"only separators", "&&", "", ""},
		{"a value", "a=1", "a=1", "a=1"},
		{"separators that separate nothing", "&a=1&&b=2&", "a=1&b=2", "a=1&b=2"},
		{"a separator at the end", "a=1&", "a=1", "a=1"},
		{"escapes that urlencode does not write", "%61=%62%2f%20&f%5bg%5d=1", "a=b%2F+&f%5Bg%5D=1", "a=b%2F%20&f%5Bg%5D=1"},
		{"no value", "a", "a=", "a="},
		{"an equals sign in a value", "a=b=c", "a=b%3Dc", "a=b%3Dc"},
		{"a space as a plus sign", "a=b+c", "a=b+c", "a=b%20c"},
		{"a space as %20", "a=b%20c", "a=b+c", "a=b%20c"},
		{"a plus sign", "a=b%2Bc", "a=b%2Bc", "a=b%2Bc"},
		{"a tilde", "a=~%7E%7e", "a=%7E%7E%7E", "a=~~~"},
		{"text that looks like an escape", "a=%257E", "a=%257E", "a=%257E"},
		{"text that looks like half an escape", "7E=~7E~", "7E=%7E7E%7E", "7E=~7E~"},
		{"an escape in small letters", "a=%2f", "a=%2F", "a=%2F"},
		{"an escape that begins with a small letter", "a=%c3%BC", "a=%C3%BC", "a=%C3%BC"},
		{"an escape that is needed and one that is not", "a=%3F%61", "a=%3Fa", "a=%3Fa"},
		{"a NUL byte in a value", "a=%c3%bc%00", "a=%C3%BC%00", "a=%C3%BC%00"},
		{"plus signs for spaces, and the others escaped", "a=b+c&d=%2B%40", "a=b+c&d=%2B%40", "a=b%20c&d=%2B%40"},
		{"no plus signs, and bare at signs", "a=b%20c&d=%2B@", "a=b+c&d=%2B%40", "a=b%20c&d=%2B%40"},
		{"a semicolon is no separator", "a=1;b=2", "a=1%3Bb%3D2", "a=1%3Bb%3D2"},
		{"nesting", "f[a][b]=1&f[a][c]=2", "f%5Ba%5D%5Bb%5D=1&f%5Ba%5D%5Bc%5D=2", "f%5Ba%5D%5Bb%5D=1&f%5Ba%5D%5Bc%5D=2"},
		{"escaped brackets are brackets", "f%5Ba%5D=1", "f%5Ba%5D=1", "f%5Ba%5D=1"},
		{"automatic indexes", "a[]=1&a[]=2", "a%5B0%5D=1&a%5B1%5D=2", "a%5B0%5D=1&a%5B1%5D=2"},
		{"an automatic index behind an escape", "%61[]=1", "a%5B0%5D=1", "a%5B0%5D=1"},
		{"an automatic index at the end", "a[]", "a%5B0%5D=", "a%5B0%5D="},
		{"automatic indexes below written ones", "a[x][]=1&a[y][]=2", "a%5Bx%5D%5B0%5D=1&a%5By%5D%5B0%5D=2", "a%5Bx%5D%5B0%5D=1&a%5By%5D%5B0%5D=2"},
		{"groups are put together", "f[a]=1&x=2&f[b]=3", "f%5Ba%5D=1&f%5Bb%5D=3&x=2", "f%5Ba%5D=1&f%5Bb%5D=3&x=2"},
		{"groups are put together, spelled as they are signed", "f%5Ba%5D=1&f%5Bb%5D=2&x=3&f%5Bc%5D=4", "f%5Ba%5D=1&f%5Bb%5D=2&f%5Bc%5D=4&x=3", "f%5Ba%5D=1&f%5Bb%5D=2&f%5Bc%5D=4&x=3"},
		{"a name that another begins with", "f%5Ba%5D=1&f%5Bb%5D%5Bc%5D=2&f%5Bd%5D=3&fa=4", "f%5Ba%5D=1&f%5Bb%5D%5Bc%5D=2&f%5Bd%5D=3&fa=4", "f%5Ba%5D=1&f%5Bb%5D%5Bc%5D=2&f%5Bd%5D=3&fa=4"},
		{"indexes from any number on, with gaps", "a[-2]=1&a[x]=2&a[3]=3&a[01]=4&a[7]=5", "a%5B-2%5D=1&a%5Bx%5D=2&a%5B3%5D=3&a%5B01%5D=4&a%5B7%5D=5", "a%5B-2%5D=1&a%5Bx%5D=2&a%5B3%5D=3&a%5B01%5D=4&a%5B7%5D=5"},
		{"indexes that are in order once their groups are together", "a[0][x]=1&a[1][x]=2&a[0][y]=3", "a%5B0%5D%5Bx%5D=1&a%5B0%5D%5By%5D=3&a%5B1%5D%5Bx%5D=2", "a%5B0%5D%5Bx%5D=1&a%5B0%5D%5By%5D=3&a%5B1%5D%5Bx%5D=2"},
		{"odd but well-behaved names", "b[c.d e]=2&-1=3&0=4", "b%5Bc.d+e%5D=2&-1=3&0=4", "b%5Bc.d%20e%5D=2&-1=3&0=4"},
		{"the vendor's example: languages from 1", "fields[custom_field_1][name][1]=Kurs&fields[custom_field_1][name][2]=Course&fields[custom_field_1][name][4]=Corso",
			"fields%5Bcustom_field_1%5D%5Bname%5D%5B1%5D=Kurs&fields%5Bcustom_field_1%5D%5Bname%5D%5B2%5D=Course&fields%5Bcustom_field_1%5D%5Bname%5D%5B4%5D=Corso",
			"fields%5Bcustom_field_1%5D%5Bname%5D%5B1%5D=Kurs&fields%5Bcustom_field_1%5D%5Bname%5D%5B2%5D=Course&fields%5Bcustom_field_1%5D%5Bname%5D%5B4%5D=Corso"},
		{"the vendor's example: a basket", "basket[0][name][1]=Shirt&basket[0][amount]=8000&basket[1][name]=Versand&basket[1][vatRate]=7.7",
			"basket%5B0%5D%5Bname%5D%5B1%5D=Shirt&basket%5B0%5D%5Bamount%5D=8000&basket%5B1%5D%5Bname%5D=Versand&basket%5B1%5D%5BvatRate%5D=7.7",
			"basket%5B0%5D%5Bname%5D%5B1%5D=Shirt&basket%5B0%5D%5Bamount%5D=8000&basket%5B1%5D%5Bname%5D=Versand&basket%5B1%5D%5BvatRate%5D=7.7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a Array
			require.NoError(t, ReadForm(&a, c.form, anyNumber))
			signed := a.AppendQuery(nil)
			assert.Equal(t, c.signed, string(signed))
			assert.Equal(t, c.wire, string(AppendWire(nil, signed)))
		})
	}
}

// PHP's urlencode keeps letters, digits and "-_.", and writes a space as a plus
// sign; rawurlencode keeps a tilde too, and writes "%20" (RFC 3986, 2.3).
func TestEscapesOfEveryByte(t *testing.T) {
	for i := range 256 {
		c := byte(i)
		url, raw := fmt.Sprintf("%%%02X", c), fmt.Sprintf("%%%02X", c)
		switch {
		case strings.IndexByte("-_.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", c) >= 0:
			url, raw = string(c), string(c)
		case c == '~':
			raw = "~"
		case c == ' ':
			url = "+"
		}
		text := "<" + string([]byte{c, c}) + "x"
		assert.Equal(t, "%3C"+url+url+"x", string(AppendURLEncoded(nil, text)), "urlencode of %q", c)
		assert.Equal(t, "%3C"+raw+raw+"x", string(AppendEscaped(nil, text)), "rawurlencode of %q", c)
		assert.Equal(t, "&%3C"+raw+raw+"x", string(AppendWire([]byte("&"), []byte("%3C"+url+url+"x"))), "rawurlencode of urlencoded %q", c)

		var a Array
		ParseStr(&a, fmt.Sprintf("a=%%%02x", c), PlusKept)
		value, _ := a.Get("a")
		assert.Equal(t, string([]byte{c}), value)
	}
}

func TestReadFormRefuses(t *testing.T) {
	for _, c := range []struct{ form, name, reason string }{
		{"basket[][name]=a&basket[][amount]=1", "basket[][name]", `has an automatic index in front of more brackets, and PHP begins a new element at each of them: write the index, "basket[0][name]"`},
		{"a[x][][y]=1", "a[x][][y]", `write the index, "a[x][0][y]"`},
		{"a[][]=1", "a[][]", `write the index, "a[0][]"`},
		{"a]b=1", "a]b", "has a closing bracket in front of the first that opens"},
		{"a]=1", "a]", "has a closing bracket in front of the first that opens"},
		{"a][b]=1", "a][b]", "has a closing bracket in front of the first that opens"},
		{"a[1]=x&a[0]=y", "a[0]", "has a lower index than what stands before it, which not every parser keeps in that order: sort the indexes"},
		{"a[10]=1&a[9]=2", "a[9]", "sort the indexes"},
		{"a[2][x]=1&b=1&a[1][x]=2", "a[1][x]", "sort the indexes"},
		{"a[x]=1&a[3]=2&a[y]=3&a[2]=4", "a[2]", "sort the indexes"},
		{"a[b][0]=1&a[b][-1]=2", "a[b][-1]", "sort the indexes"},
		{"1=x&0=y", "0", "sort the indexes"},
		{"a=%FF", "a", "has a value that is not UTF-8: encode it as UTF-8"},
		{"a=\xfc", "a", "has a value that is not UTF-8"},
		{"a=%80", "a", "has a value that is not UTF-8"},
		{"a=%FF%20", "a", "has a value that is not UTF-8"},
		{"a=%FF+", "a", "has a value that is not UTF-8"},
		{"a=%C0%AE", "a", "has a value that is not UTF-8"},
		{"a=%ED%A0%80", "a", "has a value that is not UTF-8"},
		{"a%FF=1", "a", "has a name that is not UTF-8: encode it as UTF-8"},
		{"a[%FC]=1", "a[", "has a name that is not UTF-8"},
		{"a[%C3][%BC]=1", "a[", "has a name that is not UTF-8"},
		{"email=a+b@example.com", "email", `has a plus sign beside " ", "%20" or "@", and could mean a space or itself: write every space as %20 and a plus sign as %2B`},
		{"title=a%20b&x=1&email=c+d%40e", "email", "has a plus sign beside"},
		{"email=c+d%40e&title=a%20b", "email", "has a plus sign beside"},
		{"a=1&b[+x]=2&c=d@e", "b[", "has a plus sign beside"},
		{"a=b+c&d=e+f&g=h@i", "a", "has a plus sign beside"},
		{"phone=+41&title=a b", "phone", "has a plus sign beside"},
		{"title=a+b%20c", "title", "has a plus sign beside"},
		{"title=a%20b+c", "title", "has a plus sign beside"},
		{"pm=a&pm=b", "pm", `is given twice, and PHP keeps the last only: name a list's elements "pm[0]", "pm[1]"`},
		{"f[a]=1&f[a]=1", "f[a]", `is given twice, and PHP keeps the last only: name a list's elements "f[a][0]", "f[a][1]"`},
		{"a=1&a[b]=2", "a[b]", "is a value here and a group with brackets elsewhere"},
		{"a[b]=2&a=1", "a", "is a value here and a group with brackets elsewhere"},
		{"a[b]=2&a[b][c]=1", "a[b][c]", "is a value here and a group with brackets elsewhere"},
		{"a[]=1&a[0]=2", "a[0]", "mixes automatic and written indexes"},
		{"a[x]=1&a[]=2", "a[]", "mixes automatic and written indexes"},
		{"a[0][x]=1&a[]=2", "a[]", "mixes automatic and written indexes"},
		{"a.b=1", "a.b", `has a '.', which PHP turns into an underscore`},
		{"a+b=1", "a", `has a ' ', which PHP turns into an underscore`},
		{"+a=1", "", `begins with a space, which PHP drops`},
		{"a%00=1", "a", "has a NUL byte"},
		{"a[%00]=1", "a[", "has a NUL byte"},
		{"=1", "", "has no name"},
		{"[a]=1", "[a]", "has no name"},
		{"a[b=1", "a[b", "has a bracket that is not closed"},
		{"a[b]c=1", "a[b]c", "has text behind a closing bracket"},
		{"a[b]]=1", "a[b]]", "has text behind a closing bracket"},
		{"a[b]=1&a[c=2", "a[c", "has a bracket that is not closed"},
		{"a[b]=1&a[=2", "a[", "has a bracket that is not closed"},
		{"a[b]=1&a[c[=2", "a[c[", "has a bracket that is not closed"},
		{"a[b]=1&a[c%00=2", "a[c", "has a bracket that is not closed"},
		{"a[b]=1&a[c]]=2", "a[c]]", "has text behind a closing bracket"},
		{"a[b]=1&a[c[d]=2", "a[c[d]", "has a bracket within brackets"},
		{"a[b]=1&a[+]=2", "a[", "has nothing but white space between its brackets"},
		{"a[b]=1&a[c]=2&a[b]=3", "a[b]", "is given twice"},
		{"a[[b]=1", "a[[b]", "has a bracket within brackets"},
		{"a[+]=1", "a[", "has nothing but white space between its brackets"},
		{"a[%09]=1", "a[", "has nothing but white space between its brackets"},
		{"a%=1", "a", "has a malformed %-escape"},
		{"a%4=1", "a", "has a malformed %-escape"},
		{"a=%4", "a", "has a malformed %-escape in its value"},
		{"a=%4x", "a", "has a malformed %-escape in its value"},
		{"a=%", "a", "has a malformed %-escape in its value"},
		{"a" + strings.Repeat("[b]", 65) + "=1", "a" + strings.Repeat("[b]", 26) + "[", "has more than 64 levels of brackets"},
	} {
		t.Run(c.form, func(t *testing.T) {
			var a Array
			err := ReadForm(&a, c.form, anyNumber)
			var refusal *Error
			require.ErrorAs(t, err, &refusal)
			assert.Equal(t, c.name, refusal.Name)
			assert.Contains(t, refusal.Reason, c.reason)
		})
	}
}

// TestErrorsShowNamesOnly has strings that are no form, or not the one that was
// meant: what they hold is not shown.
func TestErrorsShowNamesOnly(t *testing.T) {
	var a Array
	for form, want := range map[string]string{
		"pm=1&pm=2":                                        `parameter "pm" is given twice, and PHP keeps the last only: name a list's elements "pm[0]", "pm[1]"`,
		"a=1&größe=2&größe=3":                              `parameter 3, which begins "gr", is given twice, and PHP keeps the last only: name a list's elements with "[0]", "[1]" behind the name`,
		"a=1&b=2&pur pose=Abo":                             `parameter 3, which begins "pur", has a ' ', which PHP turns into an underscore: write an underscore`,
		"purpose=Tom & Jerry 4111":                         `parameter 2 begins with a space, which PHP drops: leave it out, and write an ampersand in a value as %26`,
		"<order><pan>4111 1111</pan></order>":              `parameter 1 has a ' ', which PHP`,
		"\n{\"number\": \"4111 1111\"}":                    `parameter 1 has a ' ', which PHP`,
		"=4111":                                            `parameter 1 has no name`,
		"purpose=Tom&4111 1111":                            `parameter 2 has a ' ', which PHP`,
		"a=1&&ü[][x]=1":                                    `parameter 2 has an automatic index in front of more brackets, and PHP begins a new element at each of them: write the index, "[0]" for the first`,
		"4111111111111111=1&4111111111111111=2":            `parameter 2 is given twice, and PHP keeps the last only: name a list's elements with "[0]", "[1]" behind the name`,
		"4111-1111-1111-1111[]=1&4111-1111-1111-1111[x]=2": `parameter 2 mixes automatic and written indexes`,
		"a[4111111111111111][]=1&a[4111111111111111][]x=2": `parameter 2, which begins "a[", has`,
		"card4111.11111111=1":                              `parameter 1, which begins "card", has a '.'`,
		"card9090909090.0909=1":                            `parameter 1, which begins "card", has a '.'`,
		"n12345678A12345678Z12345678a12345678z1.=1":        `parameter "n12345678A12345678Z12345678a12345678z1." has a '.'`,
		"0 4111=1":                               `parameter 1 has a ' '`,
		"9 4111=1":                               `parameter 1 has a ' '`,
		strings.Repeat("n", 90) + ".=1":          `parameter 1, which begins "` + strings.Repeat("n", 80) + `", has a '.'`,
		"a=1&" + strings.Repeat("n", 81) + "=%4": `parameter 2, which begins "` + strings.Repeat("n", 80) + `", has a malformed`,
	} {
		err := ReadForm(&a, form, anyNumber)
		if assert.Error(t, err, form) {
			assert.True(t, strings.HasPrefix(err.Error(), want), "got %s, want %s", err, want)
			assert.NotContains(t, err.Error(), "4111")
		}
	}
}

// TestReadFormStops has more variables than may be read: it looks at no more than
// the first that is too many.
func TestReadFormStops(t *testing.T) {
	var a Array
	require.NoError(t, ReadForm(&a, "a=1&b=2&&", 2))
	assert.Equal(t, 2, a.Len())
	assert.Equal(t, ErrTooMany, ReadForm(&a, "a=1&b=2&&c", 2))
	assert.Equal(t, ErrTooMany, ReadForm(&a, "a=1&b=2&c%&b", 2))
	assert.LessOrEqual(t, len(a.nodes), 3)
	assert.Equal(t, ErrTooMany, ReadForm(&a, "a", 0))
	assert.NoError(t, ReadForm(&a, "&", 0))
}

// TestParseStr has examples of what PHP makes of forms outside the normal form,
// measured with PHP 8.2. TestFaithfulAgainstPHP has all others.
func TestParseStr(t *testing.T) {
	tests := []struct{ name, form, query string }{
		{"the last wins, in the first's place", "a=1&b=2&a=3", "a=3&b=2"},
		{"a value becomes a group", "a=1&a[b]=2", "a%5Bb%5D=2"},
		{"a group becomes a value", "a[b]=2&a[c]=3&a=1", "a=1"},
		{"dots and spaces", "a.b=1&+c+d=2", "a_b=1&c_d=2"},
		{"open brackets", "a[b=1&[c]=2", "a_b=1"},
		{"text behind brackets", "a[b]c=1", "a%5Bb%5D=1"},
		{"white space is an automatic index", "a[+]=1&a[]=2", "a%5B0%5D=1&a%5B1%5D=2"},
		{"automatic indexes follow the largest", "a[5]=1&a[x]=2&a[]=3&a[-9]=4&a[]=5", "a%5B5%5D=1&a%5Bx%5D=2&a%5B6%5D=3&a%5B-9%5D=4&a%5B7%5D=5"},
		{"nothing follows the largest integer", "a[9223372036854775807]=1&a[]=2", "a%5B9223372036854775807%5D=1"},
		{"a NUL byte ends a name", "a%00b[c]=1", "a=1"},
		{"a NUL byte within brackets opens them", "a[b%00c]=1", "a_b=1"},
		{"a NUL byte in front leaves no name", "%00a=1&b=2", "b=2"},
		{"a bare NUL byte ends the string", "a=1\x00&b=2", "a=1"},
		{"a bare NUL byte in front leaves nothing", "\x00&b=2", ""},
		{"malformed escapes stay", "a=%4&b=100%&c=%4g&d=%g4&e=%41%4a%4A%", "a=%254&b=100%25&c=%254g&d=%25g4&e=AJJ%25"},
		{"malformed escapes stay in names", "a%=1&%zz=2&%2=3", "a%25=1&%25zz=2&%252=3"},
		{"names and values without the other", "a&b&&c=&=1&d=1=2&", "a=&b=&c=&d=1%3D2"},
		{"nothing but spaces is no name", "+++a=1&++=2&++", "a=1"},
		{"a bracket that is not closed ends the name", "a[b][c=1&a[b][=2", "a%5Bb%5D=2"},
		{"the first that is not closed is part of it", "a[b.c[d e=1&f[", "a_b_c_d_e=1&f_="},
		{"nothing in a closed bracket is replaced", "a[b c.d]=1", "a%5Bb+c.d%5D=1"},
		{"closing brackets in a row", "a[]]=1&b[c]]=2&]=3", "a%5B0%5D=1&b%5Bc%5D=2&%5D=3"},
		{"text between brackets", "a[b]x[c]=1", "a%5Bb%5D=1"},
		{"each white space is an automatic index", "a[%09]=1&a[%0A]=2&a[%0B]=3&a[%0C]=4&a[%0D]=5", "a%5B0%5D=1&a%5B1%5D=2&a%5B2%5D=3&a%5B3%5D=4&a%5B4%5D=5"},
		{"other control characters are keys", "a[%08]=1&a[%0E]=2", "a%5B%08%5D=1&a%5B%0E%5D=2"},
		{"white space and more is a key", "a[+b]=1&a[++]=2", "a%5B+b%5D=1&a%5B++%5D=2"},
		{"negative indexes count up", "a[-5]=1&a[-9]=2&a[]=3", "a%5B-5%5D=1&a%5B-9%5D=2&a%5B-4%5D=3"},
		{"only integers as PHP writes them are indexes", "a[08]=1&a[-0]=2&a[0:]=3&a[1/]=4&a[:]=5&a[-]=6&a[]=7",
			"a%5B08%5D=1&a%5B-0%5D=2&a%5B0%3A%5D=3&a%5B1%2F%5D=4&a%5B%3A%5D=5&a%5B-%5D=6&a%5B0%5D=7"},
		{"integers of 64 bits are indexes", "a[9223372036854775806]=1&a[]=2&a[]=3", "a%5B9223372036854775806%5D=1&a%5B9223372036854775807%5D=2"},
		{"the smallest is one, too", "a[-9223372036854775808]=1&a[]=2&a[-9223372036854775809]=3", "a%5B-9223372036854775808%5D=1&a%5B-9223372036854775807%5D=2&a%5B-9223372036854775809%5D=3"},
		{"larger ones are not", "a[9223372036854775808]=1&a[99999999999999999999]=2&a[]=3", "a%5B9223372036854775808%5D=1&a%5B99999999999999999999%5D=2&a%5B0%5D=3"},
		{"no group follows the largest integer", "a[9223372036854775807]=1&a[][x]=2&b=1", "a%5B9223372036854775807%5D=1&b=1"},
		{"a new group counts from 0", "a[5]=1&a=2&a[]=3&b[x][5]=1&b[x]=2&b[x][]=3", "a%5B0%5D=3&b%5Bx%5D%5B0%5D=3"},
		{"inner groups and values replace each other", "a[b]=1&a[c][d]=2&a[c]=3&a[c][]=4", "a%5Bb%5D=1&a%5Bc%5D%5B0%5D=4"},
		{"64 levels are kept", "a" + strings.Repeat("[n]", 64) + "=1", "a" + strings.Repeat("%5Bn%5D", 64) + "=1"},
		{"65 levels take what was there along", "a=1&b=2&a" + strings.Repeat("[n]", 65) + "=3&c=4", "b=2&c=4"},
		{"the 1,000th variable is the last", strings.Repeat("&a[]=1", 1001)[1:], numbered(1000, func(i int) string { return fmt.Sprintf("&a%%5B%d%%5D=1", i) })[1:]},
		{"a variable counts even if nothing comes of it", strings.Repeat("=1&", 999) + "a=1&b=2", "a=1"},
	}
	t.Run("PHP", func(t *testing.T) {
		oracle := phptest.Start(t)
		for _, c := range tests {
			assert.Equal(t, c.query, oracle.Ask('f', c.form)[0], c.name)
		}
	})
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			var a Array
			ParseStr(&a, c.form, PlusDecoded)
			assert.Equal(t, c.query, string(a.AppendQuery(nil)))
			n := 0
			for range a.All() {
				n++
			}
			assert.Equal(t, n, a.Len())
		})
	}
	var a Array
	ParseStr(&a, "a+b=c+d", PlusKept)
	assert.Equal(t, "a%2Bb=c%2Bd", string(a.AppendQuery(nil)))
}

func TestArray(t *testing.T) {
	var a Array
	assert.Zero(t, a.Len())
	assert.Empty(t, a.AppendQuery(nil))
	assert.False(t, a.Has("a"))
	a.Remove("a")
	for name := range a.All() {
		t.Errorf("the empty array has %q", name)
	}

	require.NoError(t, ReadForm(&a, "a=1&b[x]=2&b[y]=3&c=4", anyNumber))
	assert.Equal(t, 4, a.Len())
	value, ok := a.Get("a")
	assert.True(t, ok)
	assert.Equal(t, "1", value)
	_, ok = a.Get("b")
	assert.False(t, ok, "an array has no value")
	assert.True(t, a.Has("b"))

	for _, step := range []struct {
		take, value    string
		isArray, found bool
		query          string
		left           int
	}{
		{"b", "", true, true, "a=1&c=4", 2},
		{"c", "4", false, true, "a=1", 1},
		{"c", "", false, false, "a=1", 1},
		{"a", "1", false, true, "", 0},
	} {
		value, isArray, found := a.Take(step.take)
		assert.Equal(t, step.value, string(value))
		assert.Equal(t, step.isArray, isArray)
		assert.Equal(t, step.found, found)
		assert.Equal(t, step.query, string(a.AppendQuery(nil)))
		assert.Equal(t, step.left, a.Len())
		assert.False(t, a.Has(step.take))
	}
	assert.GreaterOrEqual(t, a.Size(), len("a=1&b[x]=2&b[y]=3&c=4"), "there is room for all that was read")
	require.NoError(t, ReadForm(&a, "z=1", anyNumber), "an Array is used again")
	assert.Equal(t, "z=1", string(a.AppendQuery(nil)))
}

// TestAllOfManyNames has enough names to make the index grow, and to shrink again.
func TestAllOfManyNames(t *testing.T) {
	var a Array
	for _, n := range []int{5000, 1, 300} {
		var want, form []string
		for i := range n {
			form = append(form, fmt.Sprintf("a[%d][b]=%d", i, i))
			want = append(want, fmt.Sprintf("a[%d][b]=%d", i, i))
		}
		require.NoError(t, ReadForm(&a, strings.Join(form, "&"), anyNumber))
		var got []string
		for name, value := range a.All() {
			got = append(got, name+"="+value)
		}
		assert.Equal(t, want, got)
		assert.Error(t, ReadForm(&a, strings.Join(append(form, form[n/2]), "&"), anyNumber), "a repeated name among %d", n)
	}
	for name := range a.All() {
		assert.Equal(t, "a[0][b]", name)
		break
	}
	require.NoError(t, ReadForm(&a, numbered(1000, func(i int) string { return fmt.Sprintf("&k%d=", i) }), anyNumber))
	for i := range 1000 {
		assert.True(t, a.Has(fmt.Sprintf("k%d", i)), "the name %d of 1000", i)
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	const form = "title=Monatliches+Abo&amount=200&currency=EUR&fields[forename][value]=J%C3%BCrg&pm[]=visa&pm[]=twint"
	var a Array
	var signed, wire []byte
	for _, form := range []string{form, numbered(100, func(i int) string { return fmt.Sprintf("&k%d=", i) })[1:]} {
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			if err := ReadForm(&a, form, anyNumber); err != nil {
				t.Fatal(err)
			}
			signed = a.AppendQuery(signed[:0])
			wire = AppendWire(wire[:0], signed)
		}))
	}
}

// strictForms and faithfulForms are the seeds of the fuzz targets.
var (
	strictForms   = []string{"a=%F0%9F%98%8F", "a[3]=1&a[x]=2&a[7]=3", "a[1]=1&a[0]=2", "a[][b]=1", "a]b=1", "a=b+c@d", "a=%FF", "", "a=1&b=2", "a[]=1&a[]=2", "f[a][b]=%C3%BC&x=~+%2B", "a[b]=1&c=2&a[d]=3", "a]=1&b[c d]=2", "a=1&a=2", "a[ ]=1"}
	faithfulForms = []string{"a=1&a[b]=2&a=3", "a[=1&[b]=2&c[d]e=3", "a[9223372036854775807]=1&a[]=2", "a.b=1& c=2&%00=3", "a[-5]=1&a[]=2"}
)

func FuzzReadForm(f *testing.F) {
	for _, form := range strictForms {
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, form string) {
		var a, b Array
		if ReadForm(&a, form, anyNumber) != nil {
			return
		}
		for name, value := range a.All() {
			if !utf8.ValidString(name + value) {
				t.Fatalf("form %q: %q is not UTF-8", form, name+"="+value)
			}
		}
		signed := string(a.AppendQuery(nil))
		if got := string(a.appendQuery(nil)); got != signed {
			t.Fatalf("form %q: signed as it stands, %q, and written it is %q", form, signed, got)
		}
		if err := ReadForm(&b, signed, anyNumber); err != nil || !b.canonical || string(b.appendQuery(nil)) != signed {
			t.Fatalf("form %q: signed %q, which is read as canonical %v: %q, %v", form, signed, b.canonical, b.appendQuery(nil), err)
		}
		wire := string(AppendWire(nil, []byte(signed)))
		if a.Len() > MaxInputVars {
			return // PHP would drop the rest
		}
		for _, plus := range []Plus{PlusDecoded, PlusKept} {
			ParseStr(&b, wire, plus)
			if got := string(b.AppendQuery(nil)); got != signed {
				t.Fatalf("form %q: signed %q, parse_str gives %q (plus kept: %v)", form, signed, got, plus)
			}
		}
		if got := flat(t, wire); got != signed {
			t.Fatalf("form %q: signed %q, a flat parser gives %q", form, signed, got)
		}
		if err := ReadForm(&b, wire, anyNumber); err != nil || string(b.AppendQuery(nil)) != signed {
			t.Fatalf("form %q: signed %q, read again %q, %v", form, signed, b.AppendQuery(nil), err)
		}
	})
}

// flat reads a form as a parser that does not nest, and escapes it again as PHP
// does, with net/url.
func flat(t *testing.T, wire string) string {
	var out []string
	for pair := range strings.SplitSeq(wire, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		for _, s := range []*string{&name, &value} {
			decoded, err := url.PathUnescape(*s)
			if err != nil {
				t.Fatal(err)
			}
			*s = strings.ReplaceAll(url.QueryEscape(decoded), "~", "%7E")
		}
		out = append(out, name+"="+value)
	}
	return strings.Join(out, "&")
}

func FuzzParseStr(f *testing.F) {
	for _, form := range faithfulForms {
		f.Add(form, true)
	}
	f.Fuzz(func(t *testing.T, form string, keepPlus bool) {
		var a, b Array
		ParseStr(&a, form, Plus(keepPlus))
		query := a.AppendQuery(nil)
		n := 0
		for range a.All() {
			n++
		}
		if n != a.Len() {
			t.Fatalf("form %q: Len is %d, there are %d values", form, a.Len(), n)
		}
		if want := a.queryLen(0, 0); len(query) != max(want-len("&"), 0) || string(a.Query()) != string(query) {
			t.Fatalf("form %q: %q is said to have %d bytes", form, query, want)
		}
		ParseStr(&b, query, PlusDecoded)
		if got := b.AppendQuery(nil); n < MaxInputVars && string(got) != string(query) {
			t.Fatalf("form %q: %q is read again as %q", form, query, got)
		}
	})
}

// TestLongArrays has arrays of as many elements as are compared one by one, and
// of more.
func TestLongArrays(t *testing.T) {
	var a Array
	for n := few - 1; n <= few+2; n++ {
		var form, nested []string
		for i := range n {
			form = append(form, fmt.Sprintf("k%d=%d", i, i))
			nested = append(nested, fmt.Sprintf("x[k%d]=%d", i, i))
		}
		text := strings.Join(form, "&")
		for i := range n {
			key := fmt.Sprintf("k%d", i)
			require.Error(t, ReadForm(&a, text+"&"+form[i], anyNumber), "%d elements: %s is given twice", n, key)
			require.NoError(t, ReadForm(&a, text, anyNumber))
			a.Remove(key)
			assert.False(t, a.Has(key), "%d elements without %s", n, key)
			assert.Equal(t, strings.Join(slices.Delete(slices.Clone(form), i, i+1), "&"), string(a.AppendQuery(nil)))
		}
		ParseStr(&a, strings.Join(nested, "&")+"&x=1&x[k0]=2", PlusDecoded)
		assert.Equal(t, "x%5Bk0%5D=2", string(a.AppendQuery(nil)), "an array of %d elements is replaced twice", n)
	}
}
