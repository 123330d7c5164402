import { PlatformError } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import type { BrokerConnection } from './connection.ts';
import type { SecurityOptions } from './security.ts';

export interface ClusterOptions {
  /** host:port list, to begin with; the cluster names the others. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly security?: SecurityOptions;
  readonly log: Log;
  readonly onBytes?: (read: number, written: number) => void;
}

export interface TopicInfo {
  readonly id: string;
  /** By partition number, from 0. `leader` -1: none at present. */
  readonly partitions: readonly { readonly partition: number; readonly leader: number; readonly leaderEpoch: number }[];
}

export class Cluster {
  constructor(_o: ClusterOptions) {}

  clusterId(): Promise<string> {
    throw new PlatformError('INTERNAL', 'not yet');
  }

  topics(_names: readonly string[]): Promise<ReadonlyMap<string, TopicInfo>> {
    throw new PlatformError('INTERNAL', 'not yet');
  }

  connection(_nodeId: number, _purpose: string): Promise<BrokerConnection> {
    throw new PlatformError('INTERNAL', 'not yet');
  }

  anyConnection(_purpose: string): Promise<BrokerConnection> {
    throw new PlatformError('INTERNAL', 'not yet');
  }

  transactionCoordinator(_transactionalId: string, _purpose: string): Promise<BrokerConnection> {
    throw new PlatformError('INTERNAL', 'not yet');
  }

  forget(): void {}

  async close(): Promise<void> {}
}
