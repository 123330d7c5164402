import { PlatformError } from '../../common/errors.ts';
import { type Block, LARGEST_BLOCK_NUMBER } from './block-option.ts';
import { type BodySource, exactly } from './body-source.ts';
import type { CoapMessage } from './message.ts';

/** A request body of any length, at hand or read while it is sent. */
export interface UploadBody {
  readonly size: number;
  chunk(offset: number, length: number): Uint8Array;
}

export interface UploadParts {
  readonly body: UploadBody;
  readonly blockSizeBytes: number;
  /** Sends one block. `bodyBytes` is given with the first (Size1). */
  send(block: Block, chunk: Uint8Array, bodyBytes: number | undefined): Promise<CoapMessage>;
  onSent(sentBytes: number): void;
}

/** How often a peer that lost earlier blocks gets the body from its beginning. */
const MOST_RESTARTS = 1;

export function wholeBody(payload: Uint8Array): UploadBody {
  return { size: payload.length, chunk: (offset, length) => payload.subarray(offset, offset + length) };
}

export function bodyFrom(source: BodySource): UploadBody {
  return { size: source.size, chunk: (offset, length) => exactly(source.read(offset, length), length) };
}

/**
 * Sends a body in blocks, RFC 7959 §2.5 and §3.2; goes on with smaller blocks when the answer asks for them, and starts
 * over once when the peer misses earlier blocks (4.08, §2.9.2). Resolves with the final response, which may be an error of
 * the peer. Rejects COAP_BLOCK_FAILED when the answers do not fit, COAP_TOO_LARGE when block numbers do not reach so far.
 */
export async function uploadBody({ body, blockSizeBytes, send, onSent }: UploadParts): Promise<CoapMessage> {
  let sizeBytes = blockSizeBytes;
  let offset = 0;
  let restarts = 0;
  for (;;) {
    checkReach(body.size, sizeBytes);
    const end = Math.min(offset + sizeBytes, body.size);
    const block = { number: offset / sizeBytes, more: end < body.size, sizeBytes };
    const response = await send(block, body.chunk(offset, end - offset), offset === 0 ? body.size : undefined);
    const { code } = response;
    const hinted = response.options.block1?.sizeBytes ?? sizeBytes;
    if (code === '4.13' && offset === 0 && hinted < sizeBytes) {
      sizeBytes = hinted; // §2.9.3: try again in smaller blocks
    } else if (code === '4.08' && offset > 0 && restarts < MOST_RESTARTS) {
      restarts++;
      offset = 0;
    } else {
      if (!continues(response, block)) return response;
      offset = end;
      onSent(offset);
      sizeBytes = Math.min(sizeBytes, hinted);
    }
  }
}

function checkReach(bodyBytes: number, sizeBytes: number): void {
  if (bodyBytes <= (LARGEST_BLOCK_NUMBER + 1) * sizeBytes) return;
  throw new PlatformError('COAP_TOO_LARGE', `${bodyBytes} bytes cannot be sent in blocks of ${sizeBytes}`);
}

/** Whether the next block is due; false for a final response. */
function continues(response: CoapMessage, sent: Block): boolean {
  const { code } = response;
  const { block1 } = response.options;
  if (code === '4.08') throw broken('the peer misses earlier blocks', sent);
  if (!code.startsWith('2.')) return false;
  if (block1 !== undefined && block1.number !== sent.number) throw broken('the answer names another block', sent);
  if (!sent.more) {
    if (code === '2.31') throw broken('the peer waits for blocks after the last', sent);
    return false;
  }
  if (block1 === undefined) throw broken('the answer to a block carries no Block1', sent);
  return true;
}

function broken(what: string, sent: Block): PlatformError {
  return new PlatformError('COAP_BLOCK_FAILED', `upload broke off: ${what}`, { details: { block: sent.number } });
}
