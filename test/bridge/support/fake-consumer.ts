import { EventEmitter } from 'node:events';
import type { GroupConsumer } from '../../../src/kafka/kafka';

export type Handler = (payload: object) => Promise<void>;

/** Stands for kafkajs's consumer, with the methods that the bridge uses. The test plays the broker. */
export class FakeConsumer extends EventEmitter {
  readonly events = {
    GROUP_JOIN: 'join',
    REBALANCING: 'rebalancing',
    HEARTBEAT: 'heartbeat',
    START_BATCH_PROCESS: 'start',
    FETCH: 'fetch',
    CRASH: 'crash',
  };
  readonly resumed: number[][] = [];
  handler: Handler = () => Promise.reject(new Error('not running'));
  hasGroup = true;

  /** This consumer, as a group client returns it. */
  get consumer(): GroupConsumer {
    return this as unknown as GroupConsumer;
  }

  missingRight = () => undefined;
  connect = () => Promise.resolve();
  disconnect = () => Promise.resolve();
  subscribe = () => Promise.resolve();
  run = ({ eachBatch }: { eachBatch: Handler }) => {
    this.handler = eachBatch;
    return Promise.resolve();
  };
  /** How often a partition was paused. */
  pauses = 0;
  pause = () => {
    this.needGroup();
    this.pauses++;
  };
  resume = ([{ partitions }]: [{ partitions: number[] }]) => {
    this.needGroup();
    this.resumed.push(partitions);
  };
  readonly sought: object[] = [];
  seek = (position: { offset: string }) => void this.sought.push(position);
  private needGroup() {
    if (!this.hasGroup) throw new Error('Consumer group was not initialized');
  }
}
