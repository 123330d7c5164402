import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { HttpError, InfluxDB } from '@influxdata/influxdb-client';
import { messageOf, PlatformError } from '../../common/errors.ts';
import { readSecret } from '../secret-file.ts';
import type { Sink, SinkRecord, Skips } from '../sink.ts';
import { linesOf } from './line-protocol.ts';

export interface InfluxdbTarget {
  readonly url: string;
  readonly org: string;
  readonly bucket: string;
  readonly tokenFile: string;
}

/** One request: InfluxDB parses a body as a whole, and takes up to 50 MB. */
const LINES_PER_REQUEST = 5_000;
/** While InfluxDB works on one request the lines of the next are made and sent. */
const POSTS_AT_ONCE = 2;
const REQUEST_CHARACTERS = 4 * 2 ** 20;
/** Loopback and a fast network gain nothing from it, but a body of this size crosses a WAN in a tenth of the bytes. */
const GZIP_ABOVE_BYTES = 256 * 1024;
/** Longest silence of InfluxDB before it counts as away. */
const REQUEST_TIMEOUT_MS = 30_000;
const REASON_CHARACTERS = 300;

/**
 * Observations and replies as points of the measurement `resources`. It writes through the transport of the client library, not
 * through its WriteApi: that one keeps failed lines in a buffer of its own and retries them where nobody sees it.
 */
export class InfluxdbSink implements Sink {
  readonly #target: InfluxdbTarget;
  readonly #agent: HttpAgent;
  readonly #path: string;
  readonly counters = { points_written: 0, points_not_finite: 0 };
  #influx: InfluxDB | undefined;

  constructor(target: InfluxdbTarget) {
    this.#target = target;
    const Agent = target.url.startsWith('https:') ? HttpsAgent : HttpAgent;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const query = new URLSearchParams({ org: target.org, bucket: target.bucket, precision: 'ns' });
    this.#path = `/api/v2/write?${query}`;
  }

  async connect(signal: AbortSignal): Promise<void> {
    const token = await readSecret(this.#target.tokenFile);
    this.#influx = new InfluxDB({
      url: this.#target.url,
      token,
      timeout: REQUEST_TIMEOUT_MS,
      transportOptions: { agent: this.#agent },
    });
    // An empty write is answered 204 only when token, organisation and bucket are right, and a write-only token may do it.
    await this.#post('', signal);
  }

  async write(batch: readonly SinkRecord[], signal: AbortSignal): Promise<Skips> {
    const tally: Tally = { points: 0, notFinite: 0, emptyRecords: 0 };
    const posts: Promise<void>[] = [];
    for (const body of bodiesOf(batch, tally)) {
      await posts.at(-POSTS_AT_ONCE)?.catch(() => undefined);
      const post = this.#post(body, signal);
      // Told below; until then a failure is not unheard.
      post.catch(() => undefined);
      posts.push(post);
      // The socket takes the request before the next lines are made.
      await nextTurn();
    }
    // All settle before a failure is told, so that nothing is under way when the batch comes again.
    const failed = (await Promise.allSettled(posts)).find((post) => post.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    this.counters.points_written += tally.points;
    this.counters.points_not_finite += tally.notFinite;
    return tally.emptyRecords === 0 ? {} : { not_finite: tally.emptyRecords };
  }

  async close(): Promise<void> {
    this.#influx = undefined;
    this.#agent.destroy();
  }

  async #post(body: string, signal: AbortSignal): Promise<void> {
    if (this.#influx === undefined) throw new PlatformError('SINK_UNAVAILABLE', 'InfluxDB is not connected');
    // The transport leaves a timed-out request open and its listener on the signal: a signal of its own ends both.
    const request = new AbortController();
    const pass = () => request.abort();
    signal.addEventListener('abort', pass, { once: true });
    try {
      signal.throwIfAborted();
      await this.#influx.transport.request(this.#path, body, {
        method: 'POST',
        headers: { 'content-type': 'text/plain; charset=utf-8' },
        gzipThreshold: GZIP_ABOVE_BYTES,
        signal: request.signal,
      });
    } catch (cause) {
      signal.throwIfAborted();
      throw sinkError(cause, this.#target);
    } finally {
      signal.removeEventListener('abort', pass);
      request.abort();
    }
  }
}

interface Tally {
  points: number;
  notFinite: number;
  /** Records of which nothing is left. */
  emptyRecords: number;
}

/** The lines of the batch in request bodies; the tally is complete after the last. */
function* bodiesOf(batch: readonly SinkRecord[], tally: Tally): Generator<string> {
  let lines: string[] = [];
  let characters = 0;
  for (const record of batch) {
    const made = linesOf(record);
    tally.notFinite += made.notFinite;
    tally.points += made.lines.length;
    if (made.lines.length === 0) tally.emptyRecords++;
    for (const line of made.lines) {
      if (lines.length >= LINES_PER_REQUEST || characters + line.length > REQUEST_CHARACTERS) {
        yield lines.join('\n');
        lines = [];
        characters = 0;
      }
      lines.push(line);
      characters += line.length + 1;
    }
  }
  if (lines.length > 0) yield lines.join('\n');
}

/** Refused for what the body holds; every other status may change without a change of the records. */
const REFUSALS = new Set([400, 413, 422]);

function sinkError(cause: unknown, target: InfluxdbTarget): PlatformError {
  if (!(cause instanceof HttpError))
    return new PlatformError('SINK_UNAVAILABLE', `InfluxDB at ${target.url} does not answer: ${messageOf(cause)}`, {
      cause,
    });
  const reason = String(cause.json?.message ?? cause.statusMessage).slice(0, REASON_CHARACTERS);
  const text = `InfluxDB answered ${cause.statusCode}: ${reason}`;
  const code = REFUSALS.has(cause.statusCode) ? 'SINK_REFUSED' : 'SINK_UNAVAILABLE';
  return new PlatformError(code, text, { details: { status: cause.statusCode } });
}
