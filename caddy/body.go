package countersign

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// maxKept is how much of a body is kept for a second attempt, in bytes.
const maxKept = 1 << 20

var errGone = errors.New("the body is longer than 1 MiB and was read by an earlier attempt: it cannot be sent whole once more, so the request is not repeated")

// A keptBody is a request's body that Caddy's attempts share. Each has a reader of
// its own, which begins at the first byte. When more than most bytes have been
// read, only the reader at their end goes on; the others fail, so that no attempt
// sends less than the whole. It is safe for concurrent use: an attempt that is over
// may still be reading.
type keptBody struct {
	most int64

	mu   sync.Mutex
	src  io.Reader
	kept []byte
	read int64 // of src
	err  error // of src, io.EOF at its end
}

// keep returns a body of which nothing is kept if its length, -1 if it is not known,
// says that it cannot be kept whole.
func keep(src io.Reader, length int64) *keptBody {
	if length > maxKept {
		return &keptBody{src: src}
	}
	return &keptBody{src: src, most: maxKept}
}

// isGone reports whether a new reader could not give the whole.
func (k *keptBody) isGone() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.read > int64(len(k.kept))
}

// reader returns a new reader, from the first byte.
func (k *keptBody) reader() io.ReadCloser { return &keptReader{body: k} }

// A keptReader is the body of one attempt. Closing it does not close what is read:
// the server does that.
type keptReader struct {
	body   *keptBody
	at     int64
	closed atomic.Bool
}

var errClosed = errors.New("the body was closed")

func (r *keptReader) Read(p []byte) (int, error) {
	k := r.body
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case r.closed.Load():
		return 0, errClosed
	case r.at < int64(len(k.kept)):
		n := copy(p, k.kept[r.at:])
		r.at += int64(n)
		return n, nil
	case r.at < k.read:
		return 0, errGone
	case k.err != nil:
		return 0, k.err
	}
	n, err := k.src.Read(p)
	if k.read == int64(len(k.kept)) && k.read+int64(n) <= k.most {
		k.kept = append(k.kept, p[:n]...)
	} else if n > 0 {
		k.kept = nil
	}
	k.read += int64(n)
	r.at += int64(n)
	k.err = err
	return n, err
}

// Close does not wait for a Read that is under way.
func (r *keptReader) Close() error {
	r.closed.Store(true)
	return nil
}
