/**
 * The server's text search, applied to orders from the feed. orders-actor/orderdb/words has the same rules;
 * api/search-cases.json tests both.
 */
import type { OrderSummary } from '../api/types';

/** Words are cut to this number of characters. */
const MAX_WORD = 40;
/** Letters that Unicode normalisation does not decompose. */
const letters: Record<string, string> = {
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  æ: 'ae',
  œ: 'oe',
};

/** Scripts without spaces between words, for a character class. */
const unspaced = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー`;
const run = new RegExp(`[${unspaced}]+|[^\\s\\u0085${unspaced}]+`, 'gu');
const beginsUnspaced = new RegExp(`^[${unspaced}]`, 'u');

/** Whether the text has a letter or digit, which a search needs. */
export function searchable(text: string): boolean {
  return queryWords(text).length > 0;
}

/** Whether the search finds an order: each word of the query is a prefix of one of the order's words. */
export function findable(q: string, order: OrderSummary): boolean {
  const asked = queryWords(q);
  if (asked.length === 0) return true;
  const words = orderWords(order);
  return asked.every((begin) => words.some((word) => word.startsWith(begin)));
}

function orderWords({ id, customer, items }: OrderSummary): string[] {
  const ids = [id, id.slice(id.lastIndexOf('-') + 1)].map((text) => clip(fold(text)));
  return [...ids, ...[customer, ...items.flatMap(({ sku, name }) => [sku, name])].flatMap(textWords)];
}

/** The words of `tea-1 (green)` are `tea-1`, `1` and `green`; those of `抹茶ラテ` are each pair of characters and the last one. */
function textWords(text: string): string[] {
  return parts(text).flatMap((part) =>
    beginsUnspaced.test(part)
      ? pairs(part)
      : [...part.matchAll(/(?<![\p{L}\p{N}\p{M}])[\p{L}\p{N}\p{M}]/gu)].map(({ index }) =>
          clip(part.slice(index)),
        ),
  );
}

function queryWords(text: string): string[] {
  return parts(text).flatMap((part) => {
    if (!beginsUnspaced.test(part)) return [clip(part)];
    const words = pairs(part);
    return words.slice(0, Math.max(1, words.length - 1)); // the last character is part of the pair before it
  });
}

/** Splits a text at spaces and where scripts without spaces begin or end, and trims punctuation from each part. */
function parts(text: string): string[] {
  return (fold(text).match(run) ?? [])
    .map((part) => part.replace(/^[^\p{L}\p{N}\p{M}]+|[^\p{L}\p{N}\p{M}]+$/gu, ''))
    .filter((part) => part !== '');
}

function pairs(part: string): string[] {
  const characters = Array.from(part);
  return characters.map((_, i) => characters.slice(i, i + 2).join(''));
}

/**
 * Removes differences that a search ignores: case, accents, dashes, width. Marks that are vowels, as in Thai, and the
 * voicing marks of Japanese stay. The upper case in between turns ß into ss; the lower case before it turns ẞ into ß.
 */
function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(
      /\p{Cf}|(?![\u3099\u309a])(?=[\p{Script=Inherited}\p{Script=Hebrew}\p{Script=Arabic}])\p{Mn}/gu,
      '',
    )
    .replace(/\p{Pd}/gu, '-')
    .replace(/[‘’ʼ]/g, "'")
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .replace(/ς/g, 'σ')
    .replace(/[øłđðþæœ]/g, (letter) => letters[letter] ?? letter)
    .normalize('NFC');
}

function clip(word: string): string {
  return Array.from(word).slice(0, MAX_WORD).join('');
}
