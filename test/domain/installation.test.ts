import { UsageError } from '../../src/domain/errors';
import { requireWholeInstallation } from '../../src/domain/installation';

/** A `require` that finds zod 4 and throws the error for the package. */
const broken = (packageName: string, message: string) => (name: string) => {
  if (name === packageName) throw new Error(message);
  return { z: { iso: {} }, version: '1.2.3' };
};

test('this checkout is whole', () => {
  expect(() => requireWholeInstallation()).not.toThrow();
});

test('an older zod is an error that says which one to install', () => {
  const check = () => requireWholeInstallation(() => ({ z: { object: () => undefined } }));
  expect(check).toThrow(UsageError);
  expect(check).toThrow(
    'CloudSync needs zod 4, but an older version is installed: run "npm install zod@4"',
  );
});

test.each([
  [
    'zod',
    "Cannot find module 'zod'\nRequire stack:\n- /a.js",
    /^CloudSync needs zod 4, which can't be loaded: Cannot find module 'zod'; run "npm install zod@4"$/,
  ],
  [
    '@node-rs/crc32',
    'Cannot find native binding.',
    /^the native part of @node-rs\/crc32 .*--omit=optional.*"npm install --include=optional"$/,
  ],
  ['snappy', 'Cannot find native binding.', /^the native part of snappy /],
  [
    '@temporalio/worker',
    "duplicate name 'ActivityHeartbeat' in Namespace coresdk",
    /more than one copy of it .*"npm ls @temporalio\/proto".* the version 1\.2\.3, and install again$/,
  ],
  [
    '@temporalio/worker',
    'Error loading shared library ld-linux-x86-64.so.2: No such file or directory',
    /needs glibc, which Alpine lacks/,
  ],
  [
    '@temporalio/worker',
    "Cannot find module 'rxjs'",
    /Cannot find module 'rxjs'; remove node_modules and install again$/,
  ],
])('a %s that fails with "%s" is an error that says what to do', (name, message, text) => {
  const check = () => requireWholeInstallation(broken(name, message));
  expect(check).toThrow(UsageError);
  expect(check).toThrow(text);
});
