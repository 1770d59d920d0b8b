import { readFileSync } from 'node:fs';
import { ALLOWED, LICENCES_FILE, licencesPage, productionLicences } from '../../scripts/licences';

const licences = productionLicences();

test('every package that is installed with this one has a licence that is let in', () => {
  const others = [...licences].filter(([, all]) =>
    all.split(', ').some((one) => !ALLOWED.includes(one)),
  );
  expect(others).toEqual([]);
  expect(licences.get('kafkajs')).toBe('MIT');
  expect(licences.has('jest')).toBe(false);
});

test('docs/reference/licences.md is what `npm run licences` makes', () => {
  expect(readFileSync(LICENCES_FILE, 'utf8')).toBe(licencesPage(licences));
});
