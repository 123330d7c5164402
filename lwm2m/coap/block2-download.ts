import { PlatformError } from '../../common/errors.ts';
import { type Block, LARGEST_BLOCK_NUMBER, offsetOf } from './block-option.ts';
import { BodyBuffer } from './body-buffer.ts';
import type { CoapMessage } from './message.ts';

export interface DownloadParts {
  readonly bodyBytes: number;
  /** Asks for one more block: a request without Observe, RFC 7959 §3.4. */
  next(block: Block): Promise<CoapMessage>;
  /** Whether block 0 may be asked for again when the resource changed meanwhile (RFC 7959 §2.4). */
  readonly again: boolean;
  /** False when there is no room for so many more bytes. */
  reserve(bytes: number): boolean;
  onReceived(receivedBytes: number, totalBytes: number | undefined): void;
}

export interface Downloaded {
  /** The one that the body began with. */
  readonly response: CoapMessage;
  readonly payload: Buffer;
}

/** How often a body that changed meanwhile is begun anew. */
const MOST_RESTARTS = 1;

/**
 * Gathers a response body whose first block is at hand, RFC 7959 §2.4 and §3.1.
 * Rejects COAP_BLOCK_FAILED (wrong number, size, code or a changed ETag), COAP_TOO_LARGE, COAP_QUEUE_FULL.
 */
export async function downloadBody(first: CoapMessage, parts: DownloadParts): Promise<Downloaded> {
  let begun = first;
  for (let restarts = 0; ; restarts++) {
    const payload = await gather(begun, parts);
    if (payload !== undefined) return { response: begun, payload };
    if (!parts.again || restarts >= MOST_RESTARTS) throw broken('the resource changed meanwhile', 0);
    begun = await parts.next({ number: 0, more: false, sizeBytes: begun.options.block2!.sizeBytes });
    if (begun.options.block2 === undefined) return { response: begun, payload: begun.payload }; // short by now
  }
}

/** Undefined when the ETag changed on the way. */
async function gather(first: CoapMessage, parts: DownloadParts): Promise<Buffer | undefined> {
  const body = new BodyBuffer();
  const totalBytes = first.options.size2;
  for (let response = first; ; ) {
    if (!sameState(first, response)) return undefined;
    const block = checkedBlock(response, first, body.length);
    const { payload } = response;
    checkSize(body.length + payload.length, response.options.size2, parts.bodyBytes);
    if (!parts.reserve(payload.length))
      throw new PlatformError('COAP_QUEUE_FULL', 'no room for more block-wise bodies');
    body.append(payload);
    parts.onReceived(body.length, totalBytes);
    if (!block.more) return body.whole();
    const number = body.length / block.sizeBytes;
    if (!Number.isInteger(number) || number > LARGEST_BLOCK_NUMBER) throw broken('block sizes do not fit', body.length);
    response = await parts.next({ number, more: false, sizeBytes: block.sizeBytes });
  }
}

/** Only blocks with one ETag belong together; a refusal has none. */
function sameState(first: CoapMessage, response: CoapMessage): boolean {
  const [before, now] = [first.options.etag, response.options.etag];
  if (response.code[0] !== first.code[0]) return true;
  return before === undefined ? now === undefined : now !== undefined && before.equals(now);
}

function checkedBlock(response: CoapMessage, first: CoapMessage, received: number): Block {
  const { block2 } = response.options;
  const { code, payload } = response;
  // the class, not the code: some servers answer the later blocks of a 2.04 with 2.05
  if (code[0] !== first.code[0]) throw broken(`a block was answered ${code}`, received);
  if (block2 === undefined) throw broken('a block carries no Block2', received);
  if (offsetOf(block2) !== received) throw broken('a block has the wrong number', received);
  if (payload.length > block2.sizeBytes || (block2.more && payload.length !== block2.sizeBytes)) {
    throw broken('a block has the wrong size', received);
  }
  return block2;
}

function checkSize(received: number, announced: number | undefined, bodyBytes: number): void {
  if (received <= bodyBytes && (announced ?? 0) <= bodyBytes) return;
  throw new PlatformError('COAP_TOO_LARGE', `a response body exceeds ${bodyBytes} bytes`, {
    details: { received, announced },
  });
}

function broken(what: string, offset: number): PlatformError {
  return new PlatformError('COAP_BLOCK_FAILED', `download broke off: ${what}`, { details: { offset } });
}
