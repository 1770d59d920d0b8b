import { together } from '../../../src/dev-servers/process/together';

test('together says once what two starts fail with alike', async () => {
  const fails = () => Promise.reject(new Error('no folder'));
  const other = () => Promise.reject(new Error('no port'));
  await expect(together([fails(), other(), fails()])).rejects.toThrow(/^no folder\n\nno port$/);
});
