package transport_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

// BenchmarkUpload sends 256 MiB over loopback, unsigned and signed in turns, and
// reports the median of the signed throughput over the unsigned one's.
func BenchmarkUpload(b *testing.B) {
	const size = 256 << 20
	server := discarding(b)
	unsigned, signed := &http.Client{}, &http.Client{Transport: newTransport(b, nil, shop(b, server.URL, "example"))}
	var ratios []float64
	b.SetBytes(2 * size)
	for b.Loop() {
		u, s := sendUpload(b, unsigned, server.URL, size), sendUpload(b, signed, server.URL, size)
		ratios = append(ratios, u.Seconds()/s.Seconds())
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "signed/unsigned")
}

// BenchmarkUploadMemory reports the peak resident memory of a process that sends
// 1 GiB, unsigned and signed.
func BenchmarkUploadMemory(b *testing.B) {
	const size = 1 << 30
	if url := os.Getenv("COUNTERSIGN_UPLOAD_URL"); url != "" {
		client := &http.Client{}
		if os.Getenv("COUNTERSIGN_UPLOAD_SIGNED") != "" {
			client.Transport = newTransport(b, nil, shop(b, url, "example"))
		}
		sendUpload(b, client, url, size)
		fmt.Println("peak", peakMemory(b))
		os.Exit(0)
	}
	server := discarding(b)
	peaks := map[string][]float64{}
	for b.Loop() {
		for _, signed := range []string{"", "1"} {
			cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkUploadMemory$")
			cmd.Env = append(os.Environ(), "COUNTERSIGN_UPLOAD_URL="+server.URL, "COUNTERSIGN_UPLOAD_SIGNED="+signed)
			out, err := cmd.Output()
			if err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			m := regexp.MustCompile(`peak (\d+)`).FindSubmatch(out)
			if m == nil {
				b.Fatalf("no peak in %q", out)
			}
			kib, _ := strconv.ParseFloat(string(m[1]), 64)
			peaks[signed] = append(peaks[signed], kib/1024)
		}
	}
	for signed, unit := range map[string]string{"": "MiB-unsigned", "1": "MiB-signed"} {
		slices.Sort(peaks[signed])
		b.ReportMetric(peaks[signed][len(peaks[signed])/2], unit)
	}
}

func discarding(b *testing.B) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); err != nil || n != r.ContentLength {
			http.Error(w, "the body is not whole", http.StatusBadRequest)
		}
	}))
	b.Cleanup(server.Close)
	return server
}

func sendUpload(b *testing.B, client *http.Client, url string, size int64) time.Duration {
	body, length, contentType := upload(size, closing)
	req, err := http.NewRequest(http.MethodPost, url+"/v1.0/Design/", body)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.ContentLength = length
	start := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b.Fatal(resp.Status)
	}
	return time.Since(start)
}

// peakMemory returns the peak resident memory of this process in KiB, which Linux
// tells.
func peakMemory(b *testing.B) string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("there is no /proc here")
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		b.Fatal("no VmHWM in /proc/self/status")
	}
	return string(m[1])
}
