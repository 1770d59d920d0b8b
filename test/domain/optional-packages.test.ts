import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../src/domain/errors';
import { OPTIONAL_PACKAGES, requireInstalled } from '../../src/domain/optional-packages';

const notFound =
  (...names: string[]) =>
  (name: string) => {
    if (names.includes(name)) throw Object.assign(new Error(name), { code: 'MODULE_NOT_FOUND' });
  };

test('requireInstalled does nothing when every package is installed', () => {
  expect(() => requireInstalled('the S3 sink', ['@aws-sdk/client-s3', 'fastify'])).not.toThrow();
  expect(() => requireInstalled('the S3 sink', [])).not.toThrow();
});

test('requireInstalled says what is missing, what needs it and how to install it', () => {
  const find = notFound('@aws-sdk/client-s3');
  const missing = () => requireInstalled('the S3 sink', ['@aws-sdk/client-s3'], find);
  expect(missing).toThrow(UsageError);
  expect(missing).toThrow(
    'the S3 sink needs the package @aws-sdk/client-s3, which is not installed: run "npm install @aws-sdk/client-s3@3"',
  );
});

test('requireInstalled names only the packages that are missing', () => {
  const find = notFound('fastify', '@fastify/cors');
  const missing = () =>
    requireInstalled('the codec server', ['fastify', '@fastify/helmet', '@fastify/cors'], find);
  expect(missing).toThrow(
    'the codec server needs the packages fastify, @fastify/cors, which are not installed: run "npm install fastify@5 @fastify/cors@11"',
  );
});

test('requireInstalled takes a package for installed that only import finds', () => {
  const find = () => {
    throw Object.assign(new Error('no "require"'), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' });
  };
  expect(() => requireInstalled('the S3 sink', ['@aws-sdk/client-s3'], find)).not.toThrow();
});

test('the versions to install are those that the tests run with', () => {
  const text = readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8');
  const { devDependencies, peerDependenciesMeta } = JSON.parse(text) as {
    devDependencies: Record<string, string>;
    peerDependenciesMeta: Record<string, unknown>;
  };
  expect(Object.keys(OPTIONAL_PACKAGES)).toEqual(Object.keys(peerDependenciesMeta));
  for (const [name, version] of Object.entries(OPTIONAL_PACKAGES)) {
    expect(`${name} ${devDependencies[name]}`).toMatch(new RegExp(`^${name} ${version}\\.`));
  }
});
