import fc from 'fast-check';

/**
 * Runs few cases, and the same in every run. `FUZZ_RUNS=100000` looks for new ones. A failure names its seed
 * and path, and `FUZZ_SEED` repeats it.
 */
const { FUZZ_RUNS, FUZZ_SEED } = process.env;
fc.configureGlobal({
  numRuns: FUZZ_RUNS === undefined ? 150 : Number(FUZZ_RUNS),
  ...(FUZZ_SEED !== undefined && { seed: Number(FUZZ_SEED) }),
  ...(FUZZ_SEED === undefined && FUZZ_RUNS === undefined && { seed: 20_261_125 }),
});
