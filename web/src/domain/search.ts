/**
 * The server's text search, for orders that come by the feed. These are the rules of orders-actor/orderdb/words.go, and
 * api/search-cases.json tests both.
 */
import type { OrderSummary } from '../api/types';

/** The characters of a word that count. */
const MAX_WORD = 40;
/** Letters that Unicode does not take apart. */
const letters: Record<string, string> = {
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  æ: 'ae',
  œ: 'oe',
};

/** The scripts that put no spaces between words, for a character class. */
const unspaced = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー`;
const run = new RegExp(`[${unspaced}]+|[^\\s\\u0085${unspaced}]+`, 'gu');
const beginsUnspaced = new RegExp(`^[${unspaced}]`, 'u');

/** Whether the text holds anything to search for, which is a letter or a digit. */
export function searchable(text: string): boolean {
  return queryWords(text).length > 0;
}

/** Whether the list's text search finds an order: each word of the query is the beginning of one of the order's words. */
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

/** `tea-1 (green)` holds `tea-1`, `1` and `green`; `抹茶ラテ` holds each two neighbours, and its last character. */
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
    return words.slice(0, Math.max(1, words.length - 1)); // the last character is in the pair before
  });
}

/** The text's parts, of scripts that put no spaces between words or of others, from first letter or digit to last. */
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
 * Makes texts equal that readers take for the same. The marks that stay are vowels of one script, as in Thai, and the
 * voicing marks of Japanese. Letters go through capitals, because only these make ss of ß, after ẞ became ß.
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
