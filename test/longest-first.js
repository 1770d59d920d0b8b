const Sequencer = require('@jest/test-sequencer').default;

/** Without timings of an earlier run, Jest sorts by the size of files and would run these files late. */
const LONGEST = [
  '/test/integration/faults/torture.test.ts',
  '/test/integration/faults/cluster.test.ts',
  '/test/integration/faults/processes.test.ts',
  '/test/integration/operations/way-back.test.ts',
  '/test/integration/operations/operations.test.ts',
  '/test/integration/operations/replays.test.ts',
  '/test/integration/page/killed.test.ts',
  '/test/package.test.ts',
  '/test/bridge/chunk-lane/chunk-order.model.test.ts',
  '/test/bridge/record-lane/key-order.model.test.ts',
];

module.exports = class extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => LONGEST.findIndex((end) => path.endsWith(end)) + 1 || Infinity;
    return [...super.sort(tests)].sort((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)));
  }
};
