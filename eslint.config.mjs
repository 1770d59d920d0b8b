import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const kafkajs = {
  regex: '^kafkajs',
  message: 'Only src/kafka knows kafkajs.',
};

/** The methods of Jest by which a test replaces a module. */
const moduleMocks = ['mock', 'doMock', 'mocked', 'setMock', 'unstable_mockModule'].map(
  (property) => ({
    object: 'jest',
    property,
    message:
      'Pass a fake to the code under test, as test/bridge/support/ does. If the code makes its dependency itself, let it take the dependency.',
  }),
);

export default defineConfig(
  {
    ignores: [
      'dist/**',
      'coverage/**',
      '.cloudsync/**',
      '**/*.mjs',
      '**/*.{js,cjs}',
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
      '@typescript-eslint/no-restricted-imports': ['error', { patterns: [kafkajs] }],
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
    files: ['test/**'],
    rules: { 'no-restricted-properties': ['error', ...moduleMocks] },
  },
  {
    files: ['templates/**'],
    rules: {
      // The runner awaits its tests itself.
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: 'test' }] },
      ],
    },
  },
  {
    files: [
      'src/kafka/**',
      'bench/decode.ts',
      'test/kafka/kafkajs-patches/*.ts',
      'test/integration/support/produce-bytes.ts',
    ],
    rules: { '@typescript-eslint/no-restricted-imports': 'off' },
  },
);
