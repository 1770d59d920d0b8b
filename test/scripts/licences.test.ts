import { readFileSync } from 'node:fs';
import { ALLOWED, LICENCES_FILE, licencesPage, productionLicences } from '../../scripts/licences';

const licences = productionLicences();

test('every package that is installed with this one has an allowed licence', () => {
  const { required, optional } = licences;
  const others = [...required, ...optional].filter(([, all]) =>
    all.split(', ').some((one) => !ALLOWED.includes(one)),
  );
  expect(others).toEqual([]);
  expect(required.get('kafkajs')).toBe('MIT');
  expect(required.has('fastify')).toBe(false);
  expect(optional.get('fastify')).toBe('MIT');
  expect([required, optional].some((one) => one.has('jest'))).toBe(false);
});

test('docs/reference/licences.md equals the output of `npm run licences`', () => {
  expect(readFileSync(LICENCES_FILE, 'utf8')).toBe(licencesPage(licences));
});
