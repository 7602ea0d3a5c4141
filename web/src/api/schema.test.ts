import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import openapiTS, { astToString, COMMENT_HEADER } from 'openapi-typescript';
import { expect, test } from 'vitest';

test('schema.ts is up to date with openapi.yaml (npm run types)', async () => {
  const contract = readFileSync(join(import.meta.dirname, '../../../api/openapi.yaml'), 'utf8');
  const generated = COMMENT_HEADER + astToString(await openapiTS(contract));
  expect(readFileSync(join(import.meta.dirname, 'schema.ts'), 'utf8')).toBe(generated);
});
