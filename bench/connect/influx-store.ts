import { readFileSync } from 'node:fs';
import { InfluxClient } from '../../connectors/influxdb/client.ts';
import { linesOf } from '../../connectors/influxdb/line-protocol.ts';
import { InfluxdbSink } from '../../connectors/influxdb/sink.ts';
import type { Stack } from '../../stack/stack.ts';
import { observation } from './records.ts';

/** As the sink does it: lines per request, and requests at once. */
const LINES_PER_REQUEST = 5_000;
const POSTS_AT_ONCE = 2;

/** The store that is written to. */
export class InfluxStore {
  readonly #stack: Stack;

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  /** What a connector's configuration says of it. */
  config(bucket: string): Record<string, string> {
    return {
      'connector.class': 'InfluxSinkConnector',
      'connect.influx.url': this.#address().url,
      'connect.influx.token': this.#token(),
      'connect.influx.db': bucket,
    };
  }

  async makeBucket(bucket: string): Promise<void> {
    const sink = new InfluxdbSink({ ...this.#address(), bucket, createBucket: true });
    await sink.connect(new AbortController().signal);
    await sink.close();
  }

  /** For programs of others. */
  access(bucket: string): {
    readonly url: string;
    readonly org: string;
    readonly token: string;
    readonly bucket: string;
  } {
    return { url: this.#address().url, org: this.#address().org, token: this.#token(), bucket };
  }

  /** Points that InfluxDB has taken since its start, in all buckets. */
  async written(): Promise<number> {
    const page = await (await fetch(`${this.#address().url}/metrics`)).text();
    return Number(/^storage_writer_ok_points_sum\S* (\S+)$/m.exec(page)?.[1] ?? 0);
  }

  /** Points in a bucket. */
  async count(bucket: string): Promise<number> {
    const client = new InfluxClient(this.#address());
    await client.connect(new AbortController().signal);
    const flux = `from(bucket: "${bucket}") |> range(start: 0, stop: 2100-01-01T00:00:00Z)
      |> filter(fn: (r) => r._field == "value") |> group() |> count()`;
    const [row] = await client.queryApi().collectRows<{ _value: number }>(flux);
    client.close();
    return row?._value ?? 0;
  }

  /** Points per second of the lines alone: their text is made before, and sent as the sink sends it, compressed like it. */
  async writeLines(bucket: string, records: number, onBegin: () => void): Promise<number> {
    const bodies = bodiesOf(records);
    const client = new InfluxClient(this.#address());
    const { signal } = new AbortController();
    await client.connect(signal);
    onBegin();
    const startedAt = performance.now();
    const posts: Promise<void>[] = [];
    for (const body of bodies) {
      await posts.at(-POSTS_AT_ONCE);
      posts.push(client.write(bucket, body, signal));
    }
    await Promise.all(posts);
    const rate = records / ((performance.now() - startedAt) / 1_000);
    client.close();
    return rate;
  }

  #address() {
    const { org } = this.#stack.credentials.influx;
    const token = this.#token();
    return { url: `http://127.0.0.1:${this.#stack.ports.influxdb}`, org, credentials: async () => ({ token }) };
  }

  #token(): string {
    return readFileSync(this.#stack.credentials.influx.tokenFile, 'utf8').trim();
  }
}

function bodiesOf(records: number): readonly Buffer[] {
  const bodies: Buffer[] = [];
  for (let at = 0; at < records; at += LINES_PER_REQUEST) {
    const count = Math.min(LINES_PER_REQUEST, records - at);
    const lines = Array.from({ length: count }, (_, index) => {
      const place = { topic: 't', partition: 0, offset: String(at + index), timestampMs: 0 };
      return linesOf({ from: 'observations', value: observation(at + index), ...place }).lines[0]!;
    });
    bodies.push(Buffer.from(lines.join('\n')));
  }
  return bodies;
}
