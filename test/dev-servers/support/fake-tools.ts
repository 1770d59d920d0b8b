import type { ToolRun, Tools } from '../../../src/dev-servers/cache/tools';

/** Tools with the given outputs. A tool that is not listed is missing. */
export function fakeTools(
  answers: Record<string, string>,
  onRun: (run: ToolRun) => void | Promise<void> = () => undefined,
): Tools & { runs: string[] } {
  const runs: string[] = [];
  return {
    runs,
    ask: (command, args) =>
      Promise.resolve(answers[[command, ...args].join(' ')] ?? answers[command]),
    run: async (run) => {
      runs.push([run.command, ...run.args].join(' '));
      await onRun(run);
    },
  };
}
