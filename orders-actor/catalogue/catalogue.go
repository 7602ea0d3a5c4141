// Package catalogue is what the shop sells: items with a price per currency, which are read from a JSON file at the start.
package catalogue

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"orders/kit/httpapi"
	"orders/kit/httpapi/problem"
	"orders/orders-actor/order"
)

// MaxItems is the largest number of items of a catalogue, which is sent as a whole.
const MaxItems = 1_000

// Catalogue is a list of items. It does not change.
type Catalogue struct {
	Items []Item

	bySKU map[string]Item
}

// file is the form of the file.
type file struct {
	Items []Item `json:"items"`
}

// Item is an item of the catalogue. Prices are in minor units, by currency; an item without a price in a currency is not sold
// in it.
type Item struct {
	SKU    string           `json:"sku"`
	Name   string           `json:"name"`
	Prices map[string]int64 `json:"prices"`
}

//go:embed catalogue.json
var defaultFile []byte

// Default returns the catalogue of this package. A test parses its file, so it never fails.
func Default() *Catalogue {
	c, err := Parse(defaultFile)
	if err != nil {
		panic(err)
	}
	return c
}

// Load reads a catalogue from a file, or returns Default if path is empty. The error names each invalid entry.
func Load(path string) (*Catalogue, error) {
	if path == "" {
		return Default(), nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s:\n%w", path, err)
	}
	return c, nil
}

// Parse reads a catalogue from JSON. The error names each invalid entry.
func Parse(data []byte) (*Catalogue, error) {
	f, err := httpapi.ParseJSON[file](data)
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		var list errorList
		for _, e := range p.Errors {
			if e.Field == "body" {
				e.Field = "the file"
			}
			list.add("%s %s", e.Field, e.Message)
		}
		if list == nil {
			list.add("it is not valid JSON")
		}
		return nil, list
	}
	if err != nil {
		return nil, err
	}
	c := &Catalogue{Items: f.Items}
	return c, c.index()
}

// index checks the items and fills bySKU.
func (c *Catalogue) index() error {
	var bad errorList
	if n := len(c.Items); n == 0 || n > MaxItems {
		bad.add("items must have from 1 to %d entries, not %d", MaxItems, n)
		return bad
	}
	c.bySKU = make(map[string]Item, len(c.Items))
	for i, item := range c.Items {
		at := fmt.Sprintf("items[%d]", i)
		if item.SKU != "" {
			at += fmt.Sprintf(" (%s)", httpapi.Shorten(item.SKU))
		}
		bad.checkText(at+".sku", item.SKU, order.MaxSKU)
		bad.checkText(at+".name", item.Name, order.MaxName)
		if _, exists := c.bySKU[item.SKU]; exists {
			bad.add("%s.sku is the sku of an earlier item too", at)
		}
		if len(item.Prices) == 0 {
			bad.add("%s.prices must have at least one price", at)
		}
		for _, currency := range slices.Sorted(maps.Keys(item.Prices)) {
			price := item.Prices[currency]
			switch {
			case !slices.Contains(order.Currencies, currency):
				bad.add("%s.prices.%s is not one of %s", at, httpapi.Shorten(currency), strings.Join(order.Currencies, ", "))
			case price < 0 || price > order.MaxUnitPrice:
				bad.add("%s.prices.%s must be from 0 to %d minor units, not %d", at, currency, order.MaxUnitPrice, price)
			}
		}
		c.bySKU[item.SKU] = item
	}
	if bad != nil {
		return bad
	}
	return nil
}

// Check compares the items of an order with the catalogue. It returns the fields that differ.
func (c *Catalogue) Check(items []order.Item, currency string) (bad []order.FieldError) {
	for i, item := range items {
		add := func(field, format string, args ...any) {
			bad = append(bad, order.FieldError{Field: fmt.Sprintf("items[%d].%s", i, field), Message: fmt.Sprintf(format, args...)})
		}
		sold, ok := c.bySKU[item.SKU]
		if !ok {
			add("sku", "is not in the catalogue")
			continue
		}
		if item.Name != sold.Name {
			add("name", "must be %q, as in the catalogue", sold.Name)
		}
		price, ok := sold.Prices[currency]
		switch {
		case !ok:
			add("sku", "is not sold in %s", currency)
		case item.UnitPrice != price:
			add("unitPrice", "must be %d, as in the catalogue", price)
		}
	}
	return bad
}

// errorList is all errors of a catalogue, a line each.
type errorList []string

func (e errorList) Error() string { return strings.Join(e, "\n") }

func (e *errorList) add(format string, args ...any) { *e = append(*e, fmt.Sprintf(format, args...)) }

// checkText applies the rules that an order has for the same field.
func (e *errorList) checkText(field, text string, limit int) {
	switch {
	case strings.TrimSpace(text) == "" || strings.TrimSpace(text) != text:
		e.add("%s must not be empty, and have no white space around it", field)
	case utf8.RuneCountInString(text) > limit:
		e.add("%s must have at most %d characters", field, limit)
	case strings.ContainsFunc(text, unicode.IsControl):
		e.add("%s must not hold control characters", field)
	}
}
