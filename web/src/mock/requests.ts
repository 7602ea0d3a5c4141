/** Reads and checks the requests of the mock API, with the limits of the contract. */
import {
  type CreateOrder,
  currencies,
  type FieldError,
  type Item,
  type Role,
  type Status,
  statuses,
} from '../api/types';
import { limits } from '../domain/draft';
import { validateReason } from '../domain/reason';
import { cancellers, payments } from '../domain/query';
import { searchable } from '../domain/search';
import type { ListRequest, Position } from './backend';
import { badFields, type Call, caller, type Caller, refuse } from './http';

const BULK_LIMIT = 100;
const MAX_WAIT = 30;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i;
// eslint-disable-next-line no-control-regex -- control characters are not allowed
const control = /[\0-\x1f\x7f-\x9f]/;

class Errors {
  readonly #errors: FieldError[] = [];

  add(field: string, message: string): void {
    this.#errors.push({ field, message });
  }

  throwAny(): void {
    if (this.#errors.length > 0) throw badFields(...this.#errors);
  }
}

type Members = Record<string, unknown>;

/** Checks that a value is an object with these members. */
function members(
  errors: Errors,
  at: string,
  value: unknown,
  required: string[],
  optional: string[],
): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    errors.add(at || 'body', 'must be an object');
    return {};
  }
  const field = (name: string) => (at ? `${at}.${name}` : name);
  for (const name of Object.keys(value)) {
    if (![...required, ...optional].includes(name)) errors.add(field(name), 'is not known');
  }
  for (const name of required) if (!(name in value)) errors.add(field(name), 'is missing');
  return value as Members;
}

async function readBody({ request }: Call, required: string[], optional: string[] = []): Promise<Members> {
  if (request.headers.get('Content-Type')?.split(';')[0]?.trim() !== 'application/json') {
    throw refuse('unsupported-media-type', 'send Content-Type: application/json');
  }
  const text = (await request.text()).replace(/^\ufeff/, '');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('invalid-json', 'the body is not valid JSON');
  }
  const errors = new Errors();
  const body = members(errors, '', value, required, optional);
  errors.throwAny();
  return body;
}

export async function readCreate(call: Call): Promise<CreateOrder> {
  const body = await readBody(call, ['items', 'currency'], ['customer']);
  const errors = new Errors();
  const { user, operator } = caller(call);
  const customer = readCustomer(errors, body['customer'], user);
  if (customer !== undefined && !operator)
    throw refuse('forbidden', 'only an operator may create an order for another customer');
  const currency = currencies.find((known) => known === body['currency']);
  if (currency === undefined) errors.add('currency', `must be one of ${currencies.join(', ')}`);
  const given: unknown[] = Array.isArray(body['items']) ? body['items'] : [];
  if (given.length === 0) errors.add('items', 'must hold at least one item');
  if (given.length > limits.items) {
    errors.add('items', `must hold at most ${limits.items} items`);
    errors.throwAny();
  }
  const items = given.map((item, i) => readItem(errors, `items[${i}]`, item));
  const total = items.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0);
  if (total > limits.total) errors.add('items', `must not cost more than ${limits.total} in all`);
  errors.throwAny();
  return { items, currency: currency ?? 'EUR', ...(customer === undefined ? {} : { customer }) };
}

/** The customer, if it is not the caller. */
function readCustomer(errors: Errors, given: unknown, user: string): string | undefined {
  if (given === undefined || given === '' || given === user) return undefined;
  if (typeof given !== 'string') errors.add('customer', 'must be a string');
  else if (given.trim() === '') errors.add('customer', 'must not be empty');
  else if (Array.from(given).length > limits.customer)
    errors.add('customer', 'must have at most 255 characters');
  else if (control.test(given)) errors.add('customer', 'must not hold control characters');
  else return given;
  return undefined;
}

function readItem(errors: Errors, at: string, value: unknown): Item {
  const item = members(errors, at, value, ['sku', 'name', 'quantity', 'unitPrice'], []);
  const text = (name: string, limit: number): string => {
    const given = item[name];
    const field = `${at}.${name}`;
    if (given === undefined) return '';
    if (typeof given !== 'string') errors.add(field, 'must be a string');
    else if (given.trim() === '') errors.add(field, 'must not be empty');
    else if (Array.from(given).length > limit) errors.add(field, `must have at most ${limit} characters`);
    else if (control.test(given)) errors.add(field, 'must not hold control characters');
    else return given;
    return '';
  };
  const whole = (name: string, low: number, high: number): number => {
    const given = item[name];
    if (given === undefined) return 0;
    if (Number.isInteger(given) && Number(given) >= low && Number(given) <= high) return Number(given);
    errors.add(`${at}.${name}`, `must be from ${low} to ${high}`);
    return 0;
  };
  return {
    sku: text('sku', limits.sku),
    name: text('name', limits.name),
    quantity: whole('quantity', 1, limits.quantity),
    unitPrice: whole('unitPrice', 0, limits.price),
  };
}

export function readKey({ request }: Call): string | undefined {
  const key = request.headers.get('Idempotency-Key') ?? undefined;
  if (key === undefined || /^[\x21-\x7e]{1,200}$/.test(key)) return key;
  throw badFields({ field: 'Idempotency-Key', message: 'must be 1 to 200 visible ASCII characters' });
}

/** The reason of a cancel as it is stored; undefined for none. */
export async function readCancel(call: Call): Promise<string | undefined> {
  if (!call.request.headers.has('Content-Type') && (await call.request.clone().text()) === '')
    return undefined;
  return readReason((await readBody(call, [], ['reason']))['reason']);
}

export async function readReconcile(call: Call): Promise<string> {
  const reason = readReason((await readBody(call, ['reason']))['reason']);
  if (reason === undefined) throw badFields({ field: 'reason', message: 'must not be empty' });
  return reason;
}

export async function readBulkCancel(call: Call): Promise<{ ids: string[]; reason: string | undefined }> {
  const body = await readBody(call, ['ids'], ['reason']);
  const given: unknown[] = Array.isArray(body['ids']) ? body['ids'] : [];
  const errors = new Errors();
  if (given.length === 0 || given.length > BULK_LIMIT) errors.add('ids', `must hold 1 to ${BULK_LIMIT} ids`);
  errors.throwAny();
  const ids = given.map((id, i) => {
    if (typeof id !== 'string' || !uuid.test(id)) errors.add(`ids[${i}]`, 'must be a UUID');
    else if (given.indexOf(id) < i) errors.add(`ids[${i}]`, 'is there twice');
    return String(id).toLowerCase();
  });
  errors.throwAny();
  return { ids, reason: readReason(body['reason']) };
}

function readReason(given: unknown = ''): string | undefined {
  if (typeof given !== 'string') throw badFields({ field: 'reason', message: 'must be a string' });
  const reason = given.replace(/\r\n?/g, '\n');
  if (reason.trim() === '') return undefined;
  const message = validateReason(reason);
  if (message !== undefined) throw badFields({ field: 'reason', message });
  return reason;
}

/** The version that If-Match requires; undefined for any. */
export function readIfMatch({ request }: Call): number | undefined {
  const tag = request.headers.get('If-Match')?.trim();
  if (tag === undefined || tag === '*') return undefined;
  const version = /^(?:W\/)?"([1-9]\d*)"$/.exec(tag)?.[1];
  if (version === undefined)
    throw badFields({ field: 'If-Match', message: 'must be one ETag of this order' });
  return Number(version);
}

export function readId({ params }: Call): string {
  const id = String(params['id']);
  if (!uuid.test(id)) throw badFields({ field: 'id', message: 'must be a UUID' });
  return id.toLowerCase();
}

export async function readTokenRequest(call: Call): Promise<{ user: string; role: Role }> {
  const { user, role } = await readBody(call, ['user', 'role']);
  const errors = new Errors();
  if (typeof user !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(user))
    errors.add('user', 'must be 1 to 64 letters or digits');
  if (role !== 'customer' && role !== 'operator') errors.add('role', 'must be customer or operator');
  errors.throwAny();
  return { user: String(user), role: role as Role };
}

/** The wait of `Prefer: wait=N` in seconds; undefined without one. */
export function readWait({ request }: Call): number | undefined {
  const wait = /(?:^|,)\s*wait\s*=\s*"?(\d+)/i.exec(request.headers.get('Prefer') ?? '')?.[1];
  return wait === undefined ? undefined : Math.min(MAX_WAIT, Number(wait));
}

/** Reads query parameters and rejects unknown and repeated ones. */
function readQuery(
  errors: Errors,
  query: URLSearchParams,
  known: string[],
): (name: string, limit: number) => string {
  for (const name of new Set(query.keys())) {
    if (!known.includes(name)) errors.add(name, 'is not known');
    else if (name !== 'status' && query.getAll(name).length > 1) errors.add(name, 'is there more than once');
  }
  return (name, limit) => {
    const value = query.get(name) ?? '';
    if (Array.from(value).length > limit) errors.add(name, `must have at most ${limit} characters`);
    return value;
  };
}

function readLimit(errors: Errors, text: string, fallback: number, high: number): number {
  if (text === '') return fallback;
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= high) return Number(text);
  errors.add('limit', `must be a whole number from 1 to ${high}`);
  return fallback;
}

/** What lists and counts have in common. */
const filters = [
  ...['customer', 'attention', 'q', 'from', 'to', 'updatedFrom', 'dueBefore'],
  ...['currency', 'minTotal', 'maxTotal', 'payment', 'cancelledBy'],
];
type Filter = Omit<ListRequest, 'statuses' | 'sort' | 'descending' | 'limit' | 'after'>;

function readFilter(errors: Errors, text: (name: string, limit: number) => string): Filter {
  const moment = (name: string, absent: number): number => {
    const given = text(name, 64);
    if (given === '') return absent;
    if (!time.test(given)) errors.add(name, 'must be an RFC 3339 time with a time zone');
    return Date.parse(given);
  };
  const oneOf = <T extends string>(name: string, known: readonly T[]): T | undefined => {
    const given = text(name, 20);
    const found = known.find((one) => one === given);
    if (given !== '' && found === undefined) errors.add(name, `must be one of ${known.join(', ')}`);
    return found;
  };
  const minor = (name: string, absent: number): number => {
    const given = text(name, 20);
    if (given === '') return absent;
    if (!/^\d+$/.test(given) || Number(given) > Number.MAX_SAFE_INTEGER)
      errors.add(name, 'must be a whole number');
    return Number(given);
  };
  const q = text('q', 100);
  if (q.trim() !== '' && !searchable(q)) errors.add('q', 'holds no letter or digit to search for');
  const attention = text('attention', 5);
  if (!['', 'true', 'false'].includes(attention)) errors.add('attention', 'must be true or false');
  const filter: Filter = {
    customer: text('customer', 255) || undefined,
    attention: attention === 'true',
    text: q,
    from: moment('from', -Infinity),
    to: moment('to', Infinity),
    updatedFrom: moment('updatedFrom', -Infinity),
    dueBefore: moment('dueBefore', Infinity),
    currency: oneOf('currency', currencies),
    minTotal: minor('minTotal', 0),
    maxTotal: minor('maxTotal', Infinity),
    payment: oneOf('payment', payments),
    cancelledBy: oneOf('cancelledBy', cancellers),
  };
  if (filter.maxTotal < filter.minTotal) errors.add('maxTotal', 'must not be less than minTotal');
  const byTotal = ['minTotal', 'maxTotal'].some((name) => text(name, 20) !== '');
  if (byTotal && text('currency', 20) === '') errors.add('currency', 'must be set for a filter by total');
  return filter;
}

/** Customers see their own orders only. */
function seen({ customer, attention }: Filter, { sees }: Caller): string | undefined {
  if (sees !== undefined && attention)
    throw refuse('forbidden', 'only an operator may list the orders that need attention');
  if (sees !== undefined && customer !== undefined && customer !== sees)
    throw refuse('forbidden', 'only an operator may list another customer’s orders');
  return sees ?? customer;
}

/** How many minutes the stats are of. */
export function readStats({ query }: Call): number {
  const errors = new Errors();
  const text = readQuery(errors, query, ['minutes'])('minutes', 20);
  const minutes = text === '' ? 60 : Number(text);
  if (!/^\d*$/.test(text) || minutes < 1 || minutes > 1440)
    errors.add('minutes', 'must be a whole number from 1 to 1440');
  errors.throwAny();
  return minutes;
}

export function readCounts({ query }: Call, who: Caller): Filter & { totals: boolean } {
  const errors = new Errors();
  const text = readQuery(errors, query, [...filters, 'totals']);
  const filter = readFilter(errors, text);
  if (!['', 'true', 'false'].includes(text('totals', 5))) errors.add('totals', 'must be true or false');
  errors.throwAny();
  return { ...filter, customer: seen(filter, who), totals: text('totals', 5) === 'true' };
}

export function readList({ query }: Call, who: Caller): ListRequest {
  const errors = new Errors();
  const text = readQuery(errors, query, [...filters, 'status', 'sort', 'limit', 'cursor']);
  const filter = readFilter(errors, text);
  const wanted = query.getAll('status').map((one) => statuses.find((status) => status === one));
  if (wanted.includes(undefined)) errors.add('status', `must be one of ${statuses.join(', ')}`);
  const [, minus = '', key] = /^(-?)(created|updated|total)$/.exec(query.get('sort') ?? '-created') ?? [];
  if (key === undefined) errors.add('sort', 'must be created, updated or total');
  if (key === 'total' && text('currency', 20) === '')
    errors.add('currency', 'must be set for a sort by total');
  const list: ListRequest = {
    ...filter,
    statuses: wanted as Status[],
    sort: (key ?? 'created') as ListRequest['sort'],
    descending: minus === '-',
    limit: readLimit(errors, text('limit', 20), 50, 200),
    after: undefined,
  };
  const cursor = text('cursor', 512);
  errors.throwAny();
  list.customer = seen(filter, who);
  if (cursor !== '') {
    list.after = openPageCursor(cursor);
    if (!list.after) throw badFields({ field: 'cursor', message: 'is not a cursor of this list' });
  }
  return list;
}

export const pageCursor = ({ key, id }: Position) => `page.${key}.${id}`;

function openPageCursor(cursor: string): Position | undefined {
  const [, key, id] = /^page\.(\d+)\.(.+)$/.exec(cursor) ?? [];
  return key === undefined || id === undefined ? undefined : { key: Number(key), id };
}

export const feedCursor = (position: number) => `feed.${position}`;

/** The position to continue from, and the largest number of events in a response. */
export function readFeed({ request, query }: Call, head: number): { after: number; limit: number } {
  const errors = new Errors();
  const text = readQuery(errors, query, ['after', 'limit']);
  const limit = readLimit(errors, text('limit', 20), 100, 500);
  const cursor = request.headers.get('Last-Event-ID') ?? text('after', 512);
  errors.throwAny();
  if (cursor === '') return { after: head, limit };
  const position = /^feed\.(\d+)$/.exec(cursor)?.[1];
  if (position === undefined || Number(position) > head) {
    throw refuse('cursor-expired', 'this cursor is unknown or too old; load the list again');
  }
  return { after: Number(position), limit };
}
