package portcullis

import (
	"net"
	"os"
	"time"

	"portcullis/bindings/imports/wasi_io_poll"
)

const (
	// How soon and how late a waiting goroutine looks again.
	shortest = 50 * time.Microsecond
	longest  = 5 * time.Millisecond
)

func never() time.Time { return time.Time{} }

// Wait until the pollable is ready, the time has come or it is closed. Go's scheduler for WASI knows of
// no pollables, and to block in wasi:io/poll would stop every goroutine; so this one sleeps between
// looks, and the others run.
func wait(
	subscribe func() *wasi_io_poll.Pollable, isClosed func() bool, deadline func() time.Time,
) error {
	guest.Lock()
	pollable := subscribe()
	guest.Unlock()
	defer pollable.Drop()
	for pause := shortest; ; pause = min(2*pause, longest) {
		if isClosed() {
			return net.ErrClosed
		}
		if has(deadline()) {
			return os.ErrDeadlineExceeded
		}
		if pollable.Ready() {
			return nil
		}
		time.Sleep(pause)
	}
}

// Whether a deadline has come; the zero time is none.
func has(deadline time.Time) bool {
	return !deadline.IsZero() && !time.Now().Before(deadline)
}
