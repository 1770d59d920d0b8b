import { difference, observe, type Observer, type Totals } from './observe';
import { judge, type Result } from './report';
import { expectation, type Scenario } from './scenarios';
import { sendScenario, type SendMessage } from './send';

export interface ScenarioRun {
  scenarios: Scenario[];
  send: SendMessage;
  observer: Observer;
  /** Whether a stream's sink will refuse this message for good, because of faults on demand. */
  willFail(this: void, stream: string, messageId: string): boolean;
  /** Whether exactly `sent` records have come to the topic since the run began. */
  alone?(this: void, sent: number): Promise<boolean>;
  onScenario(scenario: Scenario): void;
  /** Runs while the messages of a scenario are sent. Receives the totals before the scenario. */
  during?(scenario: Scenario, before: Map<string, Totals>): Promise<void>;
}

/**
 * Runs scenarios one after the other against a running system, and compares the outcome of each with its
 * expectation.
 */
export async function runScenarios(run: ScenarioRun): Promise<Result[]> {
  const { observer, willFail, alone = () => Promise.resolve(true) } = run;
  const results: Result[] = [];
  let sent = 0;
  let before = await observe(observer);
  for (const scenario of run.scenarios) {
    run.onScenario(scenario);
    await Promise.all([sendScenario(run.send, scenario.sends), run.during?.(scenario, before)]);
    sent += scenario.sends.length;
    const after = await observe(observer);
    const circumstances = { alone: await alone(sent) };
    for (const [stream, totals] of after) {
      const expected = expectation(scenario, (id) => willFail(stream, id));
      const seen = difference(totals, before.get(stream)!);
      results.push(judge(scenario, stream, expected, seen, circumstances));
    }
    before = after;
  }
  return results;
}
