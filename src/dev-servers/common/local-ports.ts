/** Ports at which servers are looked for first. If none answers there, a new server starts on the port. */
export interface LocalPorts {
  kafka: number;
  temporal: number;
  temporalUi: number;
  s3: number;
  blob: number;
}

export const DEFAULT_PORTS: LocalPorts = {
  kafka: 9092,
  temporal: 7233,
  temporalUi: 8233,
  s3: 7070,
  blob: 10_000,
};

export function localAddress(port: number): string {
  return `127.0.0.1:${port}`;
}

export function localUrl(port: number): string {
  return `http://${localAddress(port)}`;
}
