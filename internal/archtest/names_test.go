package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var qualified = regexp.MustCompile(`\b([a-z]+)\.([A-Z]\w*)`)

// TestNamesInDocuments holds that what the documents call by its package's name,
// such as policy.Default, is exported by that package.
func TestNamesInDocuments(t *testing.T) {
	root := filepath.Join("..", "..")
	exported := packages(t, root)
	names := 0
	for _, folder := range []string{"README.md", "docs", "examples", filepath.Join("cmd", "gatewright", "README.md")} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, name := range qualified.FindAllStringSubmatch(string(text), -1) {
				known, ours := exported[name[1]]
				if !ours {
					continue
				}
				names++
				if !known[name[2]] {
					t.Errorf("%s: package %s exports no %s", path, name[1], name[2])
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if names == 0 {
		t.Error("the documents name nothing of ours: the test looks in the wrong place")
	}
}

// packages maps the names of our public packages to what they export.
func packages(t *testing.T, root string) map[string]map[string]bool {
	t.Helper()
	exported := make(map[string]map[string]bool)
	for _, room := range []string{"storage", "adapters", "authz", "policy", "jose", "mtls", "client"} {
		err := filepath.WalkDir(filepath.Join(root, room), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && (entry.Name() == "internal" || entry.Name() == "testdata"):
				return filepath.SkipDir
			case entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			names := exported[file.Name.Name]
			if names == nil {
				names = make(map[string]bool)
				exported[file.Name.Name] = names
			}
			for _, decl := range file.Decls {
				declared(decl, names)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return exported
}

func declared(decl ast.Decl, names map[string]bool) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil {
			names[decl.Name.Name] = true
		}
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names[spec.Name.Name] = true
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					names[name.Name] = true
				}
			}
		}
	}
}
