package front

import (
	"crypto/rand"
	"fmt"
	"net/http"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// invokeLater answers at once. AWS would try a failed one twice more, after one and two minutes.
func (f *Front) invokeLater(w http.ResponseWriter, function Function, in lambdalocal.Invocation) {
	in.RequestID = newRequestID()
	f.async.Add(1)
	go func() {
		defer f.async.Done()
		if _, err := function.Invoker.Invoke(f.stopped, in); err != nil {
			f.log(fmt.Sprintf("invoke %s asynchronously: %v", function.Name, err))
		}
	}()
	w.Header().Set("X-Amzn-Requestid", in.RequestID)
	w.WriteHeader(http.StatusAccepted)
}

// newRequestID is a random UUID.
func newRequestID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
