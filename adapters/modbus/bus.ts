import modbusSerial from 'modbus-serial';
import { messageOf } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import type { Clock } from '../../lwm2m/client/clock.ts';
import type { Table } from './mapping-file.ts';
import { busy, exceptionError, unreachable } from './modbus-errors.ts';

/** The library is CommonJS: to the type checker its class is a member of the default import, at run time they are one. */
const { default: ModbusRTU } = modbusSerial;
type ModbusRTU = InstanceType<typeof ModbusRTU>;

export type Values = readonly number[] | readonly boolean[];
/** Highest first: a write never waits behind polling. */
const PRIORITIES = ['write', 'read', 'poll'] as const;
export type Priority = (typeof PRIORITIES)[number];

export interface BusOptions {
  readonly host: string;
  readonly port: number;
  /** Longest wait for a connection and for each answer. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly log?: Log | undefined;
  /** Pauses between attempts to connect: doubled up to the longest. */
  readonly firstPauseMs?: number;
  readonly longestPauseMs?: number;
}

interface Job {
  readonly unitId: number;
  run(client: ModbusRTU): Promise<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Requests that wait per bus. At it a further one is refused with 5.03; each unit has at most one poll waiting. */
const MAX_WAITING = 256;
/** The library has a timeout of its own; ours ends what it forgets, such as a connection that is cut while it waits. */
const LIBRARY_GRACE_MS = 250;

/**
 * One Modbus TCP connection, one request in flight. Any answer that is late, cut short or not the expected one drops
 * the socket: whatever arrives afterwards cannot be taken for the answer to a later request.
 */
export class ModbusBus {
  readonly #options: BusOptions;
  readonly #waiting: Record<Priority, Job[]> = { write: [], read: [], poll: [] };
  #client: ModbusRTU | undefined;
  #onClosed: (() => void) | undefined;
  #working = false;
  #closed = false;
  #connectFailures = 0;
  #nextConnectAtMs = 0;

  constructor(options: BusOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#client?.isOpen === true;
  }

  /**
   * Reads `count` registers (unsigned) or bits. Rejects MODBUS_EXCEPTION, MODBUS_UNREACHABLE.
   * @param priority `read` when somebody waits for it
   */
  async read(table: Table, o: ReadTarget, priority: Exclude<Priority, 'write'>): Promise<Values> {
    const values = (await this.#submit(priority, o.unitId, (client) => readTable(client, table, o))) as Values;
    return values.slice(0, o.count); // bits arrive in whole bytes
  }

  /** Writes one or more registers or coils in one request. Rejects as `read` does. */
  async write(table: 'holding-register' | 'coil', o: WriteTarget): Promise<void> {
    await this.#submit('write', o.unitId, (client) => writeTable(client, table, o));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const priority of PRIORITIES) {
      for (const job of this.#waiting[priority].splice(0)) job.reject(unreachable('connection', 'the bus is closed'));
    }
    this.#drop();
  }

  #submit(priority: Priority, unitId: number, run: Job['run']): Promise<unknown> {
    const waiting = PRIORITIES.reduce((sum, name) => sum + this.#waiting[name].length, 0);
    if (this.#closed) return Promise.reject(unreachable('connection', 'the bus is closed'));
    if (waiting >= MAX_WAITING) return Promise.reject(busy(`${waiting} requests wait for ${this.#place()}`));
    return new Promise((resolve, reject) => {
      this.#waiting[priority].push({ unitId, run, resolve, reject });
      if (!this.#working) void this.#work();
    });
  }

  /** Never rejects. */
  async #work(): Promise<void> {
    this.#working = true;
    for (let job = this.#next(); job !== undefined; job = this.#next()) {
      try {
        const client = await this.#connection();
        job.resolve(await this.#bounded(client, job));
      } catch (error) {
        job.reject(error);
      }
    }
    this.#working = false;
  }

  #next(): Job | undefined {
    for (const priority of PRIORITIES) {
      const job = this.#waiting[priority].shift();
      if (job !== undefined) return job;
    }
    return undefined;
  }

  /** The answer in time, or a coded error; then the socket is dropped unless the unit answered with an exception. */
  async #bounded(client: ModbusRTU, job: Job): Promise<unknown> {
    const { timeoutMs, clock } = this.#options;
    client.setID(job.unitId);
    const cut = Promise.withResolvers<never>();
    const cancel = clock.after(timeoutMs + LIBRARY_GRACE_MS, () => cut.reject(new Error('no answer in time')));
    this.#onClosed = () => cut.reject(new Error('the connection was closed'));
    try {
      return await Promise.race([job.run(client), cut.promise]);
    } catch (error) {
      const exception = (error as { readonly modbusCode?: unknown }).modbusCode;
      if (typeof exception === 'number') throw exceptionError(job.unitId, exception);
      this.#drop();
      throw unreachable('unit', `unit ${job.unitId} at ${this.#place()}: ${messageOf(error)}`, error);
    } finally {
      cancel();
      this.#onClosed = undefined;
    }
  }

  async #connection(): Promise<ModbusRTU> {
    if (this.#client?.isOpen === true) return this.#client;
    this.#drop();
    const { clock } = this.#options;
    if (this.#closed || clock.now() < this.#nextConnectAtMs) {
      throw unreachable('connection', `${this.#place()} is not connected`);
    }
    try {
      const client = await this.#connect();
      if (this.#connectFailures > 0) this.#options.log?.info({ place: this.#place() }, 'Modbus connection is back');
      this.#connectFailures = 0;
      return client;
    } catch (error) {
      this.#drop();
      this.#connectFailed(error);
      throw unreachable('connection', `${this.#place()}: ${messageOf(error)}`, error);
    }
  }

  async #connect(): Promise<ModbusRTU> {
    const { host, port, timeoutMs, clock } = this.#options;
    const client = new ModbusRTU();
    this.#client = client;
    client.on('error', () => undefined); // each fault is seen where its request fails
    client.on('close', () => this.#client === client && this.#onClosed?.());
    client.setTimeout(timeoutMs);
    const late = Promise.withResolvers<never>();
    this.#onClosed = () => late.reject(new Error('the connection was closed'));
    const cancel = clock.after(timeoutMs, () => late.reject(new Error('no connection in time')));
    try {
      await Promise.race([client.connectTCP(host, { port }), late.promise]);
      return client;
    } finally {
      cancel();
      this.#onClosed = undefined;
    }
  }

  #connectFailed(error: unknown): void {
    const { clock, random, firstPauseMs = 500, longestPauseMs = 10_000, log } = this.#options;
    if (this.#connectFailures === 0) {
      log?.warn({ place: this.#place(), reason: messageOf(error) }, 'no Modbus connection; trying on');
    }
    const ceiling = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(this.#connectFailures, 20));
    this.#connectFailures++;
    this.#nextConnectAtMs = clock.now() + ceiling * (0.5 + 0.5 * random());
  }

  #drop(): void {
    const client = this.#client;
    this.#client = undefined;
    client?.destroy(() => undefined);
    this.#onClosed?.();
  }

  #place(): string {
    return `${this.#options.host}:${this.#options.port}`;
  }
}

export interface ReadTarget {
  readonly unitId: number;
  readonly address: number;
  readonly count: number;
}

export interface WriteTarget {
  readonly unitId: number;
  readonly address: number;
  readonly values: Values;
}

async function readTable(client: ModbusRTU, table: Table, { address, count }: ReadTarget): Promise<Values> {
  switch (table) {
    case 'holding-register':
      return (await client.readHoldingRegisters(address, count)).data;
    case 'input-register':
      return (await client.readInputRegisters(address, count)).data;
    case 'coil':
      return (await client.readCoils(address, count)).data;
    case 'discrete-input':
      return (await client.readDiscreteInputs(address, count)).data;
  }
}

/** Single values go out as the single functions 5 and 6: some units know no others. */
async function writeTable(client: ModbusRTU, table: Table, { address, values }: WriteTarget): Promise<unknown> {
  if (table === 'coil') {
    const bits = values as boolean[];
    return bits.length === 1 ? await client.writeCoil(address, bits[0]!) : await client.writeCoils(address, bits);
  }
  const words = values as number[];
  if (words.length === 1) return await client.writeRegister(address, words[0]!);
  return await client.writeRegisters(address, words);
}
