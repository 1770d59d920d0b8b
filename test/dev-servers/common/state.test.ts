import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readState, recordServer } from '../../../src/dev-servers/common/state';
import { temporaryDirectory } from '../support/temporary-directory';

const kafka = { pid: 1, startTime: '10', port: 9092 };
const temporal = { pid: 2, startTime: '20', port: 7233, uiPort: 8233 };

test('the state keeps entries one by one, and creates its directory', () => {
  const directory = join(temporaryDirectory(), 'a', 'b');
  expect(readState(directory)).toEqual({});
  recordServer(directory, 'kafka', kafka);
  recordServer(directory, 'temporal', temporal);
  expect(readState(directory)).toEqual({ kafka, temporal });
  recordServer(directory, 'kafka', undefined);
  expect(readState(directory)).toEqual({ temporal });
});

test('a file that is no state is an error that names the file', () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'state.json');
  writeFileSync(path, '{"kafka": {"pid": "one"}}');
  expect(() => readState(directory)).toThrow(path);
});
