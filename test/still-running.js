const { relative } = require('node:path');

const EVERY_MS = 5 * 60_000;

/** A Jest reporter that names files that run for long. Jest itself says nothing of a file before the file's end. */
module.exports = class StillRunning {
  #begun = new Map();
  #timer;

  onRunStart() {
    this.#timer = setInterval(() => this.#report(), EVERY_MS).unref();
  }

  onTestFileStart({ path }) {
    this.#begun.set(path, Date.now());
  }

  onTestFileResult({ path }) {
    this.#begun.delete(path);
  }

  onRunComplete() {
    clearInterval(this.#timer);
  }

  #report() {
    for (const [path, begun] of this.#begun) {
      const minutes = Math.round((Date.now() - begun) / 60_000);
      if (minutes >= 5) console.log(`RUNS ${relative('.', path)} (for ${minutes} minutes)`);
    }
  }
};
