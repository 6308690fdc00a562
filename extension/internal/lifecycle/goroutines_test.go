package lifecycle

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryGoroutineRecovers: a panic that nobody recovers ends the process, whichever goroutine it is in, and with it the invocation. So each
// go statement of the extension's starts a function literal that begins with a deferred recover.
func TestEveryGoroutineRecovers(t *testing.T) {
	found := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if statement, ok := n.(*ast.GoStmt); ok {
				found++
				if !recovers(statement.Call.Fun) {
					t.Errorf("%s: a goroutine without a deferred recover", set.Position(n.Pos()))
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 2 {
		t.Errorf("%d go statements found: this test looks in the wrong place", found)
	}
}

// recovers tells whether a function is a literal with a defer of a literal that calls recover, before anything but other defers.
func recovers(fun ast.Expr) bool {
	literal, ok := fun.(*ast.FuncLit)
	if !ok {
		return false
	}
	for _, s := range literal.Body.List {
		deferred, ok := s.(*ast.DeferStmt)
		if !ok {
			return false
		}
		called := false
		ast.Inspect(deferred.Call.Fun, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				name, ok := call.Fun.(*ast.Ident)
				called = called || ok && name.Name == "recover"
			}
			return true
		})
		if called {
			return true
		}
	}
	return false
}
