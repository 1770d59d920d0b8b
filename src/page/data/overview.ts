import type { StatusCounts } from '../../operations/letter-index/letter-groups';
import type { StreamStatus } from '../../operations/status/status';
import { faultsOf } from './answers';
import type { PageData } from './page-data';
import { problemsOf, unsettledLetters, type Problem } from './problems';

/** A stream as the overview shows it. */
export interface OverviewStream {
  name: string;
  topic: string;
  deadLetterTopic: string;
  /** Null while Kafka or Temporal does not answer. */
  status: StreamStatus | null;
  /** When the status was asked for, ISO 8601. */
  at: string | null;
  /** Known even while Temporal does not answer; null while Kafka does not. */
  lag: number | null;
  /** Dead letters by what became of their records; null while they are counted for the first time. */
  letters: StatusCounts | null;
  problems: Problem[];
}

/** Asks for the status of a stream; for its lag alone if that fails, because Kafka may answer while Temporal does not. */
export async function overviewOf(
  data: PageData,
  name: string,
): Promise<{ stream: OverviewStream; notices: string[] }> {
  const stream = data.stream(name)!;
  const { topic, deadLetterTopic } = stream;
  const { counts: letters, since, notices } = await data.letters(stream);
  const status = await data.status(stream);
  const known = status.value ?? null;
  const progress = known ? undefined : await data.progress(stream);
  return {
    stream: {
      ...{ name, topic, deadLetterTopic, status: known },
      at: status.at?.toISOString() ?? null,
      lag: known?.lag ?? progress?.value?.lag ?? null,
      letters,
      problems: known ? problemsOf(known, letters, since) : unsettledLetters(name, letters, since),
    },
    notices: [
      ...notices,
      ...faultsOf({
        [`Status of stream ${name}`]: status,
        ...(progress && { [`Lag of stream ${name}`]: progress }),
      }),
    ],
  };
}
