package deliver

import "fmt"

// What a remark is about.
const (
	failing  = "cannot export"
	refusing = "the collector refused a part"
	astray   = "the collector has nothing at this URL: check the endpoint"
	warning  = "the collector accepted it, with a warning"
	ending   = "the collector does not take this signal: it is not sent any more"
)

// A remark is for the log. Lanes work side by side, and their log is written when all are done.
type remark struct {
	what, signal string
	err          error
	text         string
	records      int64
}

// say notes a remark. One that was made before is made once, with the records of both.
func (l *lane) say(r remark) {
	for n := range l.said {
		had := &l.said[n]
		if had.what == r.what && had.signal == r.signal && had.text == r.text && fmt.Sprint(had.err) == fmt.Sprint(r.err) {
			had.records += r.records
			return
		}
	}
	l.said = append(l.said, r)
}

// sayOff tells at the end how much was not sent of signals that an exporter does not take.
func (d *Lanes) sayOff() {
	for _, l := range d.lanes {
		for signal, records := range l.off {
			if records > 0 {
				l.off[signal] = 0
				d.o.Log.Warn().Str("exporter", l.Name).Str("signal", signal).Int("records", records).Msg("not sent: the collector does not take this signal")
			}
		}
	}
}

func (d *Lanes) say(l *lane, said remark, kept int) {
	e := d.o.Log.Warn().Str("exporter", l.Name)
	if said.signal != "" {
		e = e.Str("signal", said.signal)
	}
	if said.err != nil {
		e = e.Err(said.err)
	}
	if said.text != "" {
		e = e.Str("reason", said.text)
	}
	if said.what == failing {
		e = e.Int("kept", kept)
	} else if said.records > 0 {
		e = e.Int64("records", said.records)
	}
	e.Msg(said.what)
}
