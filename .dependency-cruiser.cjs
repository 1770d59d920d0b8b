/**
 * Which folder of src/ may import which others. A folder imports only folders that stand above it in this table.
 * `npm run arrows` checks it, and draws docs/why/arrows.md from the imports as they are.
 */
const MAY_IMPORT = {
  lib: [],
  domain: [],
  telemetry: ['lib', 'domain'],
  dedupe: ['domain', 'telemetry'],
  kafka: ['domain'],
  temporal: ['lib', 'domain', 'telemetry'],
  sinks: ['lib', 'domain'],
  decoders: ['domain'],
  workflows: ['domain'],
  http: ['lib', 'domain', 'telemetry'],
  activities: ['lib', 'domain', 'telemetry', 'dedupe', 'kafka', 'temporal'],
  bridge: ['lib', 'domain', 'telemetry', 'dedupe', 'kafka', 'temporal', 'sinks', 'activities'],
  operations: ['lib', 'domain', 'kafka', 'temporal', 'bridge'],
  settings: ['domain', 'telemetry', 'kafka', 'temporal', 'sinks', 'http'],
  'http-producer': ['lib', 'domain', 'telemetry', 'kafka', 'http', 'decoders'],
  'codec-server': ['telemetry', 'temporal', 'http', 'settings'],
  page: ['lib', 'domain', 'telemetry', 'kafka', 'temporal', 'http', 'operations'],
  processes: [
    'lib',
    'domain',
    'telemetry',
    'dedupe',
    'kafka',
    'temporal',
    'workflows',
    'http',
    'activities',
    'bridge',
    'operations',
    'settings',
    'http-producer',
    'codec-server',
    'page',
  ],
  // The reference application stands on the public API, as a user's own does.
  reference: [
    'index.ts',
    's3.ts',
    'azure-blob.ts',
    'lib',
    'domain',
    'kafka',
    'sinks',
    'operations',
  ],
  'dev-servers': ['domain', 'temporal'],
  cli: [
    'lib',
    'domain',
    'telemetry',
    'kafka',
    'temporal',
    'sinks',
    'http',
    'operations',
    'settings',
    'processes',
    'reference',
    'dev-servers',
  ],
  demo: ['lib', 'sinks', 'operations', 'settings', 'reference', 'dev-servers', 'cli'],
  workers: ['processes', 'cli'],
};

/** What the domain may have besides its own files. */
const DOMAIN_PACKAGES = '^(node_modules/zod/|(node:)?(crypto|buffer)$)';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circle-of-files',
      comment: 'Two files that import each other are read as one. Move what they share to a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-circle-of-folders',
      comment:
        'A folder that imports back is no part of its own. Move what both need to a folder below.',
      severity: 'error',
      scope: 'folder',
      from: {},
      to: { circular: true },
    },
    ...Object.entries(MAY_IMPORT).map(([folder, others]) => ({
      name: `${folder}-imports`,
      comment: `src/${folder} may import ${others.join(', ') || 'no other folder'}.`,
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: { path: '^src/', pathNot: `^src/(${[folder, ...others].join('|')})(/|$)` },
    })),
    {
      name: 'folder-without-arrows',
      comment: 'A new folder of src/ needs its line in MAY_IMPORT.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: `^src/(${Object.keys(MAY_IMPORT).join('|')})/` },
      to: {},
    },
    {
      name: 'domain-needs-only-zod',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { pathNot: `^src/domain/|${DOMAIN_PACKAGES}` },
    },
    {
      name: 'workflows-run-in-a-sandbox',
      comment: 'Of other files workflows may import types only.',
      severity: 'error',
      from: { path: '^src/workflows/' },
      to: {
        pathNot: '^(src/workflows/|node_modules/@temporalio/(workflow|common)/)',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'nothing-imports-an-entry-point',
      severity: 'error',
      from: {},
      to: { path: '^src/(workers/|demo/main|cli/main)' },
    },
    {
      name: 'kafkajs-stands-behind-kafka',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(kafka|dev-servers/kafka)/' },
      to: { path: '^node_modules/kafkajs/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.d\\.ts$' },
  },
};
