import { hasCode, messageOf, PlatformError } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import type { AddressProof } from './address-proof.ts';
import type { Block } from './block-option.ts';
import type { Block1Assembly } from './block1-assembly.ts';
import { type Block2Bodies, cutBlock, type KeptBody } from './block2-bodies.ts';
import { type BodySource, exactly } from './body-source.ts';
import type { CoapCounters } from './counters.ts';
import { transferKey } from './idle-transfers.ts';
import type { IncomingRequest } from './incoming-request.ts';
import type { CoapLimits } from './limits.ts';
import { asBuffer, type CoapMessage, fingerprintOf } from './message.ts';
import type { PeerState } from './peer-state.ts';
import type { BlocksOfReply, ReplySender } from './reply-sender.ts';
import { METHODS } from './request-client.ts';
import type { RememberedRequest, RequestMemory } from './request-memory.ts';
import type { ResponseToSend } from './responses.ts';
import type { TimerWheel } from './timer-wheel.ts';
import type { Peer } from './transport.ts';

/** A request of a peer, its body whole. */
export interface CoapRequest {
  readonly peer: Peer;
  readonly method: string;
  readonly path: readonly string[];
  readonly query: readonly string[];
  readonly contentFormat?: number | undefined;
  readonly accept?: number | undefined;
  readonly observe?: number | undefined;
  readonly token: Buffer;
  readonly payload: Buffer;
  readonly confirmable: boolean;
  readonly messageId: number;
}

/** Answers one request, once; further calls are ignored. Late answers go out as separate confirmable responses. */
export type Respond = (response: ResponseToSend) => void;
export type RequestHandler = (request: CoapRequest, respond: Respond) => void;

export interface ServerParts {
  readonly limits: CoapLimits;
  readonly counters: CoapCounters;
  readonly memory: RequestMemory;
  readonly assembly: Block1Assembly;
  readonly bodies: Block2Bodies;
  readonly replies: ReplySender;
  readonly proof: AddressProof;
  readonly wheel: TimerWheel;
  readonly now: () => number;
  readonly log: Log | undefined;
  readonly handler: RequestHandler;
  send(datagram: Buffer, peer: Peer): void;
}

const METHOD_NAMES = new Map<string, string>(Object.entries(METHODS).map(([name, code]) => [code, name]));
/** They change nothing, so handling one twice is allowed, RFC 7252 §4.5. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'FETCH']);

/** The server role: duplicates, refusals, block-wise bodies; the replies themselves are the ReplySender's. */
export class RequestServer {
  readonly #parts: ServerParts;

  constructor(parts: ServerParts) {
    this.#parts = parts;
  }

  receive(state: PeerState, message: CoapMessage, datagram: Buffer): void {
    const { memory, now } = this.#parts;
    const fingerprint = fingerprintOf(datagram);
    const earlier = memory.find(state.requests, message.messageId, fingerprint, now());
    if (earlier !== undefined) {
      this.#repeat(state, message, earlier);
      return;
    }
    this.#parts.counters.requestsIn++;
    this.#noteProof(state, message);
    const incoming: IncomingRequest = {
      state,
      message,
      datagramBytes: datagram.length,
      method: METHOD_NAMES.get(message.code) ?? '',
      entry: undefined,
      separateTimer: undefined,
      bodyFingerprint: 0,
      acknowledged: false,
      answered: false,
    };
    if (this.#refused(incoming) || this.#servedWithoutMemory(incoming)) return;
    if (this.#remembered(incoming, fingerprint)) this.#handle(incoming);
  }

  /** The value of an Echo option that it was sent proves that the peer receives at its address (RFC 9175). */
  #noteProof(state: PeerState, { options }: CoapMessage): void {
    if (options.echo === undefined || state.proven) return;
    if (this.#parts.proof.holds(state.peer.key, options.echo)) state.proven = true;
  }

  /** While the handler is at work a duplicate is absorbed; then it gets the same bytes again, RFC 7252 §4.2. */
  #repeat(state: PeerState, message: CoapMessage, earlier: RememberedRequest): void {
    this.#parts.counters.duplicates++;
    if (message.type === 'CON' && earlier.reply !== undefined) this.#parts.send(asBuffer(earlier.reply), state.peer);
  }

  /** Answers that depend on the message alone. */
  #refused(incoming: IncomingRequest): boolean {
    const { message, method } = incoming;
    const { options } = message;
    if (options.badCritical) {
      this.#parts.counters.badCriticalOptions++;
      // RFC 7252 §5.4.1: 4.02 to a confirmable request, a non-confirmable one is rejected, here in silence
      if (message.type === 'CON') this.#answer(incoming, { code: '4.02' });
    } else if (options.badBlock) this.#answer(incoming, { code: '4.00' });
    else if (options.proxy) this.#answer(incoming, { code: '5.05' });
    else if (method === '') this.#answer(incoming, { code: '4.05' });
    else return false;
    return true;
  }

  /** Blocks in the middle of a transfer: their number makes a repetition harmless, so no reply is kept for each. */
  #servedWithoutMemory(incoming: IncomingRequest): boolean {
    const { message, method } = incoming;
    const { block1, block2 } = message.options;
    if (block1?.more === true) {
      this.#assemble(incoming, block1);
      return true;
    }
    if (block2 === undefined || block2.number === 0 || block1 !== undefined) return false;
    if (method === 'FETCH') incoming.bodyFingerprint = fingerprintOf(message.payload);
    const body = this.#parts.bodies.find(keyOf(incoming), method === 'FETCH' && message.payload.length === 0);
    if (body !== undefined) this.#answerFromBody(incoming, body);
    else if (SAFE_METHODS.has(method)) this.#callHandler(incoming, message.payload);
    else this.#answer(incoming, { code: '4.08' });
    return true;
  }

  /** False when it must be dropped at a limit: see `rememberedRequestsTotal`. */
  #remembered(incoming: IncomingRequest, fingerprint: number): boolean {
    const { memory, counters, now } = this.#parts;
    const { state, message, method } = incoming;
    state.requests ??= new Map();
    incoming.entry = memory.take(state.requests, message.messageId, fingerprint, now());
    if (incoming.entry !== undefined || SAFE_METHODS.has(method)) return true;
    counters.droppedAtRequestLimit++;
    return false;
  }

  #handle(incoming: IncomingRequest): void {
    const { message } = incoming;
    const { block1 } = message.options;
    const payload = block1 === undefined ? message.payload : this.#assemble(incoming, block1);
    if (payload === undefined) return;
    if (incoming.method === 'FETCH') incoming.bodyFingerprint = fingerprintOf(payload);
    this.#callHandler(incoming, payload);
  }

  /** The whole body, or undefined after the block was answered. */
  #assemble(incoming: IncomingRequest, block: Block): Buffer | undefined {
    const { message, state } = incoming;
    const step = this.#parts.assembly.accept({
      key: keyOf(incoming),
      peerKey: state.peer.key,
      block,
      payload: message.payload,
      contentFormat: message.options.contentFormat,
      size1: message.options.size1,
    });
    if ('body' in step) return step.body;
    if (step.code !== '2.31') this.#parts.counters.refusedTransfers++;
    const sizeBytes = Math.min(block.sizeBytes, this.#parts.limits.blockSizeBytes);
    this.#answer(incoming, { code: step.code }, { block1: { ...block, sizeBytes }, size1: step.size1 });
    return undefined;
  }

  #callHandler(incoming: IncomingRequest, payload: Buffer): void {
    const { message, state, method } = incoming;
    const { options } = message;
    const request: CoapRequest = {
      peer: state.peer,
      method,
      path: options.uriPath,
      query: options.uriQuery,
      contentFormat: options.contentFormat,
      accept: options.accept,
      observe: options.observe,
      token: message.token,
      payload,
      confirmable: message.type === 'CON',
      messageId: message.messageId,
    };
    try {
      const returned: unknown = this.#parts.handler(request, (response) => this.#respond(incoming, response));
      if (returned instanceof Promise) returned.catch((error: unknown) => this.#handlerFailed(incoming, error));
    } catch (error) {
      this.#handlerFailed(incoming, error);
    }
    if (incoming.answered || message.type !== 'CON') return;
    const { wheel, now, limits, replies } = this.#parts;
    incoming.separateTimer = wheel.schedule(now(), limits.separateAfterMs, () => replies.acknowledge(incoming));
  }

  /** The peer learns nothing of the cause. */
  #handlerFailed(incoming: IncomingRequest, error: unknown): void {
    this.#parts.counters.handlerFailures++;
    this.#parts.log?.error({ err: messageOf(error), path: incoming.message.options.uriPath }, 'request handler failed');
    this.#respond(incoming, { code: '5.00' });
  }

  #respond(incoming: IncomingRequest, response: ResponseToSend): void {
    if (incoming.answered) return;
    try {
      if (response.body === undefined) this.#answerWhole(incoming, response, asBuffer(response.payload));
      else this.#answerFromSource(incoming, response, response.body);
    } catch (error) {
      this.#responseFailed(incoming, error);
    }
  }

  /** Called from wherever the handler answers: nothing may be thrown into its hands. */
  #responseFailed(incoming: IncomingRequest, error: unknown): void {
    if (hasCode(error, 'COAP_QUEUE_FULL')) {
      this.#parts.counters.droppedResponses++;
      return;
    }
    this.#parts.counters.handlerFailures++;
    this.#parts.log?.error({ err: messageOf(error) }, 'a response cannot be sent');
    if (!incoming.answered) this.#answer(incoming, { code: '5.00' });
  }

  /** Keeps and cuts the body when it is longer than a block or when the peer asked for blocks. */
  #answerWhole(incoming: IncomingRequest, response: ResponseToSend, payload: Buffer): void {
    const { limits, bodies } = this.#parts;
    const { block1, block2 } = incoming.message.options;
    const largest = Math.min(limits.blockSizeBytes, block2?.sizeBytes ?? limits.blockSizeBytes);
    if (payload.length > largest) {
      const key = keyOf(incoming);
      const kept = bodies.keep(key, incoming.state.peer.key, response, payload);
      if (incoming.method === 'FETCH') bodies.nameFetched(key);
      this.#answerFromBody(incoming, kept);
    } else if ((block2?.number ?? 0) === 0) this.#parts.replies.answer(incoming, response, { block1 });
    else this.#parts.replies.answer(incoming, { code: '4.00' });
  }

  #answerFromBody(incoming: IncomingRequest, { response, etag, payload }: KeptBody): void {
    this.#answerBlock(incoming, { ...response, etag }, payload.length, (offset, length) =>
      payload.subarray(offset, offset + length),
    );
  }

  /** Nothing is kept of it: the handler is asked again for the next block. */
  #answerFromSource(incoming: IncomingRequest, response: ResponseToSend, body: BodySource): void {
    const { sourceBytes } = this.#parts.limits;
    if (body.size > sourceBytes) throw new PlatformError('COAP_TOO_LARGE', `a source exceeds ${sourceBytes} bytes`);
    this.#answerBlock(incoming, { ...response, etag: body.etag, body: undefined }, body.size, (offset, length) =>
      exactly(body.read(offset, length), length),
    );
  }

  #answerBlock(
    incoming: IncomingRequest,
    response: ResponseToSend,
    size: number,
    read: (offset: number, length: number) => Uint8Array,
  ): void {
    const { block1, block2: wanted } = incoming.message.options;
    const cut = cutBlock(size, wanted, this.#parts.limits.blockSizeBytes);
    if (cut === undefined) {
      this.#parts.replies.answer(incoming, { code: '4.00' });
      return;
    }
    const first = cut.block.number === 0;
    const block2 = first && !cut.block.more && wanted === undefined ? undefined : cut.block;
    const payload = read(cut.offset, cut.length);
    const observe = first ? response.observe : undefined; // RFC 7959 §3.4
    const size2 = first && block2 !== undefined ? size : undefined;
    this.#parts.replies.answer(incoming, { ...response, payload, observe }, { block1, block2, size2 });
  }

  /** For answers of our own, which are short: they fail at most for want of message ids, and are then left out. */
  #answer(incoming: IncomingRequest, response: ResponseToSend, blocks?: BlocksOfReply): void {
    try {
      this.#parts.replies.answer(incoming, response, blocks);
    } catch (error) {
      if (!hasCode(error, 'COAP_QUEUE_FULL')) throw error;
      this.#parts.counters.droppedResponses++;
    }
  }
}

function keyOf({ state, method, message: { options }, bodyFingerprint }: IncomingRequest): string {
  return transferKey(state.peer.key, method, options.uriPath, options.uriQuery, bodyFingerprint);
}
