import { DefaultFailureConverter } from '@temporalio/common';

/**
 * Puts messages and stack traces of failures where the payload codec encodes them. When payloads are encrypted,
 * this file is part of the workflow bundle, and workers and clients load it too.
 */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
