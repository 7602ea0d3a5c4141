package view

import (
	"slices"
	"strings"
	"unicode"

	"orders/orders-actor/order"
)

const (
	maxWord       = 40    // runes of a word that count; an id has 36
	maxWords      = 1_000 // of one order
	maxQueryWords = 8     // the others don't narrow the search
	lastRune      = "\U0010FFFF"
)

// wordsOf returns what text search finds an order by: in its id, customer, SKUs and item names, in lower case, whatever
// begins with a letter or digit that follows none, up to the next space. "Tea-1 (green)" holds "tea-1", "1" and "green)".
func wordsOf(o order.Order) []string {
	texts := []string{o.ID, o.Customer}
	for _, item := range o.Items {
		texts = append(texts, item.SKU, item.Name)
	}
	words := []string{}
	seen := map[string]bool{}
	for _, text := range texts {
		for field := range strings.FieldsSeq(fold(text)) {
			inside := false
			for i, r := range field {
				begins := !inside && alphanumeric(r)
				inside = alphanumeric(r)
				if !begins {
					continue
				}
				word := clip(field[i:])
				if seen[word] {
					continue
				}
				if len(words) == maxWords {
					return words
				}
				seen[word] = true
				words = append(words, word)
			}
		}
	}
	return words
}

// queryWords returns what must each be the beginning of one of an order's words.
func queryWords(text string) []string {
	var words []string
	for field := range strings.FieldsSeq(fold(text)) {
		word := clip(strings.TrimLeftFunc(field, func(r rune) bool { return !alphanumeric(r) }))
		if word != "" && !slices.Contains(words, word) && len(words) < maxQueryWords {
			words = append(words, word)
		}
	}
	return words
}

// searchable joins words so that containing a space and a query's word means that one of them begins with it.
func searchable(words []string) string { return " " + strings.Join(words, " ") }

// beginningWith is the pattern for LIKE … ESCAPE '!' on searchable words.
func beginningWith(word string) string {
	return "% " + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(word) + "%"
}

func fold(text string) string { return strings.ToLower(strings.ToValidUTF8(text, "")) }

func alphanumeric(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
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
