import http, { type AgentOptions } from 'node:http';
import https from 'node:https';

/** An idle connection is closed after this time, because many servers close it after five seconds. */
const MAX_IDLE_MS = 4_000;

/**
 * Agents that keep connections for the next request (`kept`), and agents that open a new one for each (`fresh`).
 */
export function connectionAgents() {
  const kept = {
    'http:': new http.Agent(options(http)),
    'https:': new https.Agent(options(https)),
  };
  const fresh = {
    'http:': new http.Agent({ ...options(http), keepAlive: false }),
    'https:': new https.Agent({ ...options(https), keepAlive: false }),
  };
  const all = [...Object.values(kept), ...Object.values(fresh)];
  return {
    kept: ({ protocol }: URL): http.Agent => kept[protocol as keyof typeof kept],
    fresh: ({ protocol }: URL): http.Agent => fresh[protocol as keyof typeof fresh],
    destroy: () => all.forEach((agent) => agent.destroy()),
  };
}

/**
 * Options of an agent. They include the options of the process's own agent, which name the proxy to use on
 * versions of Node that know one.
 */
function options({ globalAgent }: typeof http | typeof https): AgentOptions {
  const { options } = globalAgent as unknown as { options: AgentOptions };
  return { ...options, keepAlive: true, timeout: MAX_IDLE_MS };
}
