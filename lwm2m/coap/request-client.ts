import { PlatformError } from '../../common/errors.ts';
import type { Block } from './block-option.ts';
import { uploadBody } from './block1-upload.ts';
import { downloadBody } from './block2-download.ts';
import { cancelled, type Exchanges, type ReceivedResponse } from './exchanges.ts';
import type { CoapLimits } from './limits.ts';
import { asBuffer } from './message.ts';
import { OptionList } from './options.ts';
import { type CoapResponse, toCoapResponse } from './responses.ts';
import type { TransferSlots } from './transfer-slots.ts';
import type { Peer } from './transport.ts';

/** Method codes, RFC 7252 §12.1.1 and RFC 8132 §6. */
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
  /** 0 registers, 1 cancels. */
  readonly observe?: 0 | 1 | undefined;
  /** Longer than a block goes block-wise. */
  readonly payload?: Uint8Array | undefined;
  /** 1 to 8 bytes chosen by the caller when it must be remembered; else 8 random bytes. */
  readonly token?: Uint8Array | undefined;
}

export interface RequestOptions {
  /** For the whole exchange, block-wise transfers included; default: `responseTimeoutMs` for each message. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
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
  readonly token: Buffer;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

interface MessageParts {
  readonly token: Buffer;
  readonly observe?: number | undefined;
  readonly block1?: Block;
  readonly block2?: Block;
  readonly size1?: number | undefined;
  readonly payload: Buffer;
}

const TOKEN_BYTES = 8;

/** The client role: requests with bodies of any length, both ways. */
export class RequestClient {
  readonly #parts: ClientParts;

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  /** Resolves with any response, errors of the peer included; rejects with what kept it from arriving. */
  async request(peer: Peer, request: OutgoingRequest, options: RequestOptions = {}): Promise<CoapResponse> {
    const call = this.#call(peer, request, options);
    const body = asBuffer(request.payload);
    this.#checkSize(body.length);
    const first = await this.#upload(call, body);
    const answer = toCoapResponse(peer, call.token, first);
    if (!needsMore(first)) return answer;
    return { ...answer, payload: await this.#download(call, first) };
  }

  /**
   * The rest of a notification whose first block came by itself, RFC 7959 §3.4. The number of transfers is limited.
   */
  async fetchRest(peer: Peer, path: readonly string[], first: ReceivedResponse): Promise<Buffer> {
    const request: OutgoingRequest = { method: 'GET', path, accept: first.options.contentFormat, observe: 0 };
    return await this.#download(this.#call(peer, request, {}), first);
  }

  #call(peer: Peer, request: OutgoingRequest, options: RequestOptions): Call {
    const { now, randomBytes } = this.#parts;
    const token = request.token === undefined ? randomBytes(TOKEN_BYTES) : asBuffer(request.token);
    if (token.length > TOKEN_BYTES) throw new PlatformError('COAP_TOO_LARGE', 'a token has at most 8 bytes');
    const deadlineMs = options.timeoutMs === undefined ? Infinity : now() + options.timeoutMs;
    return { peer, request, token, deadlineMs, signal: options.signal };
  }

  #checkSize(bytes: number): void {
    const { bodyBytes } = this.#parts.limits;
    if (bytes > bodyBytes) throw new PlatformError('COAP_TOO_LARGE', `${bytes} bytes exceed the limit of ${bodyBytes}`);
  }

  /** The response to the request, or to its last block. */
  #upload(call: Call, body: Buffer): Promise<ReceivedResponse> {
    const { blockSizeBytes } = this.#parts.limits;
    const { token, request } = call;
    const { observe } = request;
    if (body.length <= blockSizeBytes) return this.#uploadWhole(call, body);
    // the same token for every block: some servers tell transfers apart by it
    return uploadBody(body, blockSizeBytes, (block1, payload, size1) =>
      this.#send(call, { token, observe, block1, size1, payload }),
    );
  }

  /** A peer that asks for blocks even so (4.13 with Block1, RFC 7959 §2.9.3) gets them. */
  async #uploadWhole(call: Call, payload: Buffer): Promise<ReceivedResponse> {
    const { token, request } = call;
    const { observe } = request;
    const response = await this.#send(call, { token, observe, payload });
    const hint = response.options.block1?.sizeBytes;
    if (response.message.code !== '4.13' || hint === undefined || hint >= payload.length) return response;
    return await uploadBody(payload, hint, (block1, chunk, size1) =>
      this.#send(call, { token, observe, block1, size1, payload: chunk }),
    );
  }

  async #download(call: Call, first: ReceivedResponse): Promise<Buffer> {
    const { slots, limits, randomBytes } = this.#parts;
    if (!slots.acquire(call.peer.key)) {
      throw new PlatformError('COAP_QUEUE_FULL', `too many block-wise transfers, ${slots.total} in all`);
    }
    // an observation keeps its token for notifications
    const token = call.request.observe === undefined ? call.token : randomBytes(TOKEN_BYTES);
    let reserved = 0;
    try {
      return await downloadBody(first, {
        bodyBytes: limits.bodyBytes,
        next: (block2) => this.#send(call, { token, block2, payload: asBuffer(undefined) }),
        reserve: (bytes) => {
          const fits = slots.reserve(bytes);
          if (fits) reserved += bytes;
          return fits;
        },
      });
    } finally {
      slots.free(reserved);
      slots.release(call.peer.key);
    }
  }

  #send(call: Call, parts: MessageParts): Promise<ReceivedResponse> {
    const { request, peer, signal, deadlineMs } = call;
    if (signal?.aborted === true) return Promise.reject(cancelled(peer));
    const { options } = new OptionList()
      .uint('Observe', parts.observe)
      .texts('Uri-Path', request.path)
      .uint('Content-Format', parts.payload.length > 0 ? request.contentFormat : undefined)
      .texts('Uri-Query', request.query)
      .uint('Accept', request.accept)
      .block('Block2', parts.block2)
      .block('Block1', parts.block1)
      .uint('Size1', parts.size1);
    const message = { code: METHODS[request.method], token: parts.token, options, payload: parts.payload };
    return this.#parts.exchanges.send(peer, message, deadlineMs, signal);
  }
}

function needsMore({ options }: ReceivedResponse): boolean {
  return options.block2 !== undefined && (options.block2.more || options.block2.number !== 0);
}
