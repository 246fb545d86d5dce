package curl

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// commandLines are command lines that curl takes, with URL for the server's.
var commandLines = []string{
	// URLs
	`curl URL/v1.0/SignatureCheck/`,
	`curl URL`,
	`curl 'URL?a=1'`,
	`curl 'URL/a/../v1.0/./Gateway/?a=%2f#fragment'`,
	`curl --path-as-is 'URL/a/../v1.0/'`,
	`curl 'URL/ü?x=ü&y=%zz'`,
	`curl 'URL/?pm[]=a'`,
	`curl 'URL/?pm\[0\]=a&x=\{y\}'`,
	`curl -g 'URL/?pm[0]=a&x={y}'`,
	`curl --url URL/a`,
	`curl URL/a?b=c*`,
	`curl HTTPURL/a`,
	// data
	`curl -d a=b URL`,
	`curl -d a=b --data 'c=d e' --data-ascii f=g --data-binary h=i URL`,
	`curl -da=b URL`,
	`curl -d '' URL`,
	`curl --data-raw @a=b URL`,
	`curl --data-raw 'a=b&c=d%20e' URL`,
	`curl --data-urlencode 'a b=c d&%~*+ü' --data-urlencode '=x y' --data-urlencode 'just text' --data-urlencode a@b=c@d URL`,
	`curl -d 'a=b
c=d' URL`,
	`curl --json '{"a":1}' URL`,
	`curl --json '{"a":1' --json ',"b":2}' URL`,
	`curl -d x=1 --json '{"a":1}' -d y=2 URL`,
	`curl --json '{}' -H 'Accept: x/y' -H 'content-type: application/json; charset=utf-8' URL`,
	`curl -X PUT --json '{}' URL`,
	// the query
	`curl -G -d a=b -d c=d 'URL/p?z=1#f'`,
	`curl -G --data-urlencode 'a=b c~*+ü' 'URL/p?'`,
	`curl -G -d a=b -d 'c=d#e' -d f=g 'URL/p?z=1'`,
	`curl -G -d '' URL`,
	`curl -G URL`,
	`curl --get -d 'a[0]=1' URL`,
	`curl -G -X POST -d a=1 URL`,
	`curl -GI -d a=1 URL`,
	`curl -G -H 'Content-Type: application/json' -d a=1 URL`,
	// methods
	`curl -I URL`,
	`curl --head URL`,
	`curl -X DELETE URL`,
	`curl -X PUT -d a=b URL`,
	`curl -XPATCH -d a=b URL`,
	`curl --request put -d a=b URL`,
	`curl -X POST URL`,
	`curl -X POST -X PUT URL`,
	// headers
	`curl -H 'X-A: b' -H X-A:c -H 'X-Empty;' -H 'X-None:' -H nocolon URL`,
	`curl -H 'Content-Type:' -d a=b URL`,
	`curl -H 'content-type: application/json' -d '{}' URL`,
	`curl -H 'Host: api.example.com' URL`,
	`curl --header 'X-Avangate-Authentication: code="C" date="2020-06-18 08:05:46" hash="0" algo="sha256"' URL/rest/6.0/orders/`,
	`curl -H 'Content-Length: 3' -d a=b URL`,
	`curl -H 'content-length: 0' -X POST URL`,
	`curl -H 'Content-Length:' URL`,
	`curl -H 'Transfer-Encoding: Chunked' -d a=b URL`,
	`curl -H 'Transfer-Encoding: chunked' -F a=b URL`,
	`curl -H 'Transfer-Encoding:' -d a=b URL`,
	// forms
	`curl -F a=b -F 'c=d e+' URL`,
	`curl -F 'a[0]=1' -F a.b=2 URL`,
	`curl -F 'a=b;c' -F 'd=e;' -F 'f=g,h' URL`,
	`curl -F 'a="b;c"' -F 'd="e\"f\\g\h" i' -F 'j="k' -F 'l= m ' URL`,
	`curl -F 'a={"x":1};type=application/json' -F 'b=c; type=text/plain; filename=d' -F 'e=f;filename="g;h";i' URL`,
	`curl -F f=@DIR/image.png -F 'g=@DIR/image.png;type=image/gif;filename="q.gif"' -F 'h=@"DIR/image.png"' URL`,
	`curl --form-string 'a=b;type=x' --form-string c=@d URL`,
	`curl -F 'a"b=c' URL`,
	`curl -X PUT -F a=b URL`,
	`curl -G -F a=b URL`,
	`curl -H 'Content-Type: multipart/form-data' -F a=b URL`,
	`curl -H 'Content-Type: text/plain' -F a=b URL`,
	// flags of no matter
	`curl -k -s -S -i -v -L -f --compressed --http1.1 -o DIR/out -m 9 --connect-timeout 8 --max-time 7 --retry 0 URL`,
	`curl -u user:pass -H 'Authorization: Bearer x' URL`,
	`curl HTTPURL -u 'user:p:a ü'`,
	`curl USERURL`,
	`curl -u user:pass USERURL`,
	`curl -sSL -u user:pass -A agent -b c=d -e http://referer/ URL`,
	`curl -sSkd a=b -XPUT URL`,
	// the shell
	"curl \\\n  --request POST \\\n  --data 'a=b' \\\n  URL\n",
	`curl -d "a=\"b\" \\ \$c 'd' \x" URL`,
	"curl -d \"a=b\\\nc\" URL",
	`curl -d $'a=b\'\n\t\x41\101\u00fc\U0001F600\\\?\q' URL`,
	`curl -d a='b'"c"$'d'\ e URL`,
	`curl -d $"a=b" -d c=$ -d "d=$ e" URL`,
	`curl -d {} URL`,
	`curl -d '~' -d a='~/x' -d "b=~" -d~ -d x~ --data-raw ~"a" URL/~user`,
}

// TestCurlSendsWhatIsRead compares the reading of command lines with what the
// curl that is installed sends.
func TestCurlSendsWhatIsRead(t *testing.T) {
	curl, bash := phptest.Client(t, "curl"), phptest.Require(t, "bash")
	received := make(chan *sent, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		received <- whatIsSent(t, r)
	}))
	defer server.Close()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "image.png"), nil, 0o600))
	for _, line := range commandLines {
		t.Run(line, func(t *testing.T) {
			text := strings.NewReplacer("HTTPURL", strings.Replace(server.URL, "http", "HTTP", 1), "USERURL", strings.Replace(server.URL, "//", "//YOURCODE123:a%20b@", 1), "URL", server.URL, "DIR", dir).Replace(line)
			req, err := Request(text)
			require.NoError(t, err)
			req.RequestURI = req.URL.RequestURI()

			// A proxy or a .curlrc of the machine's would be in the way.
			cmd := exec.Command(bash, "-c", "curl() { "+Quote(curl, "-q", "--noproxy", "*", "--silent", "--show-error")+" \"$@\"; }\n"+text)
			cmd.Env = []string{"LC_ALL=C.UTF-8"}
			output, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", output)
			select {
			case want := <-received:
				assert.Equal(t, want, whatIsSent(t, req))
			default:
				assert.Fail(t, "the server cannot read what curl sent")
			}
		})
	}
}

// TestWordsAreThoseOfBash compares the splitting of lines with bash's.
func TestWordsAreThoseOfBash(t *testing.T) {
	bash := phptest.Require(t, "bash")
	lines, err := os.ReadFile("testdata/words.txt")
	require.NoError(t, err)
	for line := range strings.SplitSeq(string(lines), "\n--\n") {
		cmd := exec.Command(bash, "-c", "set -f\nprintf '%s\\0' "+line)
		cmd.Env = []string{"LC_ALL=C.UTF-8"}
		output, err := cmd.Output()
		require.NoError(t, err, "%s", line)
		want := strings.Split(strings.TrimSuffix(string(output), "\x00"), "\x00")
		got, err := splitWords(line)
		require.NoError(t, err, "%s", line)
		assert.Equal(t, want, got, "%s", line)
	}
}

func TestRequestRefuses(t *testing.T) {
	for line, reason := range map[string]string{
		``:                                    "does not begin with curl",
		`curly http://a/`:                     "does not begin with curl",
		`curl`:                                "curl has no URL",
		`curl ''`:                             "curl has no URL",
		`curl ftp://a/`:                       "neither http nor https",
		`curl http://a/%zz`:                   "malformed",
		`curl 'http://a/b c'`:                 "the URL holds a space",
		`curl -G -d 'a=b c' http://a/`:        "the URL holds a space",
		`curl http://a/ http://b/`:            "two URLs",
		`curl 'http://a/?pm[0]=b'`:            "--globoff",
		`curl 'http://a/?x={b,c}'`:            "--globoff",
		`curl 'http://a/?x=]'`:                "--globoff",
		`curl -X 'A B' http://a/`:             "--request is no method",
		`curl -I -d a=b http://a/`:            "only one of --head, --form and --data",
		`curl -F a=b -d c=d http://a/`:        "only one of --head, --form and --data",
		`curl -F a=b -I http://a/`:            "only one of --head, --form and --data",
		`curl --nothing http://a/`:            `flag "--nothing" is not known`,
		`curl --nothing=b http://a/`:          `flag "--nothing" is not known`,
		`curl -sZ http://a/`:                  `flag "-Z" is not known`,
		`curl -T file http://a/`:              `flag "-T" is not known`,
		`curl -K file`:                        `flag "-K" is not known`,
		`curl --silent=1 http://a/`:           `flag "--silent" is not known`,
		`curl http://a/ -d`:                   "flag -d has no value",
		`curl http://a/ --header`:             "flag --header has no value",
		`curl -d @body http://a/`:             "--data names a file",
		`curl --data-binary @- http://a/`:     "--data-binary names a file",
		`curl --data-urlencode @a http://a/`:  "--data-urlencode names a file",
		`curl --data-urlencode a@b http://a/`: "--data-urlencode names a file",
		`curl --json @a http://a/`:            "--json names a file",
		`curl -H @a http://a/`:                "--header names a file",
		`curl -F 'a=<b' http://a/`:            "--form names a file",
		`curl -F a http://a/`:                 "--form wants name=content",
		`curl -F =a http://a/`:                "--form wants name=content",
		`curl --form-string a http://a/`:      "--form-string wants name=content",
		`curl -F 'a=(b' http://a/`:            "parts within a part",
		`curl -F a=@b,c http://a/`:            "more than one file",
		`curl -F 'a=b;headers=c' http://a/`:   "which is not known here",
		`curl -F 'a=b;encoder=c' http://a/`:   "which is not known here",
		`curl 'http://a/`:                     "a quote is not closed",
		`curl "http://a/`:                     "a quote is not closed",
		`curl $'http://a/`:                    "a quote is not closed",
		`curl "http://a/\"`:                   "a quote is not closed",
		`curl $'a\0'`:                         "a NUL byte",
		`curl $'a\x00'`:                       "a NUL byte",
		`curl $'a\u0000'`:                     "a NUL byte",
		`curl $URL`:                           "$URL stands for",
		`curl ${URL}`:                         "${ stands for",
		`curl "$(cat url)"`:                   "$( stands for",
		"curl `cat url`":                      "` stands for",
		`curl "http://a/?b=$1"`:               "$1 stands for",
		`curl http://a/?b=1&c=2`:              "'&' outside of quotes",
		`curl http://a/ | jq .`:               "'|' outside of quotes",
		`curl http://a/ > file`:               "'>' outside of quotes",
		`curl http://a/; rm file`:             "';' outside of quotes",
		`curl -d {a,b} http://a/`:             "'{' outside of quotes",
		`curl http://a/ # a comment`:          "'#' outside of quotes",
		`curl -d ~ http://a/`:                 "takes the tilde",
		`curl -d ~/x http://a/`:               "takes the tilde",
		`curl -d ~root http://a/`:             "takes the tilde",
		`curl -d ~+ http://a/`:                "takes the tilde",
		`curl -d a=~ http://a/`:               "takes the tilde",
		`curl -d a=~/x http://a/`:             "takes the tilde",
		`curl -d a+=~/x http://a/`:            "takes the tilde",
		`curl -d a=b:~/x http://a/`:           "takes the tilde",
		`curl -d a="b":~/x http://a/`:         "takes the tilde",
		`curl -d a[0]=~/x http://a/`:          "takes the tilde",
		`curl -d a['x']=~/x http://a/`:        "takes the tilde",
		`curl -d a[b[c]]=~ http://a/`:         "takes the tilde",
		"curl -d a=\\\n~/x http://a/":         "takes the tilde",
		"curl -d \\\n~/x http://a/":           "takes the tilde",
		"curl -d ~\\\n/x http://a/":           "takes the tilde",

		`curl -H 'Content-Length: 3' -d a=bcd http://a/`:                               "--header Content-Length",
		`curl -H 'Content-Length: 5' -d a=b http://a/`:                                 "--header Content-Length",
		`curl -H 'Content-Length: x' -d a=b http://a/`:                                 "--header Content-Length",
		`curl -H 'Content-Length:' -d a=b http://a/`:                                   "--header Content-Length",
		`curl -H 'Content-Length;' -d a=b http://a/`:                                   "--header Content-Length",
		`curl -H 'content-length: 2' http://a/`:                                        "--header Content-Length",
		`curl -H 'Content-Length: 3' -F a=b http://a/`:                                 "--header Content-Length",
		`curl -H 'Content-Length: 3' -H 'Content-Length: 3' -d a=b http://a/`:          "--header Content-Length",
		`curl -H 'Transfer-Encoding: gzip' -d a=b http://a/`:                           "--header Transfer-Encoding",
		`curl -H 'Transfer-Encoding: chunked' http://a/`:                               "--header Transfer-Encoding",
		`curl -H 'Transfer-Encoding;' -d a=b http://a/`:                                "--header Transfer-Encoding",
		`curl -H 'Transfer-Encoding: chunked' -H 'Content-Length: 3' -d a=b http://a/`: "--header Transfer-Encoding",
		"curl http://a/\n-d b=c":                                                       "more follows",
	} {
		t.Run(line, func(t *testing.T) {
			_, err := Request(line)
			assert.ErrorContains(t, err, reason)
		})
	}
}

// curl itself knows no --flag=value, but its users do.
// TestErrorsShowNoValue has flags that run into their values.
func TestErrorsShowNoValue(t *testing.T) {
	for line, reason := range map[string]string{
		`curl --data'{"pan":"4111"}' http://a/`:     `flag that begins "--data" is not known`,
		`curl --data-urlencode'pan 4111' http://a/`: `flag that begins "--data-urlencode" is not known`,
		`curl --json4111=5 http://a/`:               `flag that begins "--json" is not known`,
		`curl --'{"pan":"4111"}' http://a/`:         "is no flag of curl's",
		`curl --url-query pan=4111 http://a/`:       `flag "--url-query" is not known`,
		`curl -- 'pan=4111' http://a/`:              `flag "--" is not known`,
		`curl '-é4111' http://a/`:                   "is no flag of curl's",
	} {
		_, err := Request(line)
		if assert.ErrorContains(t, err, reason, line) {
			assert.NotContains(t, err.Error(), "4111")
		}
	}
}

func TestCurlFlagWithEqualsSign(t *testing.T) {
	req, err := Request(`curl --request=PUT --data=a=b http://a/`)
	require.NoError(t, err)
	assert.Equal(t, "PUT", req.Method)
	body, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	assert.Equal(t, "a=b", string(body))
}

// FuzzCurl shows that no line brings the reader down, and that a line which
// Quote writes is read as the same words.
func FuzzCurl(f *testing.F) {
	for _, line := range commandLines {
		f.Add(line)
	}
	f.Add("curl -F 'a=\"b\\\"c;d\";filename=e;x;' -F 'b=@c;type=d' $'\\x41\\u00fc\\cA' \"\\$\\\\\" {} a#")
	f.Fuzz(func(t *testing.T, line string) {
		if req, err := Request("curl " + line); err == nil {
			body, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			assert.EqualValues(t, len(body), req.ContentLength)
		}
		words := strings.Split(line, " ")
		got, err := splitWords(Quote(words...))
		require.NoError(t, err)
		assert.Equal(t, words, got)
	})
}

// What is sent has a bearing on a signature.
type sent struct {
	method, target, host string
	header               http.Header
	body                 string
	parts                []sentPart
}

type sentPart struct{ name, filename, value string }

// insignificant are the header's fields that have none.
var insignificant = []string{"Accept", "Accept-Encoding", "Content-Length", "Cookie", "Referer", "User-Agent"}

// escapes are hexadecimal digits, in which versions of curl differ.
var escapes = regexp.MustCompile(`%[0-9A-F]{2}`)

func whatIsSent(t *testing.T, r *http.Request) *sent {
	body, err := io.ReadAll(r.Body)
	assert.NoError(t, err)
	s := &sent{method: r.Method, target: escapes.ReplaceAllStringFunc(r.RequestURI, strings.ToLower), host: r.Host, header: r.Header.Clone(), body: string(body)}
	for name, values := range s.header {
		if slices.Contains(insignificant, name) || len(values) == 0 {
			delete(s.header, name)
		}
	}
	if _, params, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && params["boundary"] != "" {
		s.body = ""
		s.header.Set("Content-Type", strings.ReplaceAll(s.header.Get("Content-Type"), params["boundary"], "BOUNDARY"))
		parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err == io.EOF {
				break
			}
			if !assert.NoError(t, err) {
				break
			}
			value, err := io.ReadAll(part)
			assert.NoError(t, err)
			_, disposition, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
			assert.NoError(t, err)
			s.parts = append(s.parts, sentPart{disposition["name"], disposition["filename"], string(value)})
		}
	}
	return s
}
