// Package words defines the words by which text search finds orders. A search finds an order if each of its words
// (OfQuery) is a prefix of one of the order's words (OfOrder).
//
// web/src/domain/search.ts implements the same rules, and the tests of both read api/search-cases.json.
package words

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"orders/orders-actor/order"
)

// Version is the version of the rules. The order database stores it with the words of each order and recomputes words of
// older versions. Changed rules need a new version and a migration that recreates the index orders_outdated_words.
const Version = 2

const maxWord = 40 // runes; longer words are truncated. An id has 36.

// OfOrder returns the distinct words of an order: those of its id, SKUs and item names, and the others of its customer's
// name, which all orders of that customer share.
func OfOrder(o order.Order) (own, ofCustomer []string) {
	seen := map[string]bool{}
	add := func(to []string, words []string) []string {
		for _, word := range words {
			if !seen[word] {
				seen[word] = true
				to = append(to, word)
			}
		}
		return to
	}
	// The SPA shows the last part of the UUID. The parts in the middle are useless for search.
	own = add([]string{}, []string{clip(fold(o.ID)), clip(fold(o.ID[strings.LastIndexByte(o.ID, '-')+1:]))})
	for _, item := range o.Items {
		own = add(add(own, OfText(item.SKU)), OfText(item.Name))
	}
	return own, add([]string{}, OfText(o.Customer))
}

// OfText returns the words of a text. A word begins at each letter or digit that does not follow one, and ends at the next
// space, without punctuation at the end: "tea-1 (green)" has "tea-1", "1" and "green". In scripts without spaces between words, each pair of neighbouring
// characters is a word, and the last character is one.
func OfText(text string) (words []string) {
	for _, part := range parts(text) {
		if part.unspaced {
			words = append(words, pairs(part.text)...)
			continue
		}
		inside := false
		for i, r := range part.text {
			if !inside && alphanumeric(r) {
				words = append(words, clip(part.text[i:]))
			}
			inside = alphanumeric(r)
		}
	}
	return words
}

// OfQuery returns the words of a search, without those that are prefixes of others.
func OfQuery(text string) []string {
	var all []string
	for _, part := range parts(text) {
		if !part.unspaced {
			all = append(all, clip(part.text))
			continue
		}
		words := pairs(part.text)
		all = append(all, words[:max(1, len(words)-1)]...) // the last character is in the pair before
	}
	var words []string
	for i, word := range all {
		implied := slices.ContainsFunc(all[i+1:], func(other string) bool { return strings.HasPrefix(other, word) }) ||
			slices.ContainsFunc(words, func(other string) bool { return strings.HasPrefix(other, word) })
		if !implied {
			words = append(words, word)
		}
	}
	return words
}

// part is a folded text without spaces, from its first letter or digit to its last. unspaced tells whether its script has
// no spaces between words.
type part struct {
	text     string
	unspaced bool
}

func parts(text string) (all []part) {
	for field := range strings.FieldsSeq(fold(text)) {
		for field != "" {
			first, _ := utf8.DecodeRuneInString(field)
			p := part{text: field, unspaced: unspaced(first)}
			end := strings.IndexFunc(field, func(r rune) bool { return unspaced(r) != p.unspaced })
			if end > 0 {
				p.text = field[:end]
			}
			field = field[len(p.text):]
			p.text = strings.TrimFunc(p.text, func(r rune) bool { return !alphanumeric(r) })
			if p.text != "" {
				all = append(all, p)
			}
		}
	}
	return all
}

func pairs(text string) (all []string) {
	runes := []rune(text)
	for i := range runes {
		all = append(all, string(runes[i:min(i+2, len(runes))]))
	}
	return all
}

// fold normalises a text: it removes compatibility forms, letter case, accents, invisible characters, and the differences
// between dashes and between apostrophes. It is idempotent.
func fold(text string) string {
	text = strings.Map(simplify, norm.NFKD.String(strings.ToValidUTF8(text, "")))
	return norm.NFC.String(latin.Replace(text))
}

// latin replaces letters that NFKD does not decompose. ß is the only letter left that case folding expands.
var latin = strings.NewReplacer("ß", "ss", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "æ", "ae", "œ", "oe")

func simplify(r rune) rune {
	switch {
	case unicode.Is(unicode.Cf, r), accent(r):
		return -1
	case unicode.Is(unicode.Pd, r):
		return '-'
	case r == '‘', r == '’', r == 'ʼ':
		return '\''
	}
	return unicode.ToLower(unicode.ToUpper(r)) // through upper case ς and σ become the same letter
}

// accent reports whether a mark can be removed. Marks of a single script are often vowels, as in Thai, and the voicing marks
// of Japanese change consonants.
func accent(r rune) bool {
	return unicode.Is(unicode.Mn, r) && unicode.In(r, unicode.Inherited, unicode.Hebrew, unicode.Arabic) && r != '\u3099' && r != '\u309a'
}

func alphanumeric(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
}

// unspaced reports whether the script of a rune has no spaces between words.
func unspaced(r rune) bool {
	return r == 'ー' || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// clip truncates a word to maxWord runes.
func clip(word string) string {
	n := 0
	for i := range word {
		if n == maxWord {
			return word[:i]
		}
		n++
	}
	return word
}

// Join returns the value of the column words: it contains a space followed by a prefix if one of the words has it.
func Join(all []string) string { return " " + strings.Join(all, " ") }

// PrefixPattern is the pattern for LIKE … ESCAPE '!' that finds a prefix in the column words.
func PrefixPattern(prefix string) string {
	return "% " + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(prefix) + "%"
}
