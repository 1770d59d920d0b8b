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
  /** Dead letters that can't be traced to their workflows. */
  untraceable: string[];
  /** Records that reached the sink out of order, if the stream has an order. */
  misordered: string[];
  reconcile: ReconcileReport;
  /** Writes that the sink has answered, by outcome. */
  writes: { written: number; duplicate: number };
}

export interface JudgedRun {
  streams: JudgedStream[];
  /** Messages that were acknowledged and are not on the topic. */
  lost: string[];
  /** Messages that were rejected and are on the topic. */
  leaked: string[];
  /** Messages that were rejected although they are valid. */
  refused: string[];
  /** Invalid messages that the HTTP producer accepted, although it checks as the bridge does. */
  admitted: string[];
  journal: JournalEntry[];
}

/** Compares topics, sinks and dead letters at the end of a run with the producer's ledger. */
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
  // The stream module reads this variable here, as it does in its own processes.
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
