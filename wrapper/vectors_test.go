package wrapper_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
	"github.com/afterglow-lambda/afterglow/spool"
)

const manifest = "../spool/testdata/vectors/manifest.json"

// TestWritersWriteTheVectors: what the writer of each language makes of the vectors' records is what the vectors say, but for the time and
// the record that describes the writing process.
func TestWritersWriteTheVectors(t *testing.T) {
	data, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name    string
		Records []struct {
			Header spool.Header
			Body   string
		}
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	for language, command := range map[string][]string{
		"dotnet": nil, // built below
		"java":   {"java/tests/vectors.sh"},
		"go":     {"go", "run", "./golang/internal/vectors"},
		"node":   {"node", "node/tests/vectors.js"},
		"ruby":   {"ruby", "ruby/tests/write_vectors.rb"},
		"python": {"python3", "python/tests/write_vectors.py"},
	} {
		t.Run(language, func(t *testing.T) {
			if language == "dotnet" {
				command = dotnetWriter(t)
			}
			program := command[0]
			if language == "java" {
				program = "javac"
			}
			if _, err := exec.LookPath(program); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatalf("install %s: %v", program, err)
				}
				t.Skipf("NOT TESTED: %v", err)
			}
			dir := t.TempDir()
			if out, err := exec.Command(command[0], append(command[1:], manifest, dir)...).CombinedOutput(); err != nil || len(out) > 0 {
				t.Fatalf("%v: %s", err, out)
			}
			for _, v := range vectors {
				got := written(t, filepath.Join(dir, v.Name))
				if len(got) != len(v.Records) {
					t.Errorf("%s: %d records, want %d", v.Name, len(got), len(v.Records))
					continue
				}
				for i, want := range v.Records {
					body, err := base64.StdEncoding.DecodeString(want.Body)
					if err != nil {
						t.Fatal(err)
					}
					got[i].Time, want.Header.Time = 0, 0
					if !reflect.DeepEqual(got[i].Header, want.Header) || !bytes.Equal(got[i].Body, body) {
						t.Errorf("%s, record %d:\n got %+v %q\nwant %+v %q", v.Name, i, got[i].Header, got[i].Body, want.Header, body)
					}
				}
			}
		})
	}
}

// dotnetWriter builds the writer of .NET's hook with the program that has it write vectors.
func dotnetWriter(t *testing.T) []string {
	t.Helper()
	t.Setenv("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1") // else it looks for an ICU library that machines of today do not have
	rt, err := runtimes.Find(t.Context(), "dotnetcore3.1", runtimes.Options{Progress: os.Stderr})
	c := runtimes.CSharp{Out: filepath.Join(t.TempDir(), "vectors.dll"), Program: true}
	for _, pattern := range []string{"dotnet/src/*.cs", "dotnet/src/clients/*.cs", "dotnet/tests/Vectors.cs"} {
		found, _ := filepath.Glob(pattern) // the pattern is well-formed
		c.Sources = append(c.Sources, found...)
	}
	if err == nil {
		err = c.Compile(t.Context(), runtimes.Options{Progress: os.Stderr})
	}
	if errors.Is(err, runtimes.ErrMissing) && os.Getenv("CI") != "true" {
		t.Skipf("NOT TESTED: %v", err)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(filepath.Dir(c.Out), "vectors.runtimeconfig.json"), []byte(`{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"3.1.0"}}}`), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return []string{filepath.Join(rt.Lang, "bin", "dotnet"), "exec", c.Out}
}

// written gives the records of a directory's only file behind its first one, which describes the process.
func written(t *testing.T, dir string) []spool.Record {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) > 1 {
		t.Fatalf("%s holds %v, %v", dir, files, err)
	}
	if len(files) == 0 {
		return nil
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var records []spool.Record
	s, err := spool.Read(data, func(r spool.Record) error { records = append(records, r); return nil })
	if err != nil || s.Lost != 0 || s.TailStart != int64(len(data)) || records[0].Kind != spool.KindProcess {
		t.Fatalf("%s: %+v, %v", files[0], s, err)
	}
	return records[1:]
}
