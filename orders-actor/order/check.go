package order

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of an order.
const (
	MaxItems     = 100
	MaxQuantity  = 1_000
	MaxUnitPrice = 100_000_000    // minor units
	MaxTotal     = 10_000_000_000 // minor units; exact in int64 and in a JavaScript number
	MaxSKU       = 64             // characters
	MaxName      = 200            // characters
	MaxReason    = 500            // characters
	MaxCustomer  = 255            // characters
	maxOriginID  = 64             // bytes
)

// Currencies are the supported ISO 4217 codes. All have two decimals except JPY, which has none.
var Currencies = []string{"CHF", "EUR", "GBP", "JPY", "USD"}

// Check returns the total in minor units, or *Invalid with each invalid field.
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
		// The items are not checked: the list of errors would be as long as the request.
		add("items", "must hold at most %d items", MaxItems)
		return 0, &Invalid{Fields: bad}
	}
	var total int64
	for i, item := range items {
		at := func(field string) string { return fmt.Sprintf("items[%d].%s", i, field) }
		checkText(add, at("sku"), item.SKU, MaxSKU, unicode.IsControl)
		checkText(add, at("name"), item.Name, MaxName, unicode.IsControl)
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

// lineBreaks replaces each kind of line break with LF.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// Reason returns the reason of a cancel as it is stored: with LF as line breaks, and empty if it is only white space. It
// returns *Invalid if the reason is too long or has control characters other than line breaks and tabs.
func Reason(given string) (string, error) {
	reason := lineBreaks.Replace(given)
	if utf8.ValidString(reason) && strings.TrimSpace(reason) == "" {
		return "", nil
	}
	var bad []FieldError
	checkText(func(field, format string, args ...any) {
		bad = append(bad, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}, "reason", reason, MaxReason, isControl)
	if bad != nil {
		return "", &Invalid{Fields: bad}
	}
	return reason, nil
}

// isControl is unicode.IsControl without line breaks and tabs.
func isControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

func checkText(add func(string, string, ...any), field, text string, limit int, refused func(rune) bool) {
	switch {
	case strings.TrimSpace(text) == "":
		add(field, "must not be empty")
	case !utf8.ValidString(text):
		add(field, "must be valid UTF-8")
	case utf8.RuneCountInString(text) > limit:
		add(field, "must have at most %d characters", limit)
	case strings.ContainsFunc(text, refused): // among them NUL, which PostgreSQL does not store
		add(field, "must not hold control characters")
	}
}

// limited cuts a text of another service down to MaxReason characters.
func limited(text string) string {
	if len(text) <= MaxReason {
		return text
	}
	runes := []rune(text)
	return string(runes[:min(len(runes), MaxReason)])
}

// limited returns o without the ids that are too long to store.
func (o Origin) limited() Origin {
	if len(o.RequestID) > maxOriginID {
		o.RequestID = ""
	}
	if len(o.TraceID) > maxOriginID {
		o.TraceID = ""
	}
	return o
}
