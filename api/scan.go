package api

import (
	"bytes"
	"encoding/json"
)

// scanner takes the text of a JSON object apart (RFC 8259). It only looks for
// where a value ends, and leaves the rules to encoding/json for all but the
// plainest: text without an escape and whole numbers, which is what orders are
// made of. The bytes it returns are the text's own.
type scanner []byte

// eat takes c, and the spaces before it, if that is what comes next.
func (s *scanner) eat(c byte) bool {
	if s.next() != c {
		return false
	}
	*s = (*s)[1:]
	return true
}

// next skips spaces and returns what comes then, 0 at the end. A NUL of the
// text itself is as wrong.
func (s *scanner) next() byte {
	for i, c := range *s {
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			*s = (*s)[i:]
			return c
		}
	}
	*s = nil
	return 0
}

// value takes a valid value, or returns nil.
func (s *scanner) value() []byte {
	first := s.next()
	var end int
	var plain bool
	switch first {
	case '"':
		end, plain = s.stringEnd()
	case '{', '[':
		end = s.nestedEnd()
	default:
		end, plain = s.wordEnd()
	}
	value := (*s)[:end]
	if !plain && !json.Valid(value) {
		return nil
	}
	*s = (*s)[end:]
	return value
}

// text takes a valid string, or returns nil.
func (s *scanner) text() []byte {
	if s.next() != '"' {
		return nil
	}
	return s.value()
}

// stringEnd returns where the string ends that s begins with, and whether there
// is nothing in it to look at. Without an end all is taken, which is not valid.
func (s *scanner) stringEnd() (end int, plain bool) {
	plain = true
	for i := 1; i < len(*s); i++ {
		switch c := (*s)[i]; {
		case c == '"':
			return i + 1, plain
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			plain = false
		}
	}
	return len(*s), false
}

// nestedEnd returns where the object or array ends that s begins with.
func (s *scanner) nestedEnd() int {
	depth := 0
	for i := 0; i < len(*s); i++ {
		switch (*s)[i] {
		case '"':
			rest := (*s)[i:]
			end, _ := rest.stringEnd()
			i += end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(*s)
}

// wordEnd returns where the number, true, false or null ends that s begins
// with, and whether it is a number of digits alone.
func (s *scanner) wordEnd() (end int, plain bool) {
	if end = bytes.IndexAny(*s, ",} \n\r\t"); end < 0 {
		end = len(*s)
	}
	return end, digits((*s)[:end])
}

// digits reports whether number is written by digits alone, as JSON has it.
func digits(number []byte) bool {
	for _, c := range number {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(number) == 1 || len(number) > 1 && number[0] != '0'
}
