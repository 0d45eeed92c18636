package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// sees waits for a text in the first element that matches the selector, in
// upper or lower case and however it is wrapped.
func (b *tab) sees(selector, want string) {
	b.t.Helper()
	var last string
	defer func() {
		if b.t.Failed() {
			b.t.Logf("%s says %q", selector, last)
		}
	}()
	b.until(fmt.Sprintf("%q in %s", want, selector), func(context.Context) (there bool, err error) {
		last, err = b.text(selector)
		return strings.Contains(strings.ToLower(last), strings.ToLower(want)), err
	})
}

// text is what can be read in the first element that matches, "" without one.
func (b *tab) text(selector string) (string, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector)))
	return strings.Join(strings.Fields(text), " "), err
}

// evaluate returns what a JavaScript expression gives.
func evaluate[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// press clicks what has the role and the name that Chromium tells a screen
// reader, as soon as it is enabled and in sight.
func (b *tab) press(role, name string) {
	b.t.Helper()
	b.until(fmt.Sprintf("%s %q to press", role, name), func(ctx context.Context) (bool, error) {
		node, err := b.find(ctx, role, name)
		if err != nil || node == nil || property(node, accessibility.PropertyNameDisabled) == "true" {
			return false, err
		}
		return b.click(ctx, node)
	})
}

// hit clicks an element where the pointer would reach it. It is one step for
// the page, so that nothing can move in between.
const hit = `function () {
	this.scrollIntoView({ behavior: "instant", block: "center" });
	const { left, top, width, height } = this.getBoundingClientRect();
	if (!this.contains(document.elementFromPoint(left + width / 2, top + height / 2))) return false;
	this.focus();
	this.click();
	return true;
}`

// click reports whether it could: something else may cover the node for now.
func (b *tab) click(ctx context.Context, node *accessibility.Node) (bool, error) {
	resolved, err := chromedp.Call(ctx, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: node.BackendDOMNodeID})
	if err != nil {
		return false, err
	}
	yes := true
	answer, err := chromedp.Call(ctx, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
		FunctionDeclaration: hit, ObjectID: resolved.Object.ObjectID, ReturnByValue: &yes, UserGesture: &yes,
	})
	if err != nil {
		return false, err
	}
	return string(answer.Result.Value) == "true", nil
}

// finds waits for something with the role and the name, be it disabled.
func (b *tab) finds(role, name string) {
	b.t.Helper()
	b.until(fmt.Sprintf("%s %q", role, name), func(ctx context.Context) (bool, error) {
		node, err := b.find(ctx, role, name)
		return node != nil, err
	})
}

// find returns the first that has the role and the name, or nil.
func (b *tab) find(ctx context.Context, role, name string) (*accessibility.Node, error) {
	document, err := chromedp.Run(ctx, chromedp.Evaluate[*runtime.RemoteObject]("document"))
	if err != nil {
		return nil, err
	}
	found, err := chromedp.Call(ctx, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{
		ObjectID: document.ObjectID, Role: role, AccessibleName: name,
	})
	if err != nil {
		return nil, err
	}
	for _, node := range found.Nodes {
		if !node.Ignored {
			return node, nil
		}
	}
	return nil, nil
}

// tabTo presses the Tab key until the focus is on what has the role and name.
func (b *tab) tabTo(role, name string) {
	b.t.Helper()
	const most = 100 // more than the pages have to offer
	for range most {
		b.key(kb.Tab)
		if node := b.focused(); node != nil && plain(node.Role) == role && plain(node.Name) == name {
			if !evaluate[bool](b, "document.activeElement.matches(':focus-visible')") {
				b.t.Errorf("the focus on %s %q cannot be seen", role, name)
			}
			return
		}
	}
	b.t.Fatalf("%d times Tab did not lead to %s %q", most, role, name)
}

func (b *tab) key(key string) {
	b.t.Helper()
	b.do("press a key", chromedp.KeyEvent(key))
}

// focused is what has the focus, as told to a screen reader; nil: nothing.
func (b *tab) focused() *accessibility.Node {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	active, err := chromedp.Run(ctx, chromedp.Evaluate[*runtime.RemoteObject]("document.activeElement"))
	if err != nil {
		b.t.Fatal(err)
	}
	alone := false
	tree, err := chromedp.Call(ctx, accessibility.GetPartialAXTree, accessibility.GetPartialAXTreeParams{
		ObjectID: active.ObjectID, FetchRelatives: &alone,
	})
	if err != nil || len(tree.Nodes) == 0 {
		return nil // it has gone meanwhile
	}
	return tree.Nodes[0]
}

// property is a property of a node as JSON, "" where it has none.
func property(node *accessibility.Node, name accessibility.PropertyName) string {
	for _, p := range node.Properties {
		if p.Name == name {
			return string(p.Value.Value)
		}
	}
	return ""
}

// plain is a role's or name's text.
func plain(v *accessibility.Value) (text string) {
	if v != nil {
		_ = json.Unmarshal(v.Value, &text) // anything else is no text
	}
	return text
}

// markup is the HTML of a node, for a test that found it wrong.
func (b *tab) markup(node *accessibility.Node) string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	html, err := chromedp.Call(ctx, dom.GetOuterHTML, dom.GetOuterHTMLParams{BackendNodeID: node.BackendDOMNodeID})
	if err != nil {
		return err.Error()
	}
	return html.OuterHTML[:min(len(html.OuterHTML), 200)]
}
