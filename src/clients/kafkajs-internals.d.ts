/** Parts of kafkajs 2.2.4 that its own types leave out. */
declare module 'kafkajs/src/network/requestQueue' {
  class RequestQueue {
    pending: unknown[];
    scheduleCheckPendingRequests: (this: RequestQueue) => void;
  }
  export = RequestQueue;
}

declare module 'kafkajs/src/protocol/encoder' {
  class Encoder {
    static nextPowerOfTwo(value: number): number;
    static sizeOfVarInt(value: number): number;
    static sizeOfVarLong: (value: unknown) => number;
    buf: Buffer;
    offset: number;
    ensureAvailable: (this: Encoder, bytes: number) => void;
    writeUVarInt: (this: Encoder, value: number) => Encoder;
    writeVarLong: (this: Encoder, value: unknown) => Encoder;
    writeVarIntBytes: (this: Encoder, value: Buffer | null) => Encoder;
  }
  export = Encoder;
}

declare module 'kafkajs/src/protocol/error' {
  import type { KafkaJSProtocolError } from 'kafkajs';
  export function createErrorFromCode(code: number): KafkaJSProtocolError;
}

declare module 'kafkajs/src/consumer/consumerGroup' {
  class ConsumerGroup {
    joinAndSync: (this: ConsumerGroup) => Promise<void>;
    heartbeat: (this: ConsumerGroup, options: { interval: number }) => Promise<void>;
  }
  export = ConsumerGroup;
}

declare module 'kafkajs/src/consumer/batch' {
  import type { KafkaMessage } from 'kafkajs';
  class Batch {
    constructor(topic: string, fetchedOffset: string, partitionData: object);
    messages: KafkaMessage[];
    rawMessages: unknown[];
    lastOffset(): string;
  }
  export = Batch;
}
