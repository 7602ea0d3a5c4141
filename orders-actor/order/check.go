package order

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what an order may hold.
const (
	MaxItems     = 100
	MaxQuantity  = 1_000
	MaxUnitPrice = 100_000_000    // minor units
	MaxTotal     = 10_000_000_000 // minor units; far below what int64 and a JavaScript number hold exactly
	MaxSKU       = 64             // characters
	MaxName      = 200            // characters
	MaxReason    = 500            // characters
)

// Currencies are the ISO 4217 codes that orders can be paid in. All have two decimals but JPY, which has none.
var Currencies = []string{"CHF", "EUR", "GBP", "JPY", "USD"}

// Check returns the total in minor units, or *Invalid naming each bad field.
func Check(items []Item, currency string) (int64, error) {
	var bad []FieldError
	add := func(field, format string, args ...any) {
		bad = append(bad, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if !slices.Contains(Currencies, currency) {
		add("currency", "must be one of %s", strings.Join(Currencies, ", "))
	}
	if len(items) == 0 {
		add("items", "must hold at least one item")
	}
	if len(items) > MaxItems {
		// Not looked into: the answer would be as long as what is refused.
		add("items", "must hold at most %d items", MaxItems)
		return 0, &Invalid{Fields: bad}
	}
	var total int64
	for i, item := range items {
		at := func(field string) string { return fmt.Sprintf("items[%d].%s", i, field) }
		checkText(add, at("sku"), item.SKU, MaxSKU)
		checkText(add, at("name"), item.Name, MaxName)
		quantityOK := item.Quantity >= 1 && item.Quantity <= MaxQuantity
		if !quantityOK {
			add(at("quantity"), "must be from 1 to %d", MaxQuantity)
		}
		priceOK := item.UnitPrice >= 0 && item.UnitPrice <= MaxUnitPrice
		if !priceOK {
			add(at("unitPrice"), "must be from 0 to %d", MaxUnitPrice)
		}
		if quantityOK && priceOK { // at most 100 × 1,000 × 100,000,000 = 1e13: no overflow
			total += int64(item.Quantity) * item.UnitPrice
		}
	}
	if total > MaxTotal {
		add("items", "must not cost more than %d in all", int64(MaxTotal))
	}
	if bad != nil {
		return 0, &Invalid{Fields: bad}
	}
	return total, nil
}

// lineBreaks become one character each.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// Reason returns a cancel's reason as it is stored, with LF for every line break and nothing for white space only. It
// returns *Invalid for one that is too long or holds control characters other than line breaks and tabs.
func Reason(given string) (string, error) {
	reason := lineBreaks.Replace(given)
	if utf8.ValidString(reason) && strings.TrimSpace(reason) == "" {
		return "", nil
	}
	var bad []FieldError
	checkLines(func(field, format string, args ...any) {
		bad = append(bad, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}, "reason", reason, MaxReason, isControl)
	if bad != nil {
		return "", &Invalid{Fields: bad}
	}
	return reason, nil
}

// isControl is unicode.IsControl for text of several lines.
func isControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

func checkText(add func(string, string, ...any), field, text string, limit int) {
	checkLines(add, field, text, limit, unicode.IsControl)
}

func checkLines(add func(string, string, ...any), field, text string, limit int, refused func(rune) bool) {
	switch {
	case strings.TrimSpace(text) == "":
		add(field, "must not be empty")
	case !utf8.ValidString(text):
		add(field, "must be valid UTF-8")
	case utf8.RuneCountInString(text) > limit:
		add(field, "must have at most %d characters", limit)
	case strings.ContainsFunc(text, refused): // also keeps NUL away, which PostgreSQL refuses
		add(field, "must not hold control characters")
	}
}
