package progress

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAStepIsToldWhenItBeginsAndEnds(t *testing.T) {
	tests := []struct {
		name   string
		result string
		err    error
		want   string
	}{
		{"with a result", "MiniStack 1.2.3", nil, " 1/2  install\n      MiniStack 1.2.3 (2.0 s)\n"},
		{"without", "", nil, " 1/2  install\n      done (2.0 s)\n"},
		{"failing", "not shown", errors.New("no disk"), " 1/2  install\n      stopped after 2.0 s\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out strings.Builder
				err := New(&out, 2).Do("install", func(*Step) (string, error) {
					time.Sleep(2 * time.Second)
					return test.result, test.err
				})
				if !errors.Is(err, test.err) {
					t.Errorf("got error %v, want %v", err, test.err)
				}
				if out.String() != test.want {
					t.Errorf("got %q, want %q", out.String(), test.want)
				}
			})
		})
	}
}

func TestALongStepShowsLife(t *testing.T) {
	tests := []struct {
		name string
		live bool
		want []string
	}{
		{"in a file, every ten seconds", false, []string{"      10 s  Collecting [1mh11\n", "      20 s  Collecting [1mh11\n"}},
		{"on a terminal, every second on one line", true, []string{"\r\x1b[K      1 s  Collecting [1mh11", "\r\x1b[K      21 s  Collecting [1mh11"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out strings.Builder
				log := New(&out, 1)
				log.live = test.live
				_ = log.Do("install", func(s *Step) (string, error) {
					fmt.Fprint(s, "Collecting botocore\nCollecting \x1b[1mh11\r\n\nDown")
					time.Sleep(21*time.Second + time.Millisecond)
					return "", nil
				})
				for _, want := range test.want {
					if !strings.Contains(out.String(), want) {
						t.Errorf("got %q, want it to have %q", out.String(), want)
					}
				}
			})
		})
	}
}

func TestALiveLineIsCutToTheTerminal(t *testing.T) {
	var out strings.Builder
	log := New(&out, 1)
	log.showLife(time.Second, strings.Repeat("ä", 200))
	if line := strings.TrimSuffix(out.String(), "\n"); len([]rune(line)) != lineWidth {
		t.Errorf("got a line of %d, want %d", len([]rune(line)), lineWidth)
	}
}

func TestALineWithoutEndIsNotKeptWhole(t *testing.T) {
	step := &Step{}
	for range 1000 {
		fmt.Fprint(step, strings.Repeat("x", 1000))
	}
	if len(step.part) > 4*lineWidth {
		t.Errorf("kept %d bytes", len(step.part))
	}
}
