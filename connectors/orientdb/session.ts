import { createRequire } from 'node:module';
import { PlatformError } from '../../common/errors.ts';
import { orientError, unavailable } from './session-errors.ts';

export interface OrientAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** A record id, as orientjs gives and takes it. */
export interface OrientRecordId {
  readonly cluster: number;
  readonly position: number;
}

export type OrientParam = string | number | boolean | null | OrientRecordId | readonly OrientParam[] | OrientMap;
export interface OrientMap {
  readonly [name: string]: OrientParam;
}
export type OrientRow = Readonly<Record<string, unknown>>;

/** One socket of orientjs. The package has no types; this is the part of lib/client/network/connection.js that is used here. */
interface DriverConnection {
  connect(): PromiseLike<unknown>;
  send(operation: 'db-open' | 'query' | 'query-next', data: Record<string, unknown>): PromiseLike<OpenAnswer>;
  forceClose(): void;
  handleSocketData(data: Buffer): void;
  cancel(error: Error): void;
  on(event: 'error' | 'close', listener: (error?: Error) => void): void;
}
interface OpenAnswer {
  readonly sessionId: number;
  readonly token: Buffer;
}

const require = createRequire(import.meta.url);
const Connection = require('orientjs/lib/client/network/connection') as new (address: {
  host: string;
  port: number;
}) => DriverConnection;
const { OPERATION_TYPES } = require('orientjs/lib/client/database/constants') as {
  OPERATION_TYPES: { COMMAND: number; QUERY: number; EXECUTE: number };
};

/** Rows per answer of the server; more are fetched page by page. */
const PAGE_ROWS = 1_000;
/** Longest silence of the server while an answer is due, before it counts as away. */
const ANSWER_TIMEOUT_MS = 30_000;
const WATCH_MS = 1_000;

/**
 * One session of OrientDB on one socket. Statements may be sent without waiting: the server runs them in order and answers in order.
 * It stands on the connection class of orientjs 3.2.0, not on its client, which does not survive a restart of the server: from then on
 * each statement fails with "Cannot select the server", and one that it repeats on a new session never settles (lib/client/topology/server.js,
 * lib/client/database/session.js). A session here never reconnects: it fails with SINK_UNAVAILABLE, and the runner opens another.
 */
export class OrientSession {
  readonly #connection: DriverConnection;
  readonly #watch: NodeJS.Timeout;
  #opened: OpenAnswer | undefined;
  #failure: PlatformError | undefined;
  #due = 0;
  #lastAnswerAt = 0;
  #fail: (error: PlatformError) => void = () => undefined;
  readonly #failed: Promise<never>;

  private constructor(address: OrientAddress) {
    this.#failed = new Promise((_, reject) => {
      this.#fail = (error) => {
        this.#failure ??= error;
        reject(this.#failure);
      };
    });
    this.#failed.catch(() => undefined);
    this.#connection = new Connection({ host: address.host, port: address.port });
    this.#connection.on('error', (error) => this.#break(unavailable(error)));
    this.#connection.on('close', (error) => this.#break(unavailable(error ?? new Error('connection closed'))));
    this.#containParser();
    this.#watch = setInterval(() => this.#checkSilence(), WATCH_MS);
  }

  /** Errors: SINK_UNAVAILABLE: no server, no such database, wrong password. */
  static async open(address: OrientAddress, password: string, signal: AbortSignal): Promise<OrientSession> {
    signal.throwIfAborted();
    const session = new OrientSession(address);
    return await session.endWith(signal, async () => {
      try {
        await session.#answer(() => session.#connection.connect());
        const { database: name, user: username } = address;
        session.#opened = await session.#answer(() =>
          session.#connection.send('db-open', { name, username, password }),
        );
        return session;
      } catch (cause) {
        session.close();
        throw unavailable(cause);
      }
    });
  }

  /** Runs work on this session; when the signal is aborted the session is closed and the signal's reason thrown. */
  async endWith<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const stop = () => this.close();
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Rows of an idempotent statement. */
  async query(sql: string, params: OrientMap = {}): Promise<readonly OrientRow[]> {
    return await this.#run(OPERATION_TYPES.QUERY, sql, params);
  }

  /** One statement that changes something. */
  async command(sql: string, params: OrientMap = {}): Promise<readonly OrientRow[]> {
    return await this.#run(OPERATION_TYPES.COMMAND, sql, params);
  }

  /**
   * Several statements, each with its semicolon, as one transaction. OrientDB leaves one that fails before its COMMIT open: what this
   * session did next would be part of it, be answered as done and never be stored. Hence both ROLLBACKs, which do nothing otherwise: the
   * first for transactions that were sent behind a failing one, the last for all else.
   */
  async transaction(sql: string, params: OrientMap): Promise<void> {
    try {
      await this.#run(OPERATION_TYPES.EXECUTE, `ROLLBACK; BEGIN; ${sql} COMMIT;`, params);
    } catch (error) {
      await this.#run(OPERATION_TYPES.EXECUTE, 'ROLLBACK;', {}).catch((cause) => this.#break(unavailable(cause)));
      throw error;
    }
  }

  close(): void {
    this.#break(new PlatformError('SINK_UNAVAILABLE', 'the OrientDB session is closed'));
  }

  async #run(operationType: number, query: string, params: OrientMap): Promise<readonly OrientRow[]> {
    const rows: OrientRow[] = [];
    const stream = {
      queryId: '',
      queryClosed: false,
      requestedNext: false,
      push: (row: OrientRow | null) => row !== null && rows.push(row),
      _fetchNext: () => undefined,
    };
    const common = { ...this.#opened, pageSize: PAGE_ROWS, stream };
    const first = { ...common, query, operationType, language: 'sql', params: { params } };
    await this.#answer(() => this.#connection.send('query', first));
    while (stream.requestedNext && !stream.queryClosed) {
      stream.requestedNext = false;
      await this.#answer(() => this.#connection.send('query-next', { ...common, queryId: stream.queryId }));
    }
    return rows;
  }

  async #answer<T>(ask: () => PromiseLike<T>): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#due++ === 0) this.#lastAnswerAt = Date.now();
    try {
      return await Promise.race([ask(), this.#failed]);
    } catch (error) {
      throw this.#failure ?? orientError(error);
    } finally {
      this.#due--;
      this.#lastAnswerAt = Date.now();
    }
  }

  #checkSilence(): void {
    if (this.#due === 0 || Date.now() - this.#lastAnswerAt < ANSWER_TIMEOUT_MS) return;
    this.#break(new PlatformError('SINK_UNAVAILABLE', `OrientDB has not answered for ${ANSWER_TIMEOUT_MS} ms`));
  }

  #break(error: PlatformError): void {
    if (this.#failure !== undefined) return;
    this.#fail(error);
    clearInterval(this.#watch);
    this.#connection.cancel(error);
    this.#connection.forceClose();
  }

  /** orientjs parses in the socket's data event, where an answer it cannot read would end the process. */
  #containParser(): void {
    const parse = this.#connection.handleSocketData.bind(this.#connection);
    this.#connection.handleSocketData = (data) => {
      try {
        parse(data);
      } catch (error) {
        this.#break(unavailable(error));
      }
    };
  }
}
