import type { Command } from 'commander';
import { newToken } from '../../http/tokens';
import { createApi } from '../../processes/create-api';
import type { StreamFlags } from '../options/context';
import { printJson, say } from '../output/output';
import { runService } from './run-service';
import { withStreamOptions } from '../options/stream-options';

export function addApiCommand(program: Command): void {
  const api = program.command('api').description('messages over HTTP');
  withStreamOptions(api.command('start'))
    .description("start the HTTP producer: POST /v1/messages goes to the streams' topic")
    .action((flags: StreamFlags) => runService(flags, createApi, 'api'));
  api
    .command('token')
    .description('make a bearer token for the HTTP producer, and its hash for CLOUDSYNC_API_TOKENS')
    .option('--json', 'print one JSON document')
    .action(({ json }: { json?: boolean }) => {
      const { token, hash } = newToken();
      if (json) return printJson({ token, hash });
      process.stdout.write(`${token}\n`);
      say(`CLOUDSYNC_API_TOKENS takes its hash: ${hash}`);
    });
}
