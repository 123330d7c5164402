import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { Log } from '../../common/log.ts';
import type { AvroResponseObserve } from '../../schemas/generated/records.ts';
import { type InputGateway, T0 } from '../integration/streams/input.ts';
import { CLOSING } from './input.ts';

/** Rows as texts, to be compared whatever their order. What concerns the closing record is left out: Flink ends its windows too. */
export function sorted(rows: readonly string[]): string[] {
  return rows.filter((row) => !row.startsWith(`${CLOSING} `) && !row.startsWith(`${CLOSING}.`)).sort();
}

export async function downsampled(gateway: InputGateway): Promise<string[]> {
  return (await gateway.read('downsampled')).map(({ value: { ep, path, windowStart, windowEnd, ...numbers } }) => {
    const { count, min, max, mean } = numbers;
    return `${ep} ${path} ${windowStart - T0} ${windowEnd - T0} ${count} ${min} ${max} ${mean.toFixed(9)}`;
  });
}

export async function alarms(gateway: InputGateway): Promise<string[]> {
  return (await gateway.read('alarms')).map(({ value }) => {
    const path = (value.path as { string: string } | null)?.string ?? null;
    return alarm({ ...value, path, value: (value.value as { double: number } | null)?.double ?? null });
  });
}

export interface AlarmRow {
  readonly rule: string;
  readonly kind: string;
  readonly state: string;
  readonly ep: string;
  readonly path: string | null;
  readonly timestamp: number;
  readonly value: number | null;
  readonly limit: number;
}

export function alarm({ ep, path, rule, kind, state, timestamp, value, limit }: AlarmRow): string {
  return `${ep} ${path} ${rule} ${kind} ${state} ${timestamp - T0} ${value} ${limit}`;
}

export async function maxima(gateway: InputGateway): Promise<string[]> {
  return (await gateway.read('maxPer30Seconds')).map(({ key, value }) => {
    const start = Number(key.readBigInt64BE(key.length - 8)) - T0;
    return `${value.ep} ${value.path} ${start} ${value.timestamp - T0} ${singleIn(value).value.double}`;
  });
}

export async function singles(gateway: InputGateway): Promise<string[]> {
  return (await gateway.read('singleObservations')).map(
    ({ value }) => `${value.ep} ${singleIn(value).path} ${value.timestamp - T0} ${singleIn(value).value.double}`,
  );
}

function singleIn({ rep }: AvroResponseObserve): { path: string; value: { double: number } } {
  const body = rep.body as unknown as Record<string, { content: Record<string, object> }>;
  return Object.values(Object.values(body)[0]!.content)[0] as { path: string; value: { double: number } };
}

/** Of what Flink wrote as JSON. */
export async function jsonRows<T>(gateway: InputGateway, topic: string, row: (value: T) => string): Promise<string[]> {
  const records = await gateway.readRaw(`analytics.${gateway.gatewayId}.${topic}`);
  return records.map(({ value }) => row(JSON.parse(String(value)) as T));
}

interface MinuteLine {
  readonly minute: string;
  readonly most: { readonly endpoints: Record<string, number>; readonly paths: Record<string, number> };
}

/** Takes the minutes that `counts` prints. */
export class MinuteLog {
  readonly rows: string[] = [];
  readonly log: Log;

  constructor() {
    const write = (line: Buffer, _: unknown, done: () => void) => {
      this.#take(JSON.parse(line.toString()) as Partial<MinuteLine>);
      done();
    };
    this.log = pino(new Writable({ write }));
  }

  #take({ minute, most }: Partial<MinuteLine>): void {
    if (minute === undefined || most === undefined) return;
    const start = Date.parse(minute) - T0;
    for (const [ep, count] of Object.entries(most.endpoints)) this.rows.push(`${ep} ${start} ${count}`);
    for (const [name, count] of Object.entries(most.paths)) this.rows.push(`${name} ${start} ${count}`);
  }
}
