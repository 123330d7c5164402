import { randomUUID } from 'node:crypto';
import { PlatformError } from '../../common/errors.ts';
import { sleep } from '../../common/lifecycle.ts';
import { type OrientAddress, OrientSession } from './session.ts';
import { isConflict } from './session-errors.ts';

export interface OrientdbTarget extends OrientAddress {
  /** Asked at each connect, so that it may change. */
  password(): Promise<string>;
}

/**
 * OrientDB answers a write before its write-ahead log is on disk (storage.wal.commitTimeout, 10 ms in our stack): a kill right after
 * the answer lost up to two of the newest writes, a kill 50 ms later none of twelve times. Only after this pause they count as stored.
 */
const WRITE_AHEAD_LOG_MS = 60;
/**
 * Rows of this class tell whether the log reached the disk. Where it could not, as on a full disk, nobody is told: OrientDB shows what it
 * answered until it is started anew, and only refuses the next write. So there is a next one, which means nothing.
 */
export const WRITES_CLASS = 'ConnectorWrites';
/** Rows, so that connectors seldom meet in one. */
const SLOTS = 64;
const PREPARE_WRITES = [
  `CREATE CLASS ${WRITES_CLASS} IF NOT EXISTS`,
  `CREATE PROPERTY ${WRITES_CLASS}.slot IF NOT EXISTS INTEGER`,
  `CREATE INDEX ${WRITES_CLASS}.slot IF NOT EXISTS ON ${WRITES_CLASS} (slot) UNIQUE`,
];
/** A row that does not change would not be written. */
const WRITE_AGAIN = `UPDATE ${WRITES_CLASS} SET slot = :slot, mark = :mark UPSERT WHERE slot = :slot;`;
/** Other writers may be in the way a few times in a row; then the runner's pauses are better. */
const CONFLICT_RETRIES = 5;

/** The one session of a sink, opened anew at each connect. */
export class OrientConnection {
  readonly #target: OrientdbTarget;
  #session: OrientSession | undefined;
  conflicts = 0;

  constructor(target: OrientdbTarget) {
    this.#target = target;
  }

  /** Errors: SINK_UNAVAILABLE; what `prepare` throws. */
  async open(signal: AbortSignal, prepare: (session: OrientSession) => Promise<void>): Promise<void> {
    this.#session?.close();
    const session = await OrientSession.open(this.#target, await this.#target.password(), signal);
    this.#session = session;
    await session.endWith(signal, async () => {
      for (const statement of PREPARE_WRITES) await session.command(statement);
      await prepare(session);
    });
  }

  /** Resolves once what the work wrote is durable. @param work resolves to whether it wrote at all */
  async write(signal: AbortSignal, work: (session: OrientSession) => Promise<boolean>): Promise<void> {
    const session = this.#session;
    if (session === undefined) throw new PlatformError('SINK_UNAVAILABLE', 'OrientDB is not connected');
    await session.endWith(signal, async () => {
      if (!(await work(session))) return;
      await sleep(WRITE_AHEAD_LOG_MS, signal);
      await this.outlastConflicts(() => this.#writeAgain(session));
    });
  }

  async #writeAgain(session: OrientSession): Promise<void> {
    await session.transaction(WRITE_AGAIN, { slot: Math.floor(Math.random() * SLOTS), mark: randomUUID() });
  }

  /** Does it again when another writer was in the way; so it must look anew at what the graph holds. */
  async outlastConflicts(work: () => Promise<void>): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!isConflict(error) || attempt === CONFLICT_RETRIES) throw error;
        this.conflicts++;
      }
    }
  }

  close(): void {
    this.#session?.close();
    this.#session = undefined;
  }
}
