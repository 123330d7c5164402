import { PlatformError } from '../../common/errors.ts';
import type { Block } from './block-option.ts';
import type { ReceivedResponse } from './exchanges.ts';

/** Sends one block of a request body. `bodyBytes` is given with the first (Size1). */
export type SendBlock = (block: Block, chunk: Buffer, bodyBytes: number | undefined) => Promise<ReceivedResponse>;

/**
 * Sends a body in blocks, RFC 7959 §2.5 and §3.2; goes on with smaller blocks when the answer asks for them.
 * Resolves with the final response, which may be an error of the peer. Rejects COAP_BLOCK_FAILED when the answers do not fit.
 */
export async function uploadBody(body: Buffer, blockSizeBytes: number, send: SendBlock): Promise<ReceivedResponse> {
  let sizeBytes = blockSizeBytes;
  let offset = 0;
  for (;;) {
    const end = Math.min(offset + sizeBytes, body.length);
    const block = { number: offset / sizeBytes, more: end < body.length, sizeBytes };
    const response = await send(block, body.subarray(offset, end), offset === 0 ? body.length : undefined);
    const hinted = response.options.block1?.sizeBytes ?? sizeBytes;
    const startAgain = response.message.code === '4.13' && offset === 0 && hinted < sizeBytes; // §2.9.3
    if (!startAgain && !continues(response, block)) return response;
    if (!startAgain) offset = end;
    sizeBytes = Math.min(sizeBytes, hinted);
  }
}

/** Whether the next block is due; false for a final response. */
function continues(response: ReceivedResponse, sent: Block): boolean {
  const { code } = response.message;
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
