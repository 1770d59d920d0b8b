import type { RecordFailure } from '../domain/workflow/failure';

/** The most characters of a message. An activity of the framework cuts its messages to 2,000 bytes. */
const MAX_MESSAGE_LENGTH = 2_000;

/** Characters that control a terminal, break a line or change the direction of text, and halves of characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Makes the details that the Temporal UI shows for a workflow that has dead-lettered its record: why it failed, and how
 * to run it again. The UI reads them as Markdown. A message or an id may come from anybody, so both are shown as code.
 *
 * Never throws: an error here would fail the workflow task again and again. A user's own workflow in plain JavaScript
 * may give a type or a message that is no text.
 */
export function failedDetails(
  { type, message, attempts }: RecordFailure,
  workflowId: string,
  stream: string,
): string {
  return [
    `The record is on the dead-letter topic: ${code(String(type))}, ${afterAttempts(attempts)}.`,
    code(String(message ?? '').slice(0, MAX_MESSAGE_LENGTH) || 'no message'),
    'Mend the cause. Then run the record again:',
    '```\n' +
      `npx cloudsync failed replay --wait${streamOption(stream)} ${argument(workflowId)}` +
      '\n```',
  ].join('\n\n');
}

function afterAttempts(attempts: number): string {
  if (attempts === 0) return 'without an attempt at the sink';
  return attempts === 1 ? 'after 1 attempt at the sink' : `after ${attempts} attempts at the sink`;
}

/** Formats a text as code, which can't be a link or an image. */
function code(text: string): string {
  return `\`${text.replace(UNPRINTABLE, '\ufffd').replaceAll('`', "'")}\``;
}

/** Names the stream, because the streams of `cloudsync try` are found only by name. */
function streamOption(stream: unknown): string {
  return typeof stream === 'string' && /^[a-z0-9._-]+$/.test(stream) ? ` --stream ${stream}` : '';
}

/** Quotes a workflow id for a shell. An id that a person could not copy is left out. */
function argument(workflowId: string): string {
  if (/^\w[\w.:@~/-]*$/.test(workflowId)) return workflowId;
  const isCopyable = workflowId.search(UNPRINTABLE) === -1 && !workflowId.includes('`');
  if (!isCopyable) return 'WORKFLOW_ID';
  const quoted = `'${workflowId.replaceAll("'", `'\\''`)}'`;
  // Without "--", the command would take the id for an option.
  return workflowId.startsWith('-') ? `-- ${quoted}` : quoted;
}
