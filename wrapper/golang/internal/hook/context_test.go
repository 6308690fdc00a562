package hook

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

type idKey struct{}

func contextOf(t *testing.T, id string) context.Context {
	return context.WithValue(t.Context(), idKey{}, id)
}

func contextID(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}

// takeOver has a descriptor be another file's, as when somebody closes all that he finds and opens one of his own. It gives that file's name.
func takeOver(t *testing.T, fd int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "theirs")
	other, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := unix.Dup2(int(other.Fd()), fd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return name
}
