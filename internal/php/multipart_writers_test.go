package php

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// writers are the programs whose bodies must be accepted. Each writes the
// parameters given, then a file.
var writers = map[string]func(t testing.TB, pairs []string, content []byte) (contentType string, body []byte){
	"Go":       writeGo,
	"curl":     writeCurl,
	"PHP curl": writePHPCurl,
	"by hand": func(_ testing.TB, pairs []string, content []byte) (string, []byte) {
		var b strings.Builder
		for i := 0; i < len(pairs); i += 2 {
			b.WriteString(field(pairs[i], pairs[i+1]))
		}
		b.WriteString("--B\r\nContent-Disposition: form-data; name=\"logo\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n")
		b.Write(content)
		return `multipart/form-data; boundary="B"`, []byte(b.String() + "\r\n--B--")
	},
}

func writeGo(t testing.TB, pairs []string, content []byte) (string, []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		require.NoError(t, w.WriteField(pairs[i], pairs[i+1]))
	}
	f, err := w.CreateFormFile("logo", "a.png")
	require.NoError(t, err)
	_, err = f.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return w.FormDataContentType(), b.Bytes()
}

func writeCurl(t testing.TB, pairs []string, content []byte) (string, []byte) {
	curl := phptest.Client(t, "curl")
	args := []string{"--silent", "--show-error"}
	for i := 0; i < len(pairs); i += 2 {
		args = append(args, "--form-string", pairs[i]+"="+pairs[i+1])
	}
	path := filepath.Join(t.TempDir(), "a.png")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return captured(t, func(url string) *exec.Cmd {
		return exec.Command(curl, append(args, "--form", "logo=@"+path, url)...)
	})
}

func writePHPCurl(t testing.TB, pairs []string, content []byte) (string, []byte) {
	php, extension := phptest.Require(t, "php"), phptest.Extension(t, "curl")
	path := filepath.Join(t.TempDir(), "logo")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	const script = `
		[, $url, $path] = $argv;
		$fields = [];
		foreach (array_chunk(array_slice($argv, 3), 2) as [$name, $value]) {
			$fields[$name] = $value;
		}
		$fields['logo'] = new CURLFile($path, 'image/png', 'a.png');
		$c = curl_init($url);
		curl_setopt_array($c, [CURLOPT_POSTFIELDS => $fields, CURLOPT_RETURNTRANSFER => true]);
		exit(curl_exec($c) === false ? 1 : 0);`
	return captured(t, func(url string) *exec.Cmd {
		return exec.Command(php, slices.Concat([]string{"-n"}, extension, []string{"-r", script, "--", url, path}, pairs)...)
	})
}

// captured returns the request that a program sends to a URL.
func captured(t testing.TB, command func(url string) *exec.Cmd) (contentType string, body []byte) {
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		contentType = r.Header.Get("Content-Type")
		body, _ = io.ReadAll(r.Body)
	}))
	defer srv.Close()
	out, err := command(srv.URL).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return contentType, body
}
