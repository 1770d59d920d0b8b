import { connectTemporal } from '../../src/temporal/temporal';
import { loadSettings } from '../../src/settings/config';
import { loadStreams } from '../../src/cli/options/load-streams';
import type { ReconcileReport } from '../../src/operations/reconcile/reconcile';
import { readJournal, type JournalEntry } from './journal';
import { judgeOrder, judgeStream, judgeTopic, type Verdict } from './judge';
import type { Ledger } from './ledger';
import { observeStream, reconcileReport, untraceable } from './observe';
import type { TortureOptions } from './options';
import type { Servers } from './servers';
import { journalFile, OWN_VARIABLE, streamName } from './streams';

export interface JudgedStream extends Verdict {
  name: string;
  lane: 'record' | 'chunk';
  /** What can't be traced from a dead letter to its workflow. */
  untraceable: string[];
  /** Records that reached the sink out of order, where an order is asked for. */
  misordered: string[];
  reconcile: ReconcileReport;
  /** Writes that the sink has answered, by outcome. */
  writes: { written: number; duplicate: number };
}

export interface JudgedRun {
  streams: JudgedStream[];
  /** Acknowledged and not on the topic. */
  lost: string[];
  /** Rejected and on the topic. */
  leaked: string[];
  /** Rejected and valid. */
  refused: string[];
  /** Invalid, and taken by the HTTP producer, which checks as the bridge does. */
  admitted: string[];
  journal: JournalEntry[];
}

/** Compares all that lies somewhere at the end with the producer's books. */
export async function judgeRun(run: {
  options: TortureOptions;
  lanes: ('record' | 'chunk')[];
  servers: Servers;
  ledger: Ledger;
  operator: NodeJS.ProcessEnv;
  directory: string;
  progress: (text: string) => void;
}): Promise<JudgedRun> {
  const { options, lanes, servers, ledger, operator, directory, progress } = run;
  // The stream module reads it from the environment, here as in its own processes.
  process.env[OWN_VARIABLE] = operator[OWN_VARIABLE];
  const settings = loadSettings(operator);
  const streams = await loadStreams(settings);
  const temporal = await connectTemporal(settings.temporal);
  const judged: JudgedRun = {
    streams: [],
    lost: [],
    leaked: [],
    refused: [],
    admitted: [],
    journal: [],
  };
  for (const lane of lanes) {
    const name = streamName(lane);
    progress(`judging ${name}`);
    const stream = streams.find((one) => one.name === name)!;
    const observed = await observeStream(servers.direct.kafka, stream);
    await stream.sink.close?.();
    const journal = await readJournal(journalFile(directory, name));
    judged.journal.push(...journal);
    const { fates } = ledger;
    const { appendOnly, ordering } = options;
    Object.assign(judged, judgeTopic(ledger.sendings, observed.records, fates));
    judged.streams.push({
      name,
      lane,
      ...judgeStream({ ...observed, lane, appendOnly, fates }),
      untraceable: await untraceable(servers.direct.kafka, temporal.client, stream, operator),
      misordered: judgeOrder(journal, ordering),
      reconcile: await reconcileReport(name, operator),
      writes: {
        written: journal.filter(({ outcome }) => outcome === 'written').length,
        duplicate: journal.filter(({ outcome }) => outcome === 'duplicate').length,
      },
    });
  }
  await temporal.close();
  return judged;
}
