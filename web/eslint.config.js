import js from '@eslint/js';
import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

// What each folder of src may import, besides itself. Tests, src/test and main.tsx may import everything.
const rooms = {
  api: [],
  domain: ['api'],
  ui: ['domain', 'api'],
  live: ['domain', 'api'],
  session: ['ui', 'domain', 'api'],
  services: ['session', 'live', 'api'], // services.ts
  pages: ['services', 'live', 'ui', 'domain', 'api'],
  app: ['pages', 'services', 'session', 'live', 'ui', 'domain', 'api'],
  mock: ['domain', 'api'],
};

const importRules = Object.entries(rooms).map(([room, allowed]) => {
  const forbidden = [...Object.keys(rooms), 'test'].filter((one) => one !== room && !allowed.includes(one));
  const patterns = [
    {
      regex: `^(?:\\.\\./)+(?:${forbidden.join('|')})(?:/|$)`,
      message: `src/${room} may import ${['itself', ...allowed].join(', ')}.`,
    },
  ];
  if (room === 'pages') {
    patterns.push({
      regex: String.raw`^\.\./(?!\.\./)|^(?:\.\./)+pages/`,
      message: 'A page may not import another page.',
    });
  }
  return {
    files: [`src/${room}/**/*.{ts,tsx}`],
    ignores: ['**/*.test.{ts,tsx}'],
    rules: {
      'no-restricted-imports': ['error', { patterns }],
      ...(room === 'app' || room === 'pages'
        ? {}
        : {
            'no-restricted-syntax': [
              'error',
              { selector: 'ImportExpression', message: 'Only app/ and pages/ load lazily.' },
            ],
          }),
    },
  };
});

export default defineConfig(
  globalIgnores(['src/api/schema.ts', '**/dist/**']),
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
      reactHooks.configs.flat['recommended-latest'],
      jsxA11y.flatConfigs.strict,
    ],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_$' }],
      // Index access makes visible that the names of `process.env` and JSON are not checked.
      '@typescript-eslint/dot-notation': 'off',
    },
  },
  ...importRules,
  {
    files: ['**/*.js'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['public/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        'addEventListener document fetch HTMLLinkElement HTMLScriptElement location sessionStorage setTimeout'
          .split(' ')
          .map((name) => [name, 'readonly']),
      ),
    },
  },
);
