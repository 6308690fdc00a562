package lambdalocal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
)

// Managed runtimes do not write log messages as lines: they get a descriptor of their own for them, named
// by a variable, and write each message in a frame, so that one of several lines stays one event. A frame
// is, all numbers big-endian (the contract is told in AWS's clients, such as Python's bootstrap.py and
// Node.js' log-patch; reference 4):
//
//	4 bytes  type: 0xa55a in the upper half, format and level in the lower
//	4 bytes  length of the message
//	8 bytes  time, microseconds since 1970
//	         message
const (
	framesVariable   = "_LAMBDA_TELEMETRY_LOG_FD"
	framesDescriptor = 3 // the first of exec.Cmd.ExtraFiles
	frameHeader      = 16
	frameMark        = 0xa55a
)

// frames writes every message. What is no frame is taken for lines from there on: somebody other
// than the runtime's client writes to the descriptor.
func (r *lineReader) frames() {
	in := bufio.NewReaderSize(markingReader{r}, 32*1024)
	for {
		header, err := in.Peek(frameHeader)
		if err != nil || binary.BigEndian.Uint16(header) != frameMark {
			r.readLines(in)
			return
		}
		length := int64(binary.BigEndian.Uint32(header[4:8]))
		_, _ = in.Discard(frameHeader) // it was peeked
		message, err := io.ReadAll(io.LimitReader(in, min(length, maxLine)))
		if len(message) > 0 {
			text := message
			if length > maxLine {
				text = message[:wholeRunes(message)]
			}
			r.cutter.write(string(bytes.TrimRight(text, "\r\n")))
		}
		if err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, in, length-int64(len(message))); err != nil {
			return
		}
	}
}
