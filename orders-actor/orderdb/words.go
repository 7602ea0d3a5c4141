package orderdb

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"orders/orders-actor/order"
)

// wordsVersion numbers the rules by which an order's words are made. Each order keeps the number of its words, and
// Reindexer renews those with a lower one. Rules that change need a new number and a migration that makes the index
// orders_outdated_words anew. web/src/domain/search.ts has the same rules, and api/search-cases.json tests both.
const wordsVersion = 2

const (
	maxWord  = 40 // runes of a word that count; an id has 36
	lastRune = "\U0010FFFF"
)

// wordsOf returns what text search finds an order by: the words of its id, SKUs and item names, and, apart from these,
// the words that its customer's name has besides, which all orders of that customer share.
func wordsOf(o order.Order) (own, ofCustomer []string) {
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
	// A UUID's last part is what people are shown. The parts between tell nothing apart.
	own = add([]string{}, []string{clip(fold(o.ID)), clip(fold(o.ID[strings.LastIndexByte(o.ID, '-')+1:]))})
	for _, item := range o.Items {
		own = add(add(own, textWords(item.SKU)), textWords(item.Name))
	}
	return own, add([]string{}, textWords(o.Customer))
}

// textWords returns the words of a text, up to the next space each: whatever begins with a letter or digit that follows
// none, so that "tea-1 (green)" holds "tea-1", "1" and "green". Where a script puts no spaces between words, each two
// neighbours are a word, and so is the last character, so that each character begins one.
func textWords(text string) (words []string) {
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

// queryWords returns what must each be the beginning of one of an order's words.
func queryWords(text string) []string {
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

// Searchable reports whether a text holds anything to search for, which is a letter or a digit.
func Searchable(text string) bool { return queryWords(text) != nil }

// searchable joins words so that containing a space and a query's word means that one of them begins with it.
func searchable(words []string) string { return " " + strings.Join(words, " ") }

// beginningWith is the pattern for LIKE … ESCAPE '!' on searchable words.
func beginningWith(word string) string {
	return "% " + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(word) + "%"
}

// part is a folded text without spaces, of scripts that put none between words or of others, from its first letter or
// digit to its last.
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

// fold makes texts equal that readers take for the same: it ignores compatibility forms, letter case, accents, invisible
// characters, and which dash or apostrophe was typed. Folding twice is the same as once.
func fold(text string) string {
	text = strings.Map(simplify, norm.NFKD.String(strings.ToValidUTF8(text, "")))
	return norm.NFC.String(latin.Replace(text))
}

// latin replaces letters that Unicode doesn't take apart. Of the letters that case folding makes several of, ß alone is
// left after NFKD.
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
	return unicode.ToLower(unicode.ToUpper(r)) // by way of the capital, ς and σ are one letter
}

// accent reports whether a mark may be left out. Those that belong to one script are vowels in most, as in Thai; the
// voicing marks of Japanese make other consonants.
func accent(r rune) bool {
	return unicode.Is(unicode.Mn, r) && unicode.In(r, unicode.Inherited, unicode.Hebrew, unicode.Arabic) && r != '\u3099' && r != '\u309a'
}

func alphanumeric(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
}

// unspaced reports whether a rune is of a script that puts no spaces between words.
func unspaced(r rune) bool {
	return r == 'ー' || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

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
