import { PlatformError } from '../../common/errors.ts';
import type { Api } from './api.ts';
import type { SecurityOptions } from './security.ts';

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export interface ConnectionOptions {
  readonly clientId: string;
  /** Until TCP, TLS and authentication are through; 10 s. */
  readonly connectTimeoutMs?: number;
  /** Until the answer of a request is there; 30 s. */
  readonly requestTimeoutMs?: number;
  readonly security?: SecurityOptions;
  /** Called for bytes that came and went, before TLS. */
  readonly onBytes?: (read: number, written: number) => void;
}

export interface RequestOptions {
  /** In place of the connection's; a long poll needs its wait on top. */
  readonly timeoutMs?: number;
  /** Highest version to use, to speak an older protocol on purpose. */
  readonly maxVersion?: number;
}

export class BrokerConnection {
  onClose?: () => void;

  static open(_address: BrokerAddress, _options: ConnectionOptions, _signal?: AbortSignal): Promise<BrokerConnection> {
    throw new PlatformError('INTERNAL', 'not yet');
  }

  get closed(): boolean {
    throw new PlatformError('INTERNAL', 'not yet');
  }

  request<Req, Res>(_api: Api<Req, Res>, _request: Req, _o?: RequestOptions): Promise<Res> {
    throw new PlatformError('INTERNAL', 'not yet');
  }

  feature(_name: string): number {
    throw new PlatformError('INTERNAL', 'not yet');
  }

  close(): void {
    throw new PlatformError('INTERNAL', 'not yet');
  }
}
