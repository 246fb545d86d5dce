// Package curl reads curl command lines, as bash and curl would, and writes words so
// that a shell reads them as they are. It runs nothing, reads no file and knows no
// variable: what a reader cannot know without them is an error. An error tells the
// user what to write instead, and holds nothing of a parameter's value.
package curl

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/countersign/countersign/internal/request"
)

// Request returns the request that curl would send for a command line, which begins
// with the word curl.
func Request(line string) (*http.Request, error) {
	words, err := splitWords(line)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 || words[0] != "curl" {
		return nil, errors.New("the line does not begin with curl")
	}
	c := command{given: make(map[string]bool), header: make(http.Header)}
	c.form = multipart.NewWriter(&c.formBody)
	if err := c.parse(words[1:]); err != nil {
		return nil, err
	}
	return c.request()
}

// The flags of curl that are understood, by their long names and, behind a slash,
// their short ones: those with a value, and those without. What neither
// command.set nor request names has no bearing on what is signed.
var (
	valueFlags = flagNames(`request/X header/H data/d data-ascii data-binary data-raw data-urlencode json form/F form-string url
		user/u user-agent/A cookie/b cookie-jar/c referer/e output/o output-dir dump-header/D write-out/w stderr trace trace-ascii
		max-time/m connect-timeout max-redirs max-filesize limit-rate speed-limit/Y speed-time/y keepalive-time
		retry retry-delay retry-max-time proxy/x proxy-user/U noproxy proto proto-redir interface resolve connect-to
		cacert capath cert/E cert-type key key-type pass pinnedpubkey ciphers tls-max tls13-ciphers`)
	switches = flagNames(`get/G head/I globoff/g path-as-is
		insecure/k silent/s show-error/S include/i verbose/v location/L location-trusted post301 post302 post303
		fail/f fail-with-body fail-early compressed basic http1.0/0 http1.1 http2 http2-prior-knowledge http3 ipv4/4 ipv6/6
		tlsv1/1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 retry-all-errors retry-connrefused remote-name/O remote-header-name/J
		no-buffer/N no-keepalive no-progress-meter progress-bar/# trace-time tcp-nodelay disable/q`)
)

// flagNames returns the long name for each name of a flag.
func flagNames(list string) map[string]string {
	names := make(map[string]string)
	for _, flag := range strings.Fields(list) {
		long, short, _ := strings.Cut(flag, "/")
		names["--"+long] = long
		if short != "" {
			names["-"+short] = long
		}
	}
	return names
}

// A command is what curl's command line has said so far.
type command struct {
	given       map[string]bool // flags, by their long names; data for each of its kind
	url, method string
	user        string      // and its password
	header      http.Header // a field without values is one that curl leaves out
	data        []byte
	form        *multipart.Writer
	formBody    bytes.Buffer
}

func (c *command) parse(words []string) error {
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		var err error
		switch {
		case !strings.HasPrefix(word, "-"):
			err = c.set("url", word)
		case switches[word] != "":
			c.given[switches[word]] = true
		case strings.HasPrefix(word, "--"):
			name, value, attached := strings.Cut(word, "=")
			words, err = c.take(name, value, attached, words)
		default:
			words, err = c.parseShort(word, words)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parseShort parses short flags in one word, the last of which may have its value
// there: -sSXPOST. It returns the words that are left.
func (c *command) parseShort(word string, words []string) ([]string, error) {
	for i := 1; i < len(word); i++ {
		name := "-" + word[i:i+1]
		if switches[name] == "" {
			return c.take(name, word[i+1:], i+1 < len(word), words)
		}
		c.given[switches[name]] = true
	}
	return words, nil
}

// take sets a flag to the value that is attached to it, or else to the next word,
// and returns the words that are left.
func (c *command) take(name, value string, attached bool, words []string) ([]string, error) {
	long := valueFlags[name]
	switch {
	case long == "":
		return nil, unknownFlag(name)
	case !attached && len(words) == 0:
		return nil, fmt.Errorf("curl's flag %s has no value", name)
	case !attached:
		value, words = words[0], words[1:]
	}
	return words, c.set(long, value)
}

// flagLike matches a flag of curl's, the longest of which have some thirty letters.
var flagLike = regexp.MustCompile(`^-(?:-[0-9A-Za-z.-]{0,30}|[[:print:]])$`)

// unknownFlag says that a flag is none of those that are known. What stands behind
// one that is may be its value, without a space between, and is not shown.
func unknownFlag(name string) error {
	known := ""
	for flag := range valueFlags {
		if rest, ok := strings.CutPrefix(name, flag); ok && !strings.HasPrefix(rest, "-") && len(flag) > len(known) {
			known = flag
		}
	}
	switch {
	case known != "":
		return fmt.Errorf("curl's flag that begins %q is not known here: write a space between a flag and its value, or leave it out if it does not change the request", known)
	case !flagLike.MatchString(name):
		return errors.New("a word that begins with a hyphen is no flag of curl's: put the URL and the data in single quotes, behind a flag and a space")
	}
	return fmt.Errorf("curl's flag %q is not known here: leave it out if it does not change the request", name)
}

// set does what a flag with a value says.
func (c *command) set(name, value string) error {
	switch name {
	case "url":
		if c.url != "" {
			return errors.New("there are two URLs: put the URL and the data in single quotes, and give one request")
		}
		c.url = value
	case "request":
		c.method = value
	case "user":
		c.user = value
	case "header":
		return c.setHeader(value)
	case "data", "data-ascii", "data-binary":
		if strings.HasPrefix(value, "@") {
			return fileError(name)
		}
		c.addData("&", value)
	case "data-raw":
		c.addData("&", value)
	case "data-urlencode":
		key, text, found := strings.Cut(value, "=")
		switch {
		case !found && strings.Contains(value, "@"):
			return fileError(name)
		case !found:
			key, text = "", value
		}
		if key != "" {
			key += "="
		}
		c.addData("&", key+url.QueryEscape(text))
	case "json":
		if strings.HasPrefix(value, "@") {
			return fileError(name)
		}
		c.addData("", value)
		c.given["json"] = true
	case "form", "form-string":
		c.given["form"] = true
		return c.addPart(name, value)
	}
	return nil
}

func fileError(flag string) error {
	return fmt.Errorf("--%s names a file, and no file is read: write its text itself", flag)
}

func (c *command) addData(separator, text string) {
	if len(c.data) > 0 {
		c.data = append(c.data, separator...)
	}
	c.data = append(c.data, text...)
	c.given["data"] = true
}

// setHeader adds a field. A name alone takes out a field that curl adds itself, and
// a name with a semicolon is sent without a value.
func (c *command) setHeader(field string) error {
	if strings.HasPrefix(field, "@") {
		return fileError("header")
	}
	name, value, found := strings.Cut(field, ":")
	if !found {
		if name, found = strings.CutSuffix(field, ";"); found {
			c.header.Add(name, "")
		}
		return nil
	}
	name = http.CanonicalHeaderKey(name)
	if value = strings.Trim(value, " \t"); value != "" {
		c.header.Add(name, value)
	} else if c.header[name] == nil {
		c.header[name] = nil
	}
	return nil
}

// addPart adds a part of a multipart body. Of a file there is only the name: files
// are not signed, and none is read.
func (c *command) addPart(flag, value string) error {
	name, content, found := strings.Cut(value, "=")
	if !found || name == "" {
		return fmt.Errorf("--%s wants name=content", flag)
	}
	disposition := `form-data; name="` + escapePart(name) + `"`
	if flag == "form" {
		stops := ";"
		file := strings.HasPrefix(content, "@")
		switch {
		case strings.HasPrefix(content, "<"):
			return fileError(flag)
		case strings.HasPrefix(content, "("):
			return fmt.Errorf("--form %q begins parts within a part, which these gateways do not know: use --form-string if the parenthesis is meant", name)
		case file:
			content = content[1:]
			stops = ";,"
		}
		text, attributes := formWord(strings.TrimLeft(content, " \t\r\n"), stops)
		filename := ""
		if file {
			filename, text = path.Base(text), ""
		}
		for strings.HasPrefix(attributes, ";") {
			attributes = strings.TrimLeft(attributes[1:], " \t\r\n")
			key := partAttribute.FindString(attributes)
			switch strings.ToLower(key) {
			case "filename=":
				filename, attributes = formWord(attributes[len(key):], stops)
			case "":
				_, attributes = formWord(attributes, stops) // its type, or what curl skips
			default:
				return fmt.Errorf("--form %q has %s, which is not known here", name, key)
			}
		}
		if attributes != "" {
			return fmt.Errorf("--form %q names more than one file: give each a name of its own", name)
		}
		if filename != "" {
			disposition += `; filename="` + escapePart(filename) + `"`
		}
		content = text
	}
	part, err := c.form.CreatePart(textproto.MIMEHeader{"Content-Disposition": {disposition}})
	if err != nil {
		return err
	}
	_, err = part.Write([]byte(content))
	return err
}

// partAttribute matches what follows a part's content and has a bearing on it.
var partAttribute = regexp.MustCompile(`^(?i:filename|headers|encoder)=`)

// escapePart escapes a name in a part's header as curl and browsers do.
var escapePart = strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A").Replace

// formWord cuts the word of a --form's value that ends at one of stops. It may
// stand in double quotes, behind which all else is skipped.
func formWord(s, stops string) (word, rest string) {
	if strings.HasPrefix(s, `"`) {
		var text []byte
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '\\' || s[i+1] == '"'):
				i++
			case s[i] == '"':
				_, rest = cutAny(s[i+1:], stops)
				return string(text), rest
			}
			text = append(text, s[i])
		}
	}
	word, rest = cutAny(s, stops)
	return strings.TrimRight(word, " \t\r\n"), rest
}

// cutAny cuts s in front of the first of stops.
func cutAny(s, stops string) (before, rest string) {
	if i := strings.IndexAny(s, stops); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// request returns what curl would send.
func (c *command) request() (*http.Request, error) {
	inQuery := c.given["get"] && !c.given["form"]
	method, contentType := http.MethodGet, ""
	var body []byte
	switch {
	case c.given["form"] && (c.given["data"] || c.given["head"]), c.given["head"] && c.given["data"] && !inQuery:
		return nil, errors.New("curl takes only one of --head, --form and --data")
	case c.given["form"]:
		c.form.Close()
		method, contentType, body = http.MethodPost, request.MultipartType, c.formBody.Bytes()
	case c.given["head"]:
		method = http.MethodHead
	case c.given["data"] && !inQuery:
		method, contentType, body = http.MethodPost, request.FormType, c.data
	}
	target, err := c.target(inQuery)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(cmp.Or(c.method, method), target.String(), nil)
	if err != nil {
		return nil, errors.New("curl's --request is no method: write GET, POST or the like")
	}
	if err := c.checkFraming(body); err != nil {
		return nil, err
	}
	req.URL, req.Header = target, c.header
	request.SetBody(req, body)
	if c.given["json"] {
		contentType = request.JSONType
		c.setDefault("Accept", contentType)
	}
	if contentType != "" {
		c.setDefault("Content-Type", contentType)
	}
	if strings.Contains(c.user, ":") { // without a password curl asks for one
		c.setDefault("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(c.user)))
	}
	if c.given["form"] { // whatever type it has
		req.Header.Set("Content-Type", req.Header.Get("Content-Type")+"; boundary="+c.form.Boundary())
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	req.Header.Del("Host")
	return req, nil
}

// checkFraming takes out the header's own words on the length of the body, which curl
// sends as they are. Those of another length are an error: what is read of the body
// then is no longer what curl was given.
func (c *command) checkFraming(body []byte) error {
	lengths, given := c.header["Content-Length"]
	codings := c.header["Transfer-Encoding"]
	delete(c.header, "Content-Length")
	delete(c.header, "Transfer-Encoding")
	switch {
	case len(codings) > 0 && (given || len(codings) > 1 || !strings.EqualFold(codings[0], "chunked") || len(body) == 0):
		return errors.New("curl does not send the body as its --header Transfer-Encoding says: leave that header out")
	case !given, len(lengths) == 0 && len(body) == 0:
		return nil
	case len(lengths) == 1 && !c.given["form"]: // which has another boundary there
		if n, err := strconv.ParseUint(lengths[0], 10, 63); err == nil && n == uint64(len(body)) {
			return nil
		}
	}
	return errors.New("curl does not send a body of the length that its --header Content-Length says: leave that header out")
}

// setDefault sets a header field that was neither given nor taken out.
func (c *command) setDefault(name, value string) {
	if _, given := c.header[name]; !given {
		c.header.Set(name, value)
	}
}

var (
	urlScheme  = regexp.MustCompile(`^[A-Za-z][0-9A-Za-z+.-]*://`)
	urlAddress = regexp.MustCompile(`^(?:[A-Za-z]+://)?\[[0-9A-Fa-f:.]+\]`)
)

// target returns the URL, with the data in its query if that is where it goes.
func (c *command) target(dataInQuery bool) (*url.URL, error) {
	text := c.url
	if !c.given["globoff"] {
		var err error
		if text, err = unglob(text); err != nil {
			return nil, err
		}
	}
	if !urlScheme.MatchString(text) {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("curl has no URL, or one that is malformed, or neither http nor https")
	}
	if password, ok := u.User.Password(); ok && c.user == "" {
		c.user = u.User.Username() + ":" + password
	}
	u.Fragment, u.User = "", nil
	if !c.given["path-as-is"] {
		u = new(url.URL).ResolveReference(u) // takes the dots out of the path
	}
	if dataInQuery && len(c.data) > 0 {
		query, _, _ := strings.Cut(u.RawQuery+"&"+string(c.data), "#") // what follows is the URL's fragment
		u.RawQuery = strings.TrimPrefix(query, "&")
	}
	if strings.ContainsFunc(text+u.RawQuery, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, errors.New("the URL holds a space, and curl sends none: write %20")
	}
	return u, nil
}

// unglob returns what curl makes of a URL's brackets and braces: a pattern, which
// is an error here, unless they are escaped, are an empty pair, or stand around an
// address.
func unglob(text string) (string, error) {
	address := urlAddress.FindString(text)
	plain := []byte(address)
	for text = text[len(address):]; text != ""; {
		switch {
		case len(text) > 1 && text[0] == '\\' && strings.IndexByte("[]{}", text[1]) >= 0:
			plain, text = append(plain, text[1]), text[2:]
		case strings.HasPrefix(text, "[]"):
			plain, text = append(plain, "[]"...), text[2:]
		case strings.IndexByte("[]{}", text[0]) >= 0:
			return "", errors.New("curl takes brackets and braces in a URL for a pattern: add --globoff")
		default:
			plain, text = append(plain, text[0]), text[1:]
		}
	}
	return string(plain), nil
}
