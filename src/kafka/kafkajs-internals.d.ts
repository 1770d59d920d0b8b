/** Parts of kafkajs 2.2.4 that its own types leave out. */
declare module 'kafkajs/src/protocol/encoder' {
  class Encoder {
    static nextPowerOfTwo(value: number): number;
    static sizeOfVarInt(value: number): number;
    static sizeOfVarLong: (value: unknown) => number;
    buf: Buffer;
    offset: number;
    ensureAvailable: (this: Encoder, bytes: number) => void;
    writeUVarInt: (this: Encoder, value: number) => Encoder;
    writeInt8(value: number): Encoder;
    writeInt32(value: number): Encoder;
    writeInt64(value: number): Encoder;
    writeBoolean(value: boolean): Encoder;
    writeBuffer(value: Buffer): Encoder;
    writeUVarIntString(value: string): Encoder;
    writeUVarIntArray(value: Encoder[]): Encoder;
    writeVarLong: (this: Encoder, value: unknown) => Encoder;
    writeVarIntBytes: (this: Encoder, value: Buffer | null) => Encoder;
  }
  export = Encoder;
}

declare module 'kafkajs/src/protocol/error' {
  import type { KafkaJSProtocolError } from 'kafkajs';
  export function createErrorFromCode(code: number): KafkaJSProtocolError;
}

declare module 'kafkajs/src/broker' {
  import type { ClusterMetadata } from 'kafkajs/src/cluster';
  import type Connection from 'kafkajs/src/network/connection';
  interface Call {
    request: { apiVersion: number };
    requestTimeout: number;
  }
  class Broker {
    /** Makes requests in the highest version that both kafkajs and the broker know. */
    lookupRequest(apiKey: number, definitions: object): (options: object) => Call;
    connectionPool: { send(call: object): Promise<unknown>; pool: Connection[] };
    connect(): Promise<void>;
    /** By the number of the request type. */
    versions: Record<number, { maxVersion: number } | undefined> | null;
    disconnect(): Promise<void>;
    metadata: (this: Broker, topics?: string[]) => Promise<ClusterMetadata>;
    listOffsets(request: {
      isolationLevel: number;
      topics: { topic: string; partitions: { partition: number; timestamp: number }[] }[];
    }): Promise<{
      responses: { partitions: { partition: number; offset: string }[] }[];
    }>;
  }
  export = Broker;
}

declare module 'kafkajs/src/protocol/requests' {
  export const requests: { Fetch: object; ListOffsets: object };
}

declare module 'kafkajs/src/protocol/requests/apiKeys' {
  const apiKeys: { Produce: number; Fetch: number; ListOffsets: number; Metadata: number };
  export = apiKeys;
}

declare module 'kafkajs/src/utils/shuffle' {
  function shuffle<T>(array: readonly T[]): T[];
  export = shuffle;
}

declare module 'kafkajs/src/errors' {
  import type { KafkaJSProtocolError } from 'kafkajs';
  export class KafkaJSOffsetOutOfRange extends Error {
    constructor(error: KafkaJSProtocolError, where: { topic: string; partition: number });
  }
}

declare module 'kafkajs/src/consumer/consumerGroup' {
  import type Broker from 'kafkajs/src/broker';
  interface TopicPartitions {
    topic: string;
    partitions: number[];
  }
  class ConsumerGroup {
    connect: (this: ConsumerGroup) => Promise<void>;
    joinAndSync: (this: ConsumerGroup) => Promise<void>;
    heartbeat: (this: ConsumerGroup, options: { interval: number }) => Promise<void>;
    fetch: (this: ConsumerGroup, nodeId: string) => Promise<object[]>;
    recoverFromFetch: (this: ConsumerGroup, error: unknown) => Promise<void>;
    checkForStaleAssignment(): void;
    filterPartitionsByNode(nodeId: string, owned: TopicPartitions[]): TopicPartitions[];
    seekOffsets(owned: TopicPartitions[]): Promise<void>;
    getActiveTopicPartitions(): Record<string, Set<number>>;
    /** All runs of a consumer have the same cluster. */
    cluster: {
      refreshMetadata(): Promise<void>;
      refreshMetadataIfNecessary(): Promise<void>;
      findBroker(options: { nodeId: string }): Promise<Broker>;
    };
    subscriptionState: {
      assigned(): TopicPartitions[];
      isPaused(topic: string, partition: number): boolean;
    };
    seekOffset: {
      has(topic: string, partition: number): boolean;
      set(topic: string, partition: number, offset: string): void;
      clear(): void;
    };
    /** Each join makes a new offset manager. */
    offsetManager: {
      committedOffsets(): Record<string, Record<number, string | undefined>>;
      nextOffset(topic: string, partition: number): { toString(): string };
    };
    preferredReadReplicasPerTopicPartition: Record<
      string,
      Record<number, { nodeId: number; expireAt: number }>
    >;
    maxWaitTime: number;
    minBytes: number;
    maxBytes: number;
    maxBytesPerPartition: number;
    rackId: string;
    metadataMaxAge: number;
  }
  export = ConsumerGroup;
}

declare module 'kafkajs/src/protocol/requests/createTopics/v1/response' {
  interface Data {
    topicErrors: { topic: string; errorMessage: string | null }[];
  }
  const response: { parse: (this: void, data: Data) => Promise<Data> };
  export = response;
}

declare module 'kafkajs/src/protocol/requests/createTopics/v2/response' {
  interface Data {
    topicErrors: { topic: string; errorMessage: string | null }[];
  }
  const response: { parse: (this: void, data: Data) => Promise<Data> };
  export = response;
}

declare module 'kafkajs/src/protocol/requests/createTopics/v3/response' {
  interface Data {
    topicErrors: { topic: string; errorMessage: string | null }[];
  }
  const response: { parse: (this: void, data: Data) => Promise<Data> };
  export = response;
}

declare module 'kafkajs/src/network/connection' {
  import type { Socket } from 'node:net';
  class Connection {
    constructor(options: object);
    host: string;
    port: number;
    socket: Socket | undefined;
    chunks: Buffer[];
    bytesBuffered: number;
    bytesNeeded: number;
    authHandlers: object | null;
    requestQueue: { pending: unknown[]; scheduleCheckPendingRequests(): void };
    isConnected(): boolean;
    connect: (this: Connection) => Promise<boolean>;
    send: (this: Connection, request: object) => Promise<unknown>;
    disconnect: (this: Connection) => Promise<boolean>;
    rejectRequests(error: Error): void;
  }
  export = Connection;
}

declare module 'kafkajs/src/cluster' {
  import type Broker from 'kafkajs/src/broker';
  export interface ClusterMetadata {
    topicMetadata: {
      topicErrorCode: number;
      topic: string;
      partitionMetadata: { partitionErrorCode: number; partitionId: number; leader: number }[];
    }[];
  }
  export interface Cluster {
    targetTopics: Set<string>;
    refreshMetadata(): Promise<void>;
    brokerPool: {
      metadata: ClusterMetadata | null;
      metadataExpireAt: number;
      createBroker: (options: object) => Broker;
      refreshMetadata: (topics: string[]) => Promise<void>;
    };
    findTopicPartitionMetadata: (
      this: Cluster,
      topic: string,
    ) => ClusterMetadata['topicMetadata'][number]['partitionMetadata'];
  }
}

declare module 'kafkajs/src/protocol/requests/metadata/v6/response' {
  import type { ClusterMetadata } from 'kafkajs/src/cluster';
  const response: { parse: (data: ClusterMetadata) => Promise<ClusterMetadata> };
  export = response;
}

declare module 'kafkajs/src/consumer/offsetManager' {
  import type { Cluster } from 'kafkajs/src/cluster';
  interface TopicPartition {
    topic: string;
    partition: number;
  }
  interface Coordinator {
    offsetFetch(request: {
      groupId: string;
      topics: { topic: string; partitions: { partition: number }[] }[];
    }): Promise<{ responses: { partitions: { metadata: string | null }[] }[] }>;
    offsetCommit(request: {
      groupId: string;
      memberId: string;
      groupGenerationId: number;
      topics: {
        topic: string;
        partitions: { partition: number; offset: string; metadata: string | null }[];
      }[];
    }): Promise<unknown>;
  }
  class OffsetManager {
    cluster: Cluster;
    groupId: string;
    generationId: number;
    memberId: string;
    setDefaultOffset: (this: OffsetManager, where: TopicPartition) => Promise<void>;
    clearOffsets(where: TopicPartition): void;
    getCoordinator(): Promise<Coordinator>;
  }
  export = OffsetManager;
}

declare module 'kafkajs/src/protocol/decoder' {
  class Decoder {
    constructor(bytes: Buffer);
  }
  export = Decoder;
}

declare module 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages' {
  import type { KafkaMessage } from 'kafkajs';
  function decodeMessages(decoder: object): Promise<(KafkaMessage & { headers: object })[]>;
  export = decodeMessages;
}
