package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"order-service/order"
)

func TestFieldsAreReadWhateverTheSpacing(t *testing.T) {
	b, err := parseBody([]byte("\n{ \"a\" : \"x\\\"}\\u00e4\" ,\t\"n\":-5,\"o\":{\"a\":[1,\"}\"]} , \"t\":true,\"z\":null}\n"))
	if err != nil {
		t.Fatal(err)
	}
	n := b.optionalInteger("n")
	if text := b.text("a"); text != "x\"}ä" || n == nil || *n != -5 || !b.flag("t") || b.optionalInteger("z") != nil {
		t.Errorf("%q %v %+v", text, n, b)
	}
	if err := b.checkKnown(nil); err != nil {
		t.Error(err)
	}
	if err := b.check(nil); err == nil { // o was not asked for
		t.Error("an unknown field was accepted")
	}
}

// FuzzBody holds the scanner against encoding/json's own decoder: it takes
// exactly the same bodies, with the same names and values, and finds the same
// wrong with them.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"productId":"lamp","quantity":2}`, `{}`, ` { "a" : [ {"b":"}"} ] } `, `{"a":"\\","b":"\"" }`, `[1]`, `{"a":1e400}`, `{"\u0000":1}`,
		`{"a":1,"a":2,"\u0061":3}`, `{"a":"\ud800","b":"\ud83d\ude00\uD800x"}`, `{"a":-0,"b":01,"c":1.0e+5,"d":-}`, `{"a":tru}`, `{"a":true ,"b":null}`,
		`{"a":[1,{"b":[]}],"c":[}],"d":{"e":"\u0000"}}`, `{"a":1,}`, `{,"a":1}`, `{"a":1 "b":2}`, `{"a" 1}`, `{"a":"b\x"}`, "{\"a\":\"\t\"}",
		`{"a":"\u0000"}`, `{"a":1}{}`, `{"a":1}x`, "{\"a\":1}\x00", `{"a":`, `{"a":"`, `{"a":"\`, `{"a":[`, `{"a":["`, "\ufeff{}", "{\"\xff\":1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(compareBody)
}

func TestNestingEndsWhereTheDecoderEndsIt(t *testing.T) {
	for _, depth := range []int{9_999, 10_001, 30_000} { // at 10,000 itself versions of Go differ
		compareBody(t, []byte(`{"a":`+strings.Repeat("[", depth)+strings.Repeat("]", depth)+`}`))
		compareBody(t, []byte(`{"a":`+strings.Repeat(`{"a":`, depth)+"1"+strings.Repeat("}", depth)+`}`))
	}
}

// Fuzzing seldom meets text that is nearly right; words of JSON in any order are.
func TestWordsOfJSONInAnyOrderAreReadAsTheDecoderReadsThem(t *testing.T) {
	words := strings.Fields(`{ } [ ] : , "a" "b" "\u0061" "\u0000" "\ud800" "\" " \ 0 1 01 -1 -0 -1.5 1e3 1e - true false null tru "a":1 "b":"x" "c":[{}] ,"a":2`)
	words = append(words, " ", "\n", "\t", "\x00", "\xff")
	for range 50_000 {
		text := []byte("{")
		for range rand.IntN(8) {
			text = append(text, words[rand.IntN(len(words))]...)
		}
		compareBody(t, append(text, '}'))
	}
}

func compareBody(t *testing.T, raw []byte) {
	got, err := parseBody(bytes.Clone(raw))
	want := new(decoded)
	accepted := utf8.Valid(raw) && want.decode(json.NewDecoder(bytes.NewReader(raw))) == nil
	if accepted != (err == nil) {
		t.Fatalf("%.100q: accepted %t, error %v", raw, accepted, err)
	}
	if !accepted {
		return
	}
	var members []decodedMember
	for _, m := range got.members {
		members = append(members, decodedMember{string(m.name), string(m.value)})
	}
	if !slices.Equal(members, want.members) || !slices.Equal(got.problems, want.problems) {
		t.Fatalf("%q:\n got %q %q\nwant %q %q", raw, members, got.problems, want.members, want.problems)
	}
}

// decoded is a body as encoding/json takes it apart, token by token.
type decoded struct {
	members  []decodedMember
	problems []order.FieldError
}

type decodedMember struct{ name, value string }

var errNotAnObject = errors.New("not one JSON object")

func (d *decoded) decode(dec *json.Decoder) error {
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return errNotAnObject
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		if err := d.add(name.(string), string(value)); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errNotAnObject
	}
	return nil
}

func (d *decoded) add(name, value string) error {
	var text string
	if value[0] == '"' {
		_ = json.Unmarshal([]byte(value), &text)
	}
	if strings.ContainsRune(name+text, 0) {
		return errNotAnObject
	}
	if slices.ContainsFunc(d.members, func(m decodedMember) bool { return m.name == name }) {
		d.problems = append(d.problems, order.FieldError{Field: name, Message: "is given twice"})
		return nil
	}
	d.members = append(d.members, decodedMember{name, value})
	return nil
}

func TestWhatABodyReturnsDoesNotShowTheRequestsMemory(t *testing.T) {
	raw := []byte(`{"a":"plain","b":"\u0062","x":1,"x":2}`)
	b, err := parseBody(raw)
	if err != nil {
		t.Fatal(err)
	}
	first, second, wrong := b.text("a"), b.text("b"), b.check(nil)
	for i := range raw {
		raw[i] = '#'
	}
	if fields := classify(wrong).Fields; first != "plain" || second != "b" || fields[0].Field != "x" || fields[1].Field != "x" {
		t.Errorf("%q %q %v", first, second, wrong)
	}
}

func BenchmarkBody(b *testing.B) {
	raw := []byte(`{"productId":"lamp","quantity":1,"unitPrice":1999}`)
	read := func(b *testing.B, body *body, err error) {
		if err != nil || body.text("productId") != "lamp" || body.integer("quantity") != 1 || *body.optionalInteger("unitPrice") != 1999 || body.check(nil) != nil {
			b.Fatal("not read")
		}
	}
	b.Run("scanned", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			body, err := parseBody(raw)
			read(b, body, err)
		}
	})
	b.Run("decoded", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var d decoded
			err := d.decode(json.NewDecoder(bytes.NewReader(raw)))
			body := new(body)
			for _, m := range d.members {
				body.add([]byte(m.name), []byte(m.value))
			}
			read(b, body, err)
		}
	})
}
