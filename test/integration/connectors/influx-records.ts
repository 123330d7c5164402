import { readFileSync } from 'node:fs';
import { InfluxDB } from '@influxdata/influxdb-client';
import type { AvroResource, AvroResponse, AvroResponseObserve } from '../../../schemas/generated/records.ts';
import type { Stack } from '../../../stack/stack.ts';

export const START_MS = 1_790_000_000_000;

export function single(path: string, value: AvroResource['value'], type: AvroResource['type'] = 'FLOAT'): AvroResource {
  return { id: Number(path.split('/').at(-1)), path, kind: 'SINGLE_RESOURCE', type, value };
}

export function observation(
  serverId: string,
  ep: string,
  change: Partial<AvroResponseObserve> = {},
): AvroResponseObserve {
  const path = '/3303/0/5700';
  return {
    ticket: 'unset',
    observationId: '00ff',
    serverId,
    ep,
    path,
    timestamp: START_MS,
    rep: read(single(path, { double: 21.5 })),
    ...change,
  };
}

export function read(resource: AvroResource): AvroResponseObserve['rep'] {
  return {
    code: 'CONTENT',
    kind: 'observe',
    body: {
      'io.zeelos.leshan.avro.response.AvroReadResponseBody': {
        content: { 'io.zeelos.leshan.avro.resource.AvroResource': resource },
      },
    },
  };
}

export function reply(
  serverId: string,
  ep: string,
  ticket: string,
  message: string,
  change: Partial<AvroResponse> = {},
): AvroResponse {
  return {
    ticket,
    serverId,
    ep,
    path: '/3/0/4',
    timestamp: START_MS,
    rep: {
      code: 'CHANGED',
      kind: 'execute',
      body: { 'io.zeelos.leshan.avro.response.AvroGenericResponse': { message } },
    },
    ...change,
  };
}

/** Reads what a gateway has in the bucket. */
export class Bucket {
  readonly #stack: Stack;
  readonly #serverId: string;

  constructor(stack: Stack, serverId: string) {
    this.#stack = stack;
    this.#serverId = serverId;
  }

  async rows(measurement: 'resources' | 'commands' = 'resources'): Promise<readonly Record<string, unknown>[]> {
    return await this.#query(
      '|> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value") |> group() |> sort(columns: ["_time"])',
      measurement,
    );
  }

  /** Points, by the field that each has. */
  async count(): Promise<number> {
    const rows = await this.#query('|> filter(fn: (r) => r._field == "code") |> group() |> count()');
    return Number(rows[0]?._value ?? 0);
  }

  async #query(rest: string, measurement = 'resources'): Promise<readonly Record<string, unknown>[]> {
    const { org, bucket, tokenFile } = this.#stack.credentials.influx;
    const token = readFileSync(tokenFile, 'utf8').trim();
    const influx = new InfluxDB({ url: `http://127.0.0.1:${this.#stack.ports.influxdb}`, token, timeout: 60_000 });
    const from = `from(bucket: "${bucket}") |> range(start: 0, stop: 2100-01-01T00:00:00Z)`;
    const flux = `${from} |> filter(fn: (r) => r._measurement == "${measurement}" and r.serverId == "${this.#serverId}") ${rest}`;
    return await influx.getQueryApi(org).collectRows<Record<string, unknown>>(flux);
  }
}

export async function tokenOf(stack: Stack) {
  return { token: readFileSync(stack.credentials.influx.tokenFile, 'utf8').trim() };
}

export function targetOf(stack: Stack) {
  const { org, bucket } = stack.credentials.influx;
  return { url: `http://127.0.0.1:${stack.ports.influxdb}`, org, bucket, credentials: () => tokenOf(stack) };
}
