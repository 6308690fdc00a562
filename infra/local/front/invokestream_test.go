package front

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// patience bounds waiting for a stream.
const patience = 20 * time.Second

// streamer is a function that streams what it is told to, waiting before each piece until it may go on.
type streamer struct {
	pieces []string
	next   chan struct{}
	result lambdalocal.Result
	err    error
}

func (s streamer) Invoke(_ context.Context, in lambdalocal.Invocation) (lambdalocal.Result, error) {
	var w io.Writer
	for i, piece := range s.pieces {
		<-s.next
		if i == 0 {
			w = in.Stream(lambdalocal.StreamHead{ContentType: "text/plain", Streaming: true})
		}
		if _, err := io.WriteString(w, piece); err != nil {
			return lambdalocal.Result{}, err
		}
	}
	if !in.LogTail {
		s.result.LogTail = nil
	}
	return s.result, s.err
}

func startStream(t *testing.T, s streamer) (*lambda.InvokeWithResponseStreamOutput, error) {
	t.Helper()
	f := startWith(t, Function{Name: "orders", Invoker: s})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	out, err := sdk(f).InvokeWithResponseStream(ctx, &lambda.InvokeWithResponseStreamInput{
		FunctionName: aws.String("orders"), Payload: []byte(`{}`), LogType: types.LogTypeTail,
	})
	if err == nil {
		t.Cleanup(func() { _ = out.GetStream().Close() })
	}
	return out, err
}

// TestAStreamArrivesPieceByPiece: the function only writes its next piece when the last one has arrived.
func TestAStreamArrivesPieceByPiece(t *testing.T) {
	s := streamer{pieces: []string{"one", "two", "three"}, next: make(chan struct{}, 1), result: lambdalocal.Result{LogTail: []byte("START\n")}}
	s.next <- struct{}{}
	out, err := startStream(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.ResponseStreamContentType) != eventStreamType || aws.ToString(out.ExecutedVersion) != "$LATEST" {
		t.Errorf("got %+v", out)
	}
	var got []string
	var end *types.InvokeWithResponseStreamCompleteEvent
	for event := range out.GetStream().Events() {
		switch event := event.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			got = append(got, string(event.Value.Payload))
			select {
			case s.next <- struct{}{}:
			default:
			}
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			end = &event.Value
		}
	}
	if err := out.GetStream().Err(); err != nil || strings.Join(got, ",") != "one,two,three" {
		t.Errorf("got %v, %v", got, err)
	}
	if end == nil || end.ErrorCode != nil || aws.ToString(end.LogResult) != base64.StdEncoding.EncodeToString([]byte("START\n")) {
		t.Errorf("it ended with %+v", end)
	}
}

func TestAStreamThatBreaksEndsWithTheError(t *testing.T) {
	for _, pieces := range [][]string{nil, {"half"}} {
		next := make(chan struct{}, 1)
		next <- struct{}{}
		out, err := startStream(t, streamer{pieces: pieces, next: next, result: lambdalocal.Result{FunctionError: "Unhandled", Payload: []byte(`{"errorType":"Boom"}`)}})
		if err != nil {
			t.Fatal(err)
		}
		var code, details string
		for event := range out.GetStream().Events() {
			if end, is := event.(*types.InvokeWithResponseStreamResponseEventMemberInvokeComplete); is {
				code, details = aws.ToString(end.Value.ErrorCode), aws.ToString(end.Value.ErrorDetails)
			}
		}
		if code != "Unhandled" || details != `{"errorType":"Boom"}` {
			t.Errorf("after %v: it ended with %q, %q", pieces, code, details)
		}
	}
}

func TestAStreamOfWhatCannotBeRun(t *testing.T) {
	_, err := startStream(t, streamer{err: errors.New("no port is free")})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ServiceException" {
		t.Errorf("got %v", err)
	}
}
