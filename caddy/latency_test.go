package countersign

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkLatency sends the same form through stock Caddy and through the sidecar in
// turns, over one connection each, and reports the median of each and of what the
// sidecar takes longer than stock Caddy right before it, in microseconds.
func BenchmarkLatency(b *testing.B) {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer gateway.Close()
	config := sidecar(gateway.URL, "paylinkhmac", "instance example\nsecret_file "+secretFile(b, testSecret), "")
	config = strings.Replace(config, "\troute /pay/*", "\troute /stock/* {\n\t\turi strip_prefix /stock\n\t\treverse_proxy "+gateway.URL+"\n\t}\n\troute /pay/*", 1)
	url := load(b, adapt(b, "caddyfile", config))
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	const body = "amount=8925&currency=CHF&purpose=Ein%20Abo&pm%5B0%5D=visa&pm%5B1%5D=twint&referenceId=975382"
	send := func(path string) float64 {
		req := form(b, url+path+"/v1.0/Gateway/", body)
		began := time.Now()
		resp, err := client.Do(req)
		require.NoError(b, err)
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		require.Equal(b, 200, resp.StatusCode)
		return float64(time.Since(began).Nanoseconds()) / 1e3
	}
	for range 100 { // connections and pools
		send("/stock")
		send("/pay")
	}
	var stock, ours, more []float64
	for b.Loop() {
		s, o := send("/stock"), send("/pay")
		stock, ours, more = append(stock, s), append(ours, o), append(more, o-s)
	}
	median := func(all []float64) float64 {
		slices.Sort(all)
		return all[len(all)/2]
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(stock), "us-stock")
	b.ReportMetric(median(ours), "us-signed")
	b.ReportMetric(median(more), "us-more")
}
