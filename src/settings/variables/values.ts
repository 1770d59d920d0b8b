import { z } from 'zod';

export const MAX_PORT = 65_535;

/** Parses a whole number from 1 on. */
export const count = z.coerce.number<string>().int().min(1);

/** Parses a port to listen on; 0: any free port. */
export const port = z.coerce.number<string>().int().min(0).max(MAX_PORT);

/** Parses a duration of at most an hour. */
export const milliseconds = count.max(3_600_000);
