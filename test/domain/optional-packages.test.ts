import { UsageError } from '../../src/domain/errors';
import { requireInstalled } from '../../src/domain/optional-packages';

test('requireInstalled does nothing when every package is installed', () => {
  expect(() => requireInstalled('the S3 sink', ['@aws-sdk/client-s3', 'fastify'])).not.toThrow();
  expect(() => requireInstalled('the S3 sink', [])).not.toThrow();
});

test('requireInstalled says what is missing, what needs it and how to install it', () => {
  const missing = () => requireInstalled('the moon sink', ['@moon/sdk']);
  expect(missing).toThrow(UsageError);
  expect(missing).toThrow(
    'the moon sink needs the package @moon/sdk, which is not installed: run "npm install @moon/sdk"',
  );
});

test('requireInstalled names only the packages that are missing', () => {
  const missing = () => requireInstalled('the moon sink', ['zod', '@moon/sdk', '@moon/identity']);
  expect(missing).toThrow(
    'the moon sink needs the packages @moon/sdk, @moon/identity, which are not installed: run "npm install @moon/sdk @moon/identity"',
  );
});
