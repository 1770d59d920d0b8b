import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Dependencies point inward to `domain/`: each folder names what it may not import. */
const folder = (name, ...patterns) => ({
  files: [`src/${name}/**/*.ts`],
  rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
});
const kafkajs = {
  regex: '^kafkajs',
  message: 'Only src/kafka knows kafkajs.',
};
const workers = { regex: '/workers(/|$)', message: 'Nothing imports an entry point.' };

export default defineConfig(
  {
    ignores: [
      'dist/**',
      'coverage/**',
      '.cloudsync/**',
      '**/*.mjs',
      '**/*.js',
      'examples/**/*.mjs',
    ],
  },
  js.configs.recommended,
  tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-restricted-imports': ['error', { patterns: [kafkajs, workers] }],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Read it in src/settings/config.ts.' },
      ],
    },
  },
  {
    files: ['src/settings/config.ts', 'test/**', 'bench/**', 'scripts/**'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: [
      'src/kafka/**',
      'bench/decode.ts',
      'test/kafka/kafkajs-patches/*.ts',
      'test/integration/support/produce-bytes.ts',
    ],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [workers] }] },
  },
  folder('workflows', {
    regex: '^(?!\\./|@temporalio/(workflow|common)$)',
    allowTypeImports: true,
    message: 'Workflows run in a sandbox: types only.',
  }),
);
