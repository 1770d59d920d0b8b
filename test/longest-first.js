const Sequencer = require('@jest/test-sequencer').default;

/** Without timings of an earlier run, Jest sorts by the size of files and would run this file last. */
const LONGEST = /\/test\/integration\/faults\/torture\.test\.ts$/;

module.exports = class extends Sequencer {
  sort(tests) {
    const isLongest = ({ path }) => LONGEST.test(path);
    return [...super.sort(tests)].sort((a, b) => isLongest(b) - isLongest(a));
  }
};
