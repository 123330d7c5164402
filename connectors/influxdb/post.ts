import { type Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { HttpError } from '@influxdata/influxdb-client';
import type { Compressor } from './compressor.ts';

export interface PostTarget {
  readonly url: URL;
  readonly agent: HttpAgent;
  readonly headers: Readonly<Record<string, string>>;
  readonly compressor: Compressor;
  /** Longest silence of InfluxDB. */
  readonly timeoutMs: number;
}

/** A fast network gains nothing from it, but a body of this size crosses a WAN in a tenth of the bytes. */
const GZIP_ABOVE_BYTES = 256 * 1024;
const REASON_BYTES_LIMIT = 64 * 1024;

/**
 * Posts lines that are bytes already; the library of InfluxDB takes text only. Nobody may change the body until it resolves.
 * Errors: HttpError of the library for an answer that is no success, else those of the connection.
 */
export async function postLines(target: PostTarget, path: string, lines: Buffer, signal: AbortSignal): Promise<void> {
  const isLong = lines.length > GZIP_ABOVE_BYTES;
  const body = isLong ? await target.compressor.gzip(lines) : lines;
  signal.throwIfAborted();
  const answer = await send(target, path, body, isLong, signal);
  const text = await textOf(answer);
  const { statusCode = 600, statusMessage, headers } = answer;
  if (statusCode >= 300)
    throw new HttpError(statusCode, statusMessage, text, headers['retry-after'], headers['content-type']);
}

async function send(
  { url, agent, headers, timeoutMs }: PostTarget,
  path: string,
  body: Buffer,
  isCompressed: boolean,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const start = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = start(new URL(url.pathname.replace(/\/$/, '') + path, url), {
      method: 'POST',
      agent,
      signal,
      timeout: timeoutMs,
      headers: {
        ...headers,
        'content-type': 'text/plain; charset=utf-8',
        'content-length': body.length,
        ...(isCompressed && { 'content-encoding': 'gzip' }),
      },
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    request.on('error', reject);
    request.on('response', resolve);
    request.end(body);
  });
}

/** The end of the answer, so that the connection is free for the next request. */
async function textOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    if (length < REASON_BYTES_LIMIT) parts.push(part);
    length += part.length;
  }
  return Buffer.concat(parts).toString('utf8');
}
