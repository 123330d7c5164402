import { readFileSync } from 'node:fs';
import { InfluxDB, type QueryApi } from '@influxdata/influxdb-client';
import { type PointLine, pointLine, type ValueField } from './expected-points.ts';
import type { Acknowledged } from './fleet-account.ts';

export interface InfluxAddress {
  readonly url: string;
  readonly org: string;
  readonly bucket: string;
  readonly tokenFile: string;
}

/** What devices said, or what an analysis made of it; both are in one measurement. */
export type PointsOf = 'devices' | 'analyses';

/** How they are told apart, and a field that each point has once. */
const POINTS = {
  devices: { filter: 'r.path !~ /-max$/', counted: 'code' },
  analyses: { filter: 'r.path =~ /-max$/', counted: 'value' },
} as const satisfies Record<PointsOf, object>;

const QUERY_TIMEOUT_MS = 30_000;
const SENSOR = '/3303/0/5700';

/** What InfluxDB holds, asked in Flux. */
export class InfluxAccount {
  readonly #api: QueryApi;
  readonly #source: string;

  constructor({ url, org, bucket, tokenFile }: InfluxAddress) {
    const token = readFileSync(tokenFile, 'utf8').trim();
    this.#api = new InfluxDB({ url, token, timeout: QUERY_TIMEOUT_MS }).getQueryApi(org);
    this.#source = `from(bucket: ${JSON.stringify(bucket)}) |> range(start: 0) |> filter(fn: (r) => r._measurement == "resources")`;
  }

  async countPoints(of: PointsOf): Promise<number> {
    const { filter, counted } = POINTS[of];
    const rows = await this.#rows<{ _value: number }>(
      `|> filter(fn: (r) => r._field == "${counted}" and ${filter}) |> group() |> count()`,
    );
    return rows[0]?._value ?? 0;
  }

  async points(of: PointsOf): Promise<readonly PointLine[]> {
    const fields: readonly ValueField[] = ['value', 'svalue', 'bvalue'];
    const lines: PointLine[] = [];
    for (const field of fields) {
      const rows = await this.#rows<{ _time: string; _value: unknown; ep: string; kind: string; path: string }>(
        `|> filter(fn: (r) => r._field == "${field}" and ${POINTS[of].filter}) |> group()`,
      );
      for (const { _time, _value, ep, kind, path } of rows)
        lines.push(pointLine({ ep, kind, path, timestampMs: Date.parse(_time), field, value: _value }));
    }
    return lines;
  }

  /** The newest numeric value that a device notified of /3303/0/5700, with its time in ms since 1970. */
  async newest(ep: string): Promise<{ readonly value: number; readonly timestampMs: number } | undefined> {
    const only = `r._field == "value" and r.kind == "observe" and r.path == "${SENSOR}" and r.ep == "${ep}"`;
    const rows = await this.#rows<{ _time: string; _value: number }>(
      `|> filter(fn: (r) => ${only}) |> group() |> sort(columns: ["_time"]) |> last()`,
    );
    const row = rows[0];
    return row && { value: row._value, timestampMs: Date.parse(row._time) };
  }

  /** How often each number that each device notified of a path is stored. */
  async numbers(path: string = SENSOR): Promise<ReadonlyMap<string, ReadonlyMap<number, number>>> {
    const only = `r._field == "value" and r.kind == "observe" and r.path == "${path}"`;
    const rows = await this.#rows<{ _value: number; ep: string }>(
      `|> filter(fn: (r) => ${only}) |> group() |> keep(columns: ["_value", "ep"])`,
    );
    const numbers = new Map<string, Map<number, number>>();
    for (const { _value, ep } of rows) {
      const ofDevice = numbers.get(ep) ?? new Map<number, number>();
      numbers.set(ep, ofDevice.set(_value, (ofDevice.get(_value) ?? 0) + 1));
    }
    return numbers;
  }

  #rows<T>(pipeline: string): Promise<T[]> {
    return this.#api.collectRows<T>(`${this.#source} ${pipeline}`);
  }
}

/** How many of the numbers are stored exactly once. */
export function storedOnce(
  numbers: readonly Acknowledged[],
  stored: ReadonlyMap<string, ReadonlyMap<number, number>>,
): number {
  return numbers.filter(({ ep, value }) => stored.get(ep)?.get(value) === 1).length;
}
