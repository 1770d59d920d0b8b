import type { RecordPosition } from '../domain/record/record';

export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

export type StreamAction = 'pause' | 'resume' | 'replay' | 'discard' | 'reopen' | 'give-up';

/** Makes the addresses of the screens. All filters are in the address, so a link shows what its sender saw. */
export class Links {
  /** `base`: the path below which the page is registered, without a slash at its end. */
  constructor(readonly base: string) {}

  /** The path of cookies. Without a slash at its end, so that it also means the page's own address without one. */
  get cookiePath(): string {
    return this.base === '' ? '/' : this.base;
  }

  /** An address below the page's own. */
  to(path: string, query: Query = {}): string {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      for (const one of [value ?? []].flat()) if (one !== '') parameters.append(name, one);
    }
    const text = parameters.toString();
    return `${this.base}${path}${text === '' ? '' : `?${text}`}`;
  }

  stream(name: string): string {
    return this.to(`/streams/${segment(name)}`);
  }

  history(stream: string): string {
    return this.to(`/streams/${segment(stream)}/history`);
  }

  deadLetter(stream: string, { partition, offset }: Omit<RecordPosition, 'topic'>): string {
    return this.to(`/dead-letters/${segment(stream)}/${partition}/${offset}`);
  }

  /** Where a person does something to a stream or to its letters. */
  act(stream: string, verb: StreamAction, query: Query = {}): string {
    return this.to(`/streams/${segment(stream)}/${verb}`, query);
  }

  replay(id: string, query: Query = {}): string {
    return this.to(`/replays/${segment(id)}`, query);
  }

  trace(messageId: string): string {
    // A browser takes `..` for a way up, and a proxy may decode a slash before it passes the path on.
    if (/[/\\]|^\.{1,2}$/.test(messageId)) return this.to('/trace', { id: messageId });
    return this.to(`/trace/${segment(messageId)}`);
  }
}

/** A text as a part of a path. Half of a surrogate pair, which JSON may have, has no place in an address. */
function segment(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
