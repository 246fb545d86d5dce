// Package vectors holds implementations of what the vectors prove in other languages,
// written apart from the module's, and tests that they and the files' schemas agree
// with the vectors.
package vectors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

const testdata = "../../testdata"

// files returns the paths of the vector files.
func files(t *testing.T) (paths []string) {
	t.Helper()
	all, err := filepath.Glob(testdata + "/*.json")
	require.NoError(t, err)
	for _, path := range all {
		if !strings.HasSuffix(path, ".schema.json") {
			paths = append(paths, path)
		}
	}
	require.Contains(t, paths, testdata+"/paylink.json")
	require.Contains(t, paths, testdata+"/avangate.json")
	return paths
}

// A leaf is a value in a file that holds no other ones.
type leaf struct {
	path       string // its names, and * for an index, joined by dots
	start, end int
}

// leaves lists those of a document.
func leaves(t *testing.T, text []byte) (found []leaf) {
	t.Helper()
	type level struct {
		object bool
		name   string // the last one read, "" where one is to come
	}
	var levels []level
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		before := int(d.InputOffset())
		token, err := d.Token()
		if err == io.EOF {
			return found
		}
		require.NoError(t, err)
		last := len(levels) - 1
		name, isString := token.(string)
		if isString && levels[last].object && levels[last].name == "" {
			levels[last].name = name
			continue
		}
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{object: true})
			continue
		case json.Delim('['):
			levels = append(levels, level{name: "*"})
			continue
		case json.Delim('}'), json.Delim(']'):
			if levels = levels[:last]; last == 0 {
				continue
			}
			last--
		default:
			var names []string
			for _, l := range levels {
				names = append(names, l.name)
			}
			end := int(d.InputOffset())
			start := end - len(bytes.TrimLeft(text[before:end], " \t\r\n,:"))
			found = append(found, leaf{strings.Join(names, "."), start, end})
		}
		if levels[last].object {
			levels[last].name = ""
		}
	}
}

// replaced returns a document with another text in a leaf's place.
func (l leaf) replaced(text []byte, by string) []byte {
	return fmt.Appendf(nil, "%s%s%s", text[:l.start], by, text[l.end:])
}

// free are the paths that a schema leaves open: parameters of any shape, and what is
// retired.
var free = regexp.MustCompile(`\.parameters\.|^(ins|classic_return_key|thank_you_page_security_hash|phash)\.`)

func TestEachFileIsWhatItsSchemaSays(t *testing.T) {
	for _, path := range files(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			schema, err := jsonschema.NewCompiler().Compile(strings.TrimSuffix(path, ".json") + ".schema.json")
			require.NoError(t, err, "each file has a schema beside it")
			valid := func(text []byte) error {
				document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
				require.NoError(t, err)
				return schema.Validate(document)
			}
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, valid(text))

			seen := map[string]bool{}
			for _, l := range leaves(t, text) {
				if seen[l.path] || free.MatchString(l.path) {
					continue
				}
				seen[l.path] = true
				assert.Error(t, valid(l.replaced(text, `{"unknown": 1}`)), "%s may be anything", l.path)
			}
			assert.Greater(t, len(seen), 10)
			assert.Error(t, valid(append([]byte(`{"unknown": 1,`), bytes.TrimLeft(text, "{")...)), "there may be any member")
		})
	}
}

// implementations are those in other languages. Each prints a line for a file.
var implementations = map[string][]string{
	"php":     {"-n", "check.php"},
	"python3": {"check.py"},
}

// compared are the paths of what every implementation compares.
var compared = map[string]*regexp.Regexp{
	"paylink.json":  regexp.MustCompile(`^(secret|instance|cases\.\*\.(string_to_sign|signature|requests\.\*\.(url|signed_url|signed_body)))$`),
	"avangate.json": regexp.MustCompile(`^vectors\.\*\.(merchant_code|date|key|string_to_sign|sha256|header_sha256|sha3_256|header_sha3_256)$`),
	"inbound.json": regexp.MustCompile(`^((payrexx_webhook|ipn_request|ipn_reply|lcn_request|lcn_reply|return_url|buy_link|jwt|sent_by_merchant)\.cases|payrexx_webhook\.policy|ipn_request\.(readings_differ|not_bound|policy)|return_url\.not_bound)\.\*` +
		`\.(signing_key|key|secret_word|body|body_hex|query|source|source_hex|signature|url|header|payload|input|token|ok|ok_if_any_algorithm|ok_if_sha2_or_sha3_required|bodies\.\*|queries\.\*|sources\.\*|signatures\.\*|values\.\*|pairs\.\*\.\*|(mac|signed|reply)\.[^.]+)$`),
}

// TestOtherImplementationsAgree runs each with the vectors, all of which must be right,
// and with copies that have one value changed, all of which must be wrong.
func TestOtherImplementationsAgree(t *testing.T) {
	paths := files(t)
	var spoiled []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Contains(t, compared, filepath.Base(path), "say what the implementations compare")
		seen := map[string]bool{}
		for _, l := range leaves(t, text) {
			if seen[l.path] || !compared[filepath.Base(path)].MatchString(l.path) {
				continue
			}
			seen[l.path] = true
			other := string(text[l.start:l.end])
			switch other {
			case "true":
				other = "false"
			case "false":
				other = "true"
			default:
				other = strings.TrimSuffix(other, `"`) + `0"`
				if strings.HasSuffix(l.path, "_hex") {
					other = strings.TrimSuffix(other, `"`) + `0"`
				}
			}
			copied := filepath.Join(t.TempDir(), l.path)
			require.NoError(t, os.WriteFile(copied, l.replaced(text, other), 0o600))
			spoiled = append(spoiled, copied)
		}
		require.Greater(t, len(seen), 5, path)
	}
	scripts, err := filepath.Glob("*.p[hy]*")
	require.NoError(t, err)
	require.Len(t, scripts, 2*len(implementations))
	for _, script := range scripts {
		text, err := os.ReadFile(script) // here, too, so that go test sees that one has changed
		require.NoError(t, err)
		assert.Less(t, bytes.Count(text, []byte("\n")), 150, "%s can be read at one sitting", script)
	}
	for program, args := range implementations {
		t.Run(program, func(t *testing.T) {
			check := func(paths []string) []string {
				cmd := exec.Command(phptest.Require(t, program), append(args, paths...)...)
				cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
				cmd.Stderr = os.Stderr
				out, _ := cmd.Output() // the status says what the lines do
				lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
				require.Len(t, lines, len(paths))
				return lines
			}
			for i, line := range check(paths) {
				said := strings.TrimPrefix(line, paths[i]+": ")
				n, err := strconv.Atoi(strings.TrimSuffix(said, " right"))
				require.NoError(t, err, line)
				assert.Greater(t, n, 100, line)
				t.Logf("%s: %d values compared, 0 mismatches", filepath.Base(paths[i]), n)
			}
			for i, line := range check(spoiled) {
				assert.True(t, strings.HasPrefix(line, spoiled[i]+": WRONG: "), "one value is changed: %.200s", line)
			}
		})
	}
}
