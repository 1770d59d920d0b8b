const transform = {
  '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }],
  '^.+\\.tsx$': [
    '@swc/jest',
    {
      jsc: {
        target: 'es2022',
        parser: { syntax: 'typescript', tsx: true },
        transform: { react: { runtime: 'automatic', importSource: 'preact' } },
      },
    },
  ],
  // Preact and cookie have ES modules only, which Jest can't require before Node 24.9.
  '/(preact|cookie)/.+\\.m?js$': [
    '@swc/jest',
    { jsc: { target: 'es2022' }, module: { type: 'commonjs' } },
  ],
  // It imports node:http when it first sends, and Jest can't do that in code that it has not transformed.
  '/otlp-exporter-base/.+\\.js$': ['@swc/jest', { jsc: { target: 'es2022' } }],
};
const common = {
  transform,
  transformIgnorePatterns: [
    '/node_modules/(?!@opentelemetry/otlp-exporter-base/|preact/|(@fastify/)?cookie/)',
  ],
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
};

/** Two projects: `unit` needs no server, `integration` starts its own Kafka and Temporal. */
module.exports = {
  // A process that has loaded the modules of a hundred test files has a large heap, and runs the models eight times slower.
  workerIdleMemoryLimit: '600MB',
  testSequencer: '<rootDir>/test/longest-first.js',
  reporters: ['default', '<rootDir>/test/still-running.js', '<rootDir>/test/closing-line.js'],
  projects: [
    {
      ...common,
      displayName: 'unit',
      testPathIgnorePatterns: ['/node_modules/', '/test/integration/'],
    },
    {
      ...common,
      displayName: 'integration',
      testMatch: ['<rootDir>/test/integration/**/*.test.ts'],
      globalSetup: '<rootDir>/test/integration/support/global-setup.ts',
      setupFiles: ['<rootDir>/test/integration/support/use-servers.ts'],
      globalTeardown: '<rootDir>/test/integration/support/global-teardown.ts',
    },
  ],
};
