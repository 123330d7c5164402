import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { HttpError, InfluxDB, type QueryApi } from '@influxdata/influxdb-client';
import { messageOf, PlatformError } from '../../common/errors.ts';
import { Compressor } from './compressor.ts';
import { postLines } from './post.ts';

/** A token, or a user of InfluxDB with a password, for whom a session is opened. */
export type InfluxCredentials = { readonly token: string } | { readonly username: string; readonly password: string };

export interface InfluxAddress {
  readonly url: string;
  /** Absent: the only organisation that the credentials may see. */
  readonly org?: string | undefined;
  /** Asked at each connect, so that a secret may change. */
  credentials(): Promise<InfluxCredentials>;
}

/** Longest silence of InfluxDB before it counts as away. */
const REQUEST_TIMEOUT_MS = 30_000;
const REASON_CHARACTERS = 300;

/**
 * Requests to one InfluxDB 2. It does not use the WriteApi of the client library: that one keeps failed lines in a buffer of its own and
 * retries them where nobody sees it. Errors: SINK_REFUSED for what the body holds, SINK_UNAVAILABLE (retriable) for all else.
 */
export class InfluxClient {
  readonly #address: InfluxAddress;
  readonly #url: URL;
  readonly #agent: HttpAgent;
  readonly #compressor = new Compressor();
  #influx: InfluxDB | undefined;
  /** Who is signed in. */
  #headers: Readonly<Record<string, string>> = {};
  #org = '';

  constructor(address: InfluxAddress) {
    this.#address = address;
    this.#url = new URL(address.url);
    const Agent = address.url.startsWith('https:') ? HttpsAgent : HttpAgent;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 4 });
  }

  /** Name of the organisation, once connected. */
  get org(): string {
    return this.#org;
  }

  async connect(signal: AbortSignal): Promise<void> {
    const credentials = await this.#address.credentials();
    const options = { url: this.#address.url, timeout: REQUEST_TIMEOUT_MS };
    this.#headers =
      'token' in credentials
        ? { authorization: `Token ${credentials.token}` }
        : { cookie: await signIn(this.#address.url, credentials, signal) };
    this.#influx = new InfluxDB({ ...options, headers: this.#headers, transportOptions: { agent: this.#agent } });
    this.#org = this.#address.org ?? (await this.#onlyOrganisation(signal));
  }

  close(): void {
    this.#influx = undefined;
    this.#agent.destroy();
    this.#compressor.close();
  }

  queryApi(): QueryApi {
    return this.#connected().getQueryApi(this.#org);
  }

  /** Lines with times in ns; nobody may change them until it resolves. */
  async write(bucket: string, lines: Buffer, signal: AbortSignal): Promise<void> {
    this.#connected();
    const query = new URLSearchParams({ org: this.#org, bucket, precision: 'ns' });
    const target = {
      ...{ url: this.#url, agent: this.#agent, headers: this.#headers, compressor: this.#compressor },
      timeoutMs: REQUEST_TIMEOUT_MS,
    };
    signal.throwIfAborted();
    try {
      await postLines(target, `/api/v2/write?${query}`, lines, signal);
    } catch (cause) {
      signal.throwIfAborted();
      throw influxError(cause, this.#address.url);
    }
  }

  /** One call of the API with JSON both ways. */
  async call<T>(method: 'GET' | 'POST' | 'PATCH', path: string, body: unknown, signal: AbortSignal): Promise<T> {
    const text = body === undefined ? '' : JSON.stringify(body);
    const { transport } = this.#connected();
    // The transport leaves a timed-out request open and its listener on the signal: a signal of its own ends both.
    const request = new AbortController();
    const pass = () => request.abort();
    signal.addEventListener('abort', pass, { once: true });
    try {
      signal.throwIfAborted();
      const headers = { ...this.#headers, 'content-type': 'application/json' };
      return (await transport.request(path, text, { method, headers, signal: request.signal })) as T;
    } catch (cause) {
      signal.throwIfAborted();
      throw influxError(cause, this.#address.url);
    } finally {
      signal.removeEventListener('abort', pass);
      request.abort();
    }
  }

  #connected(): InfluxDB {
    if (this.#influx === undefined) throw new PlatformError('SINK_UNAVAILABLE', 'InfluxDB is not connected');
    return this.#influx;
  }

  async #onlyOrganisation(signal: AbortSignal): Promise<string> {
    const { orgs = [] } = await this.call<{ orgs?: readonly { name: string }[] }>(
      'GET',
      '/api/v2/orgs',
      undefined,
      signal,
    );
    if (orgs.length !== 1)
      throw new PlatformError(
        'SINK_UNAVAILABLE',
        `InfluxDB shows ${orgs.length} organisations: name one (connect.influx.org)`,
      );
    return orgs[0]!.name;
  }
}

/** The cookie of a new session. */
async function signIn(
  url: string,
  { username, password }: { readonly username: string; readonly password: string },
  signal: AbortSignal,
): Promise<string> {
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  let answer: Response;
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    answer = await fetch(`${url}/api/v2/signin`, { method: 'POST', headers: { authorization }, signal: limit });
    await answer.arrayBuffer();
  } catch (cause) {
    signal.throwIfAborted();
    throw new PlatformError('SINK_UNAVAILABLE', `InfluxDB at ${url} does not answer: ${messageOf(cause)}`, { cause });
  }
  const cookie = answer.headers.getSetCookie()[0]?.split(';', 1)[0];
  if (!answer.ok || cookie === undefined)
    throw new PlatformError('SINK_UNAVAILABLE', `InfluxDB answered ${answer.status} to the sign-in of ${username}`);
  return cookie;
}

/** Refused for what the body holds; every other status may change without a change of the records. */
const REFUSALS = new Set([400, 413, 422]);

export function influxError(cause: unknown, url: string): PlatformError {
  if (cause instanceof PlatformError) return cause;
  if (!(cause instanceof HttpError))
    return new PlatformError('SINK_UNAVAILABLE', `InfluxDB at ${url} does not answer: ${messageOf(cause)}`, { cause });
  const reason = String(cause.json?.message ?? cause.statusMessage).slice(0, REASON_CHARACTERS);
  const text = `InfluxDB answered ${cause.statusCode}: ${reason}`;
  const code = REFUSALS.has(cause.statusCode) ? 'SINK_REFUSED' : 'SINK_UNAVAILABLE';
  return new PlatformError(code, text, { details: { status: cause.statusCode } });
}

/** The session has run out, or the token was withdrawn. */
export function isUnauthorised(error: unknown): boolean {
  return error instanceof PlatformError && error.details.status === 401;
}
