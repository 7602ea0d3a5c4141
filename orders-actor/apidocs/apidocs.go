// Package apidocs serves the contract of the REST API, as the OpenAPI file and as an HTML page.
package apidocs

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/yuin/goldmark"
	"go.yaml.in/yaml/v3"

	"orders/api"
	"orders/kit/httpapi/problem"
)

// Docs serves the contract. New renders the page once. The page has no scripts and loads nothing from other hosts.
type Docs struct{ html []byte }

//go:embed apidocs.html
var docsTemplate string

//go:embed apidocs.css
var docsStyle []byte

// New renders the page.
func New() (*Docs, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(api.Contract, &root); err != nil {
		return nil, fmt.Errorf("parse contract: %w", err)
	}
	contract := &contractNode{root: root.Content[0], Node: root.Content[0]}
	t, err := template.New("docs").Funcs(template.FuncMap{"markdown": markdown, "problems": problems}).Parse(docsTemplate)
	if err != nil {
		return nil, fmt.Errorf("parse template of docs: %w", err)
	}
	var page bytes.Buffer
	if err := t.Execute(&page, contract); err != nil {
		return nil, fmt.Errorf("render docs: %w", err)
	}
	return &Docs{html: page.Bytes()}, nil
}

// Page serves the page.
func (d *Docs) Page(c *fiber.Ctx) error {
	return static(c, fiber.MIMETextHTMLCharsetUTF8, d.html)
}

// Style serves the style sheet of the page.
func (d *Docs) Style(c *fiber.Ctx) error { return static(c, "text/css; charset=utf-8", docsStyle) }

// Contract serves the OpenAPI document.
func (d *Docs) Contract(c *fiber.Ctx) error { return static(c, "application/yaml", api.Contract) }

func static(c *fiber.Ctx, media string, content []byte) error {
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	if c.Get(fiber.HeaderIfNoneMatch) == tag {
		return c.SendStatus(fiber.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, media)
	return c.Send(content)
}

func markdown(text string) (template.HTML, error) {
	var out bytes.Buffer
	err := goldmark.Convert([]byte(text), &out) // omits raw HTML
	return template.HTML(out.String()), err     //nolint:gosec // our own contract
}

// problems returns the problem of each code, sorted by status.
func problems(codes *contractNode) []*problem.Problem {
	var list []*problem.Problem
	for _, code := range codes.All() {
		list = append(list, problem.New(problem.Code(code.Value), ""))
	}
	slices.SortStableFunc(list, func(a, b *problem.Problem) int { return a.Status - b.Status })
	return list
}

// contractNode is a node of the contract for the template. Members have the order of the file, and references are followed.
type contractNode struct {
	*yaml.Node
	root *yaml.Node
	Name string // of the member
	Ref  string // the last part of the reference, if it is one
}

func (n *contractNode) at(name string, node *yaml.Node) *contractNode {
	m := &contractNode{root: n.root, Node: node, Name: name}
	for node.Kind == yaml.MappingNode && len(node.Content) == 2 && node.Content[0].Value == "$ref" {
		node = lookup(n.root, strings.Split(strings.TrimPrefix(node.Content[1].Value, "#/"), "/"))
		m.Ref = m.Node.Content[1].Value[strings.LastIndex(m.Node.Content[1].Value, "/")+1:]
		m.Node = node
	}
	return m
}

func lookup(node *yaml.Node, path []string) *yaml.Node {
	for _, name := range path {
		next := &yaml.Node{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == name {
				next = node.Content[i+1]
			}
		}
		node = next
	}
	return node
}

// Get returns a member, or a node without content.
func (n *contractNode) Get(path ...string) *contractNode {
	for _, name := range path {
		n = n.at(name, lookup(n.Node, []string{name}))
	}
	return n
}

// All returns the members of a mapping, or the elements of a list.
func (n *contractNode) All() []*contractNode {
	var list []*contractNode
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			list = append(list, n.at(n.Content[i].Value, n.Content[i+1]))
		}
	case yaml.SequenceNode:
		for _, e := range n.Content {
			list = append(list, n.at("", e))
		}
	}
	return list
}

// JSON returns an example as indented JSON, or the text of a scalar.
func (n *contractNode) JSON() (string, error) {
	if n.Kind == yaml.ScalarNode {
		return n.Value, nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return "", err
	}
	out, err := json.MarshalIndent(v, "", "  ")
	return string(out), err
}

// Type describes the values that a schema allows.
func (n *contractNode) Type() string {
	get := func(name string) string { return n.Get(name).Value }
	var words []string
	switch {
	case n.Get("enum").Kind == yaml.SequenceNode:
		for _, e := range n.Get("enum").All() {
			words = append(words, e.Value)
		}
		return strings.Join(words, " | ")
	case get("type") == "array":
		items := n.Get("items")
		words = append(words, "array of", cmp.Or(items.Ref, items.Type()))
	default:
		words = append(words, cmp.Or(get("format"), get("type"), "object"))
	}
	for _, bound := range []string{"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "default"} {
		if v := get(bound); v != "" {
			words = append(words, bound+" "+v)
		}
	}
	return strings.Join(words, " ")
}

// Needs reports whether a schema requires a property.
func (n *contractNode) Needs(property string) bool {
	return slices.ContainsFunc(n.Get("required").All(), func(e *contractNode) bool { return e.Value == property })
}
