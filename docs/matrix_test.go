package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// faults is how many rows the table of faults has.
const faults = 53

// unbuilt are rows about what the packages can't do yet, each with the identifier
// whose coming ends the excuse.
var unbuilt = map[int]string{}

// row is a row of the table: | number | fault | expected | tests |
var row = regexp.MustCompile(`(?m)^\| (\d+) \| (.+) \| (.+) \| (.*) \|$`)

// named is a test as the table names it: package.Test or package.Test/sub.
var named = regexp.MustCompile("`([a-z]+)\\.((?:Test|Fuzz)\\w+)(?:/([^`]+))?`")

// TestFaultMatrix checks the table of faults in reliability.md: every row is there,
// once and in order, and every test that it names is in the repository.
func TestFaultMatrix(t *testing.T) {
	text, err := os.ReadFile("reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testsOf(t)
	next := 1
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil || n != next {
			t.Errorf("row %s stands where row %d should", m[1], next)
		}
		next = n + 1
		names := named.FindAllStringSubmatch(m[4], -1)
		identifier, excused := unbuilt[n]
		switch {
		case len(names) != strings.Count(m[4], "`")/2:
			t.Errorf("row %d names something that is no test: %s", n, m[4])
		case excused && tests.identifiers[identifier]:
			t.Errorf("row %d: there is a %s now, so the row needs its test and no excuse", n, identifier)
		case len(names) == 0 && !excused:
			t.Errorf("row %d, %s, names no test", n, m[2])
		}
		for _, name := range names {
			if problem := tests.find(name[1], name[2], name[3]); problem != "" {
				t.Errorf("row %d: %s.%s: %s", n, name[1], name[2], problem)
			}
		}
	}
	if next != faults+1 {
		t.Errorf("the last row is %d, want %d", next-1, faults)
	}
}

// repository is what its Go files declare.
type repository struct {
	packages    map[string]*declared // by name
	identifiers map[string]bool      // types and fields outside of tests
}

// declared is what a package declares for tests.
type declared struct {
	functions map[string]bool
	texts     map[string]bool // string literals, as the names of subtests show them
	suite     bool            // it runs the cases of package locktest
}

// find returns what is wrong with a test's name, or nothing.
func (r repository) find(pkg, test, sub string) string {
	p, ok := r.packages[pkg]
	switch {
	case !ok || !p.functions[test]:
		return "there is no such test"
	case sub == "" || p.texts[sub] || p.suite && r.packages["locktest"].texts[sub]:
		return ""
	}
	return "there is no subtest " + sub
}

// testsOf parses the Go files of the repository.
func testsOf(t *testing.T) repository {
	r := repository{make(map[string]*declared), make(map[string]bool)}
	eachGoFile(t, func(path string) error {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg := filepath.Base(filepath.Dir(path))
		if r.packages[pkg] == nil {
			r.packages[pkg] = &declared{functions: make(map[string]bool), texts: make(map[string]bool)}
		}
		r.add(r.packages[pkg], file, strings.HasSuffix(path, "_test.go"))
		return nil
	})
	return r
}

func (r repository) add(p *declared, file *ast.File, test bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if test && n.Recv == nil {
				p.functions[n.Name.Name] = true
			}
		case *ast.BasicLit:
			if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				p.texts[strings.ReplaceAll(s, " ", "_")] = true
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "locktest" && n.Sel.Name == "Run" {
				p.suite = true
			}
		case *ast.TypeSpec:
			r.identifiers[n.Name.Name] = r.identifiers[n.Name.Name] || !test
		case *ast.Field:
			for _, name := range n.Names {
				r.identifiers[name.Name] = r.identifiers[name.Name] || !test
			}
		}
		return true
	})
}
