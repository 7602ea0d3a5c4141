/** Checks responses against api/openapi.yaml. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

type Node = Record<string, unknown>;

interface Operation {
  /** The JSON pointer of the operation. */
  at: string;
  responses: Node;
}

const document = parse(
  readFileSync(join(import.meta.dirname, '../../../../api/openapi.yaml'), 'utf8'),
) as Node;
const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(document, 'contract', false, false);

const escape = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** The node at a JSON pointer and its pointer, after following its $ref. */
function resolve(pointer: string): { at: string; node: Node } | undefined {
  let node: unknown = document;
  for (const part of pointer.split('/').slice(1)) {
    node = (node as Node | undefined)?.[part.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  if (node === undefined) return undefined;
  const reference = (node as { $ref?: string }).$ref;
  return reference === undefined ? { at: pointer, node: node as Node } : resolve(reference.slice(1));
}

function findOperation(method: string, path: string): Operation | undefined {
  const paths = document['paths'] as Record<string, Node>;
  const matching = Object.keys(paths)
    .filter((template) => new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path))
    .sort((a, b) => a.split('{').length - b.split('{').length); // /orders/events before /orders/{id}
  const at = `/paths/${escape(matching[0] ?? '')}/${method.toLowerCase()}`;
  const node = resolve(at)?.node;
  return node && { at, responses: node['responses'] as Node };
}

function errorsOf(at: string, value: unknown): string[] {
  const validate = ajv.getSchema(`contract#${at}`) as ValidateFunction | undefined;
  if (!validate) return [`${at} is no schema`];
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
}

/** What the contract does not allow in a response; empty when it is valid. Streams have an undefined body. */
export function violations(
  method: string,
  path: string,
  response: Response,
  body: string | undefined,
): string[] {
  const operation = findOperation(method, path);
  // Any path and method: described in the introduction.
  if (!operation) return [404, 405].includes(response.status) ? [] : ['the contract has no such operation'];
  const described = resolve(`${operation.at}/responses/${response.status}`);
  if (!described) return [`status ${response.status} is not described`];
  return [...headerErrors(described, response.headers), ...bodyErrors(described, response, body)];
}

function headerErrors({ at, node }: { at: string; node: Node }, headers: Headers): string[] {
  return Object.keys((node['headers'] ?? {}) as Node).flatMap((name) => {
    const header = resolve(`${at}/headers/${escape(name)}`);
    const value = headers.get(name);
    if (value === null) return header?.node['required'] === true ? [`header ${name} is missing`] : [];
    const schema = header?.node['schema'] as { type?: string } | undefined;
    const typed = schema?.type === 'integer' ? Number(value) : value;
    return errorsOf(`${header?.at ?? ''}/schema`, typed).map((error) => `header ${name}${error}`);
  });
}

function bodyErrors(
  { at, node }: { at: string; node: Node },
  response: Response,
  body: string | undefined,
): string[] {
  const content = node['content'] as Node | undefined;
  if (!content) return body === '' ? [] : ['there must be no body'];
  const type = response.headers.get('Content-Type')?.split(';')[0] ?? '';
  if (!(type in content)) return [`media type ${type} is not described`];
  if (body === undefined) return [];
  const value: unknown = type.endsWith('json') ? JSON.parse(body) : body;
  return errorsOf(`${at}/content/${escape(type)}/schema`, value);
}
