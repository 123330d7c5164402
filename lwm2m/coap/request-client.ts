import { hasCode, PlatformError } from '../../common/errors.ts';
import type { Block } from './block-option.ts';
import { bodyFrom, type UploadBody, uploadBody, wholeBody } from './block1-upload.ts';
import { type Downloaded, downloadBody } from './block2-download.ts';
import type { BodySource } from './body-source.ts';
import { cancelled, type Exchanges } from './exchanges.ts';
import { type CoapLimits, isBlockSize } from './limits.ts';
import { asBuffer, type CoapMessage } from './message.ts';
import { OptionList } from './options.ts';
import { type CoapResponse, toCoapResponse } from './responses.ts';
import type { TransferSlots } from './transfer-slots.ts';
import type { Peer } from './transport.ts';

/** Method codes, RFC 7252 §12.1.1 and RFC 8132. */
export const METHODS = {
  GET: '0.01',
  POST: '0.02',
  PUT: '0.03',
  DELETE: '0.04',
  FETCH: '0.05',
  PATCH: '0.06',
  iPATCH: '0.07',
} as const;
export type Method = keyof typeof METHODS;

export interface OutgoingRequest {
  readonly method: Method;
  readonly path: readonly string[];
  readonly query?: readonly string[] | undefined;
  readonly accept?: number | undefined;
  readonly contentFormat?: number | undefined;
  /** 0 registers, 1 cancels; with GET, or with FETCH and the same payload (RFC 8132). */
  readonly observe?: 0 | 1 | undefined;
  /** Longer than a block goes block-wise. */
  readonly payload?: Uint8Array | undefined;
  /** In place of a payload: a body that is read while it is sent, up to `sourceBytes`. */
  readonly body?: BodySource | undefined;
  /** 1 to 8 bytes chosen by the caller when it must be remembered; else 8 random bytes. */
  readonly token?: Uint8Array | undefined;
}

/** The request that an observation rests on. */
export interface ObservedRequest {
  readonly path: readonly string[];
  /** Default GET. */
  readonly method?: 'GET' | 'FETCH' | undefined;
  readonly query?: readonly string[] | undefined;
  readonly accept?: number | undefined;
  readonly contentFormat?: number | undefined;
  readonly payload?: Uint8Array | undefined;
}

export type TransferProgress =
  | { readonly sentBytes: number; readonly totalBytes: number }
  /** The total is known when the peer announced it (Size2). */
  | { readonly receivedBytes: number; readonly totalBytes: number | undefined };

export interface RequestOptions {
  /**
   * Longest wait for a response; in a block-wise transfer each block begins it anew, and within it a block that was lost
   * with all its repetitions is sent again. Default: `responseTimeoutMs`.
   */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each block of a block-wise transfer. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
  /** At most so large blocks both ways, asked for from the start (RFC 7959 §2.4); default: `blockSizeBytes`. */
  readonly blockSizeBytes?: number | undefined;
}

export interface ClientParts {
  readonly limits: CoapLimits;
  readonly exchanges: Exchanges;
  readonly slots: TransferSlots;
  readonly now: () => number;
  readonly randomBytes: (count: number) => Buffer;
}

/** What stays the same over the messages of one request. */
interface Call {
  readonly peer: Peer;
  readonly request: OutgoingRequest;
  readonly body: UploadBody;
  readonly token: Buffer;
  readonly blockSizeBytes: number;
  readonly options: RequestOptions;
  /** What the peer wants to see again, to know that we receive at our address (RFC 9175). */
  echo: Buffer | undefined;
}

interface MessageParts {
  readonly token: Buffer;
  readonly observe?: number | undefined;
  readonly block1?: Block | undefined;
  readonly block2?: Block | undefined;
  readonly size1?: number | undefined;
  readonly payload?: Uint8Array | undefined;
}

const TOKEN_BYTES = 8;
/** They change nothing, so they may be asked again (RFC 7252, RFC 8132). */
const SAFE_METHODS: ReadonlySet<Method> = new Set(['GET', 'FETCH']);

/** The client role: requests with bodies of any length, both ways. */
export class RequestClient {
  readonly #parts: ClientParts;

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  /** Resolves with any response, errors of the peer included; rejects with what kept it from arriving. */
  async request(peer: Peer, request: OutgoingRequest, options: RequestOptions = {}): Promise<CoapResponse> {
    const call = this.#call(peer, request, options);
    const { observe } = request;
    const size = options.blockSizeBytes === undefined ? undefined : call.blockSizeBytes;
    const block2 = size === undefined ? undefined : { number: 0, more: false, sizeBytes: size };
    const first = await this.#upload(call, { token: call.token, observe, block2 });
    const answer = toCoapResponse(peer, call.token, first);
    if (!needsMore(first)) return answer;
    // an observation keeps its token for notifications
    const token = observe === undefined ? call.token : this.#parts.randomBytes(TOKEN_BYTES);
    const { response, payload } = await this.#download(call, first, token, SAFE_METHODS.has(request.method));
    return { ...toCoapResponse(peer, call.token, response), observe: answer.observe, payload };
  }

  /**
   * The rest of a notification whose first block came by itself, RFC 7959 §3.4: asked for with the method and the body of
   * the observation. When the resource changes meanwhile the device notifies anew. The number of transfers is limited.
   */
  async fetchRest(peer: Peer, observed: ObservedRequest, first: CoapMessage): Promise<Buffer> {
    const accept = observed.accept ?? first.options.contentFormat;
    const call = this.#call(peer, { ...observed, method: observed.method ?? 'GET', accept }, {});
    return (await this.#download(call, first, call.token, false)).payload;
  }

  #call(peer: Peer, request: OutgoingRequest, options: RequestOptions): Call {
    const { randomBytes, limits } = this.#parts;
    const token = request.token === undefined ? randomBytes(TOKEN_BYTES) : asBuffer(request.token);
    if (token.length > TOKEN_BYTES) throw new PlatformError('COAP_TOO_LARGE', 'a token has at most 8 bytes');
    const body = request.body === undefined ? wholeBody(asBuffer(request.payload)) : bodyFrom(request.body);
    const most = request.body === undefined ? limits.bodyBytes : limits.sourceBytes;
    if (body.size > most) throw new PlatformError('COAP_TOO_LARGE', `${body.size} bytes exceed the limit of ${most}`);
    const blockSizeBytes = Math.min(options.blockSizeBytes ?? limits.blockSizeBytes, limits.blockSizeBytes);
    if (!isBlockSize(blockSizeBytes)) throw new PlatformError('INTERNAL', `no block has ${blockSizeBytes} bytes`);
    return { peer, request, body, token, blockSizeBytes, options, echo: undefined };
  }

  /** The response to the request, or to its last block. A peer that asks for blocks (4.13, RFC 7959 §2.9.3) gets them. */
  async #upload(call: Call, parts: MessageParts): Promise<CoapMessage> {
    const { body, blockSizeBytes } = call;
    if (body.size > blockSizeBytes) return await this.#uploadBlocks(call, parts, blockSizeBytes);
    const response = await this.#send(call, { ...parts, payload: body.chunk(0, body.size) });
    const hint = response.options.block1?.sizeBytes;
    if (response.code !== '4.13' || hint === undefined || hint >= body.size) return response;
    return await this.#uploadBlocks(call, parts, hint);
  }

  /** The same token for every block: some servers tell transfers apart by it. Block2 goes with the last (RFC 7959 §3.3). */
  #uploadBlocks(call: Call, { block2, ...parts }: MessageParts, blockSizeBytes: number): Promise<CoapMessage> {
    const { body, options } = call;
    return uploadBody({
      body,
      blockSizeBytes,
      send: (block1, payload, size1) => {
        const message = { ...parts, block1, block2: block1.more ? undefined : block2, size1, payload };
        // the first finds out whether the peer is there at all; after the last it may act, so it is not sent twice
        return block1.number > 0 && block1.more ? this.#persist(call, message) : this.#send(call, message);
      },
      onSent: (sentBytes) => options.onProgress?.({ sentBytes, totalBytes: body.size }),
    });
  }

  async #download(call: Call, first: CoapMessage, token: Buffer, again: boolean): Promise<Downloaded> {
    const { slots, limits } = this.#parts;
    if (!slots.acquire(call.peer.key)) {
      throw new PlatformError('COAP_QUEUE_FULL', `too many block-wise transfers, ${slots.total} in all`);
    }
    let reserved = 0;
    try {
      return await downloadBody(first, {
        bodyBytes: limits.bodyBytes,
        again,
        next: (block2) => this.#nextBlock(call, { token, block2: atMost(block2, call.blockSizeBytes) }),
        reserve: (bytes) => {
          const fits = slots.reserve(bytes);
          if (fits) reserved += bytes;
          return fits;
        },
        onReceived: (receivedBytes, totalBytes) => call.options.onProgress?.({ receivedBytes, totalBytes }),
      });
    } finally {
      slots.free(reserved);
      slots.release(call.peer.key);
    }
  }

  /** What a FETCH asks for stands in its body, so each of its blocks is asked for with it (RFC 8132). */
  #nextBlock(call: Call, parts: MessageParts): Promise<CoapMessage> {
    const { body, request, blockSizeBytes } = call;
    if (request.method !== 'FETCH') return this.#persist(call, parts);
    if (body.size > blockSizeBytes) return this.#uploadBlocks(call, parts, blockSizeBytes);
    return this.#persist(call, { ...parts, payload: body.chunk(0, body.size) });
  }

  /** Sends a message that was lost with all its repetitions again, as long as the wait for an answer may last. */
  async #persist(call: Call, parts: MessageParts): Promise<CoapMessage> {
    const { now, limits } = this.#parts;
    const deadlineMs = now() + (call.options.timeoutMs ?? limits.responseTimeoutMs);
    for (;;) {
      try {
        return await this.#send(call, parts, deadlineMs);
      } catch (error) {
        if (!hasCode(error, 'COAP_TIMEOUT') || now() >= deadlineMs) throw error;
      }
    }
  }

  /** A challenge is answered once. */
  async #send(call: Call, parts: MessageParts, deadlineMs = this.#deadlineMs(call)): Promise<CoapMessage> {
    const response = await this.#sendOnce(call, parts, deadlineMs);
    const { echo } = response.options;
    if (response.code !== '4.01' || echo === undefined || call.echo !== undefined) return response;
    call.echo = echo;
    return await this.#sendOnce(call, parts, deadlineMs);
  }

  #sendOnce(call: Call, parts: MessageParts, deadlineMs: number): Promise<CoapMessage> {
    const {
      request,
      peer,
      options: { signal },
    } = call;
    if (signal?.aborted === true) return Promise.reject(cancelled(peer));
    const payload = asBuffer(parts.payload);
    const { options } = new OptionList()
      .uint('Observe', parts.observe)
      .texts('Uri-Path', request.path)
      .uint('Content-Format', payload.length > 0 ? request.contentFormat : undefined)
      .texts('Uri-Query', request.query)
      .uint('Accept', request.accept)
      .block('Block2', parts.block2)
      .block('Block1', parts.block1)
      .uint('Size1', parts.size1)
      .bytes('Echo', call.echo);
    const message = { code: METHODS[request.method], token: parts.token, options, payload };
    return this.#parts.exchanges.send(peer, message, deadlineMs, signal);
  }

  #deadlineMs({ options: { timeoutMs } }: Call): number {
    return timeoutMs === undefined ? Infinity : this.#parts.now() + timeoutMs;
  }
}

function needsMore({ options }: CoapMessage): boolean {
  return options.block2 !== undefined && (options.block2.more || options.block2.number !== 0);
}

/** The same place in the body in smaller blocks, when the caller wants them. */
function atMost(block: Block, sizeBytes: number): Block {
  if (block.sizeBytes <= sizeBytes) return block;
  return { ...block, number: block.number * (block.sizeBytes / sizeBytes), sizeBytes };
}
