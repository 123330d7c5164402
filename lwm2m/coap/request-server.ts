import { messageOf } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import type { Block } from './block-option.ts';
import type { Block1Assembly } from './block1-assembly.ts';
import { type Block2Bodies, cutBlock, type KeptBody } from './block2-bodies.ts';
import type { ConfirmableSender } from './confirmable-sender.ts';
import type { CoapCounters } from './counters.ts';
import { transferKey } from './idle-transfers.ts';
import type { CoapLimits } from './limits.ts';
import { asBuffer, type CoapMessage, emptyAck, encodeMessage, fingerprintOf } from './message.ts';
import type { Options } from './options.ts';
import type { PeerState } from './peer-state.ts';
import { METHODS } from './request-client.ts';
import type { RememberedRequest, RequestMemory } from './request-memory.ts';
import { type ResponseToSend, responseOptions } from './responses.ts';
import type { TimerWheel, WheelTimer } from './timer-wheel.ts';
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
  readonly sender: ConfirmableSender;
  readonly wheel: TimerWheel;
  readonly now: () => number;
  readonly log: Log | undefined;
  readonly handler: RequestHandler;
  send(datagram: Buffer, peer: Peer): void;
}

/** One incoming request on its way to its answer. */
interface Incoming {
  readonly state: PeerState;
  readonly message: CoapMessage;
  readonly options: Options;
  readonly method: string;
  /** None for what need not be remembered: it may be handled again without harm. */
  entry: RememberedRequest | undefined;
  separateTimer: WheelTimer | undefined;
  acknowledged: boolean;
  answered: boolean;
}

interface BlocksOfReply {
  readonly block1?: Block | undefined;
  readonly block2?: Block | undefined;
  readonly size1?: number | undefined;
  readonly size2?: number | undefined;
}

const METHOD_NAMES = new Map<string, string>(Object.entries(METHODS).map(([name, code]) => [code, name]));
/** They change nothing, so handling one twice is allowed, RFC 7252 §4.5. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'FETCH']);

/** The server role: duplicates, refusals, block-wise bodies, piggybacked and separate responses. */
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
    const { options } = message;
    const method = METHOD_NAMES.get(message.code) ?? '';
    const incoming: Incoming = {
      state,
      message,
      options,
      method,
      entry: undefined,
      separateTimer: undefined,
      acknowledged: false,
      answered: false,
    };
    if (this.#refused(incoming) || this.#servedWithoutMemory(incoming)) return;
    if (this.#remembered(incoming, fingerprint)) this.#handle(incoming);
  }

  /** While the handler is at work a duplicate is absorbed; then it gets the same bytes again, RFC 7252 §4.2. */
  #repeat(state: PeerState, message: CoapMessage, earlier: RememberedRequest): void {
    this.#parts.counters.duplicates++;
    if (message.type === 'CON' && earlier.reply !== undefined) this.#parts.send(earlier.reply, state.peer);
  }

  /** Answers that depend on the message alone. */
  #refused(incoming: Incoming): boolean {
    const { options, message } = incoming;
    if (options.badCritical) {
      this.#parts.counters.badCriticalOptions++;
      // RFC 7252 §5.4.1: 4.02 to a confirmable request, a non-confirmable one is rejected, here in silence
      if (message.type === 'CON') this.#answer(incoming, { code: '4.02' });
    } else if (options.badBlock) this.#answer(incoming, { code: '4.00' });
    else if (options.proxy) this.#answer(incoming, { code: '5.05' });
    else if (incoming.method === '') this.#answer(incoming, { code: '4.05' });
    else return false;
    return true;
  }

  /** Blocks in the middle of a transfer: their number makes a repetition harmless, so no reply is kept for each. */
  #servedWithoutMemory(incoming: Incoming): boolean {
    const { block1, block2 } = incoming.options;
    if (block1?.more === true) {
      this.#assemble(incoming, block1);
      return true;
    }
    if (block2 === undefined || block2.number === 0 || block1 !== undefined) return false;
    const body = this.#parts.bodies.find(keyOf(incoming));
    if (body !== undefined) this.#answerFromBody(incoming, body);
    else if (SAFE_METHODS.has(incoming.method)) return false;
    else this.#answer(incoming, { code: '4.08' });
    return true;
  }

  /** False when it must be dropped at a limit: see `rememberedRequestsTotal`. */
  #remembered(incoming: Incoming, fingerprint: number): boolean {
    const { memory, counters, now } = this.#parts;
    const { state, message } = incoming;
    state.requests ??= new Map();
    incoming.entry = memory.take(state.requests, message.messageId, fingerprint, now());
    if (incoming.entry !== undefined || SAFE_METHODS.has(incoming.method)) return true;
    counters.droppedAtRequestLimit++;
    return false;
  }

  #handle(incoming: Incoming): void {
    const { block1 } = incoming.options;
    const payload = block1 === undefined ? incoming.message.payload : this.#assemble(incoming, block1);
    if (payload === undefined) return;
    this.#callHandler(incoming, payload);
    if (incoming.answered || incoming.message.type !== 'CON') return;
    const { wheel, now, limits } = this.#parts;
    incoming.separateTimer = wheel.schedule(now(), limits.separateAfterMs, () => this.#acknowledge(incoming));
  }

  /** The whole body, or undefined after the block was answered. */
  #assemble(incoming: Incoming, block: Block): Buffer | undefined {
    const { message, options, state } = incoming;
    const step = this.#parts.assembly.accept({
      key: keyOf(incoming),
      peerKey: state.peer.key,
      block,
      payload: message.payload,
      contentFormat: options.contentFormat,
      size1: options.size1,
    });
    if ('body' in step) return step.body;
    if (step.code !== '2.31') this.#parts.counters.refusedTransfers++;
    const sizeBytes = Math.min(block.sizeBytes, this.#parts.limits.blockSizeBytes);
    this.#answer(incoming, { code: step.code }, { block1: { ...block, sizeBytes }, size1: step.size1 });
    return undefined;
  }

  #callHandler(incoming: Incoming, payload: Buffer): void {
    const { message, options, state, method } = incoming;
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
  }

  /** The peer learns nothing of the cause. */
  #handlerFailed(incoming: Incoming, error: unknown): void {
    this.#parts.counters.handlerFailures++;
    this.#parts.log?.error({ err: messageOf(error), path: incoming.options.uriPath }, 'request handler failed');
    this.#respond(incoming, { code: '5.00' });
  }

  #respond(incoming: Incoming, response: ResponseToSend): void {
    if (incoming.answered) return;
    try {
      this.#answerWhole(incoming, response);
    } catch (error) {
      this.#parts.counters.internalFailures++;
      this.#parts.log?.error({ err: messageOf(error) }, 'a response cannot be sent');
      if (!incoming.answered) this.#answer(incoming, { code: '5.00' });
    }
  }

  /** Keeps and cuts the body when it is longer than a block or when the peer asked for blocks. */
  #answerWhole(incoming: Incoming, response: ResponseToSend): void {
    const payload = asBuffer(response.payload);
    const { limits, bodies } = this.#parts;
    const { block1, block2 } = incoming.options;
    const largest = Math.min(limits.blockSizeBytes, block2?.sizeBytes ?? limits.blockSizeBytes);
    if (payload.length > largest) {
      this.#answerFromBody(incoming, bodies.keep(keyOf(incoming), incoming.state.peer.key, response, payload));
    } else if ((block2?.number ?? 0) === 0) this.#answer(incoming, response, { block1 });
    else this.#answer(incoming, { code: '4.00' });
  }

  #answerFromBody(incoming: Incoming, body: KeptBody): void {
    const { block1, block2 } = incoming.options;
    const cut = cutBlock(body.payload, block2, this.#parts.limits.blockSizeBytes);
    if (cut === undefined) {
      this.#answer(incoming, { code: '4.00' });
      return;
    }
    const first = cut.block.number === 0;
    const response = { ...body.response, etag: body.etag, payload: cut.chunk };
    if (!first) response.observe = undefined; // RFC 7959 §3.4
    this.#answer(incoming, response, { block1, block2: cut.block, size2: first ? body.payload.length : undefined });
  }

  /** Sends one message: in the acknowledgement, apart from it, or non-confirmable as the request was. */
  #answer(incoming: Incoming, response: ResponseToSend, blocks: BlocksOfReply = {}): void {
    const { state, message, entry } = incoming;
    const separate = incoming.acknowledged;
    const piggybacked = message.type === 'CON' && !separate;
    const messageId = piggybacked ? message.messageId : state.nextMessageId();
    const { options } = responseOptions(response)
      .block('Block1', blocks.block1)
      .block('Block2', blocks.block2)
      .uint('Size1', blocks.size1)
      .uint('Size2', blocks.size2);
    const type = piggybacked ? 'ACK' : separate ? 'CON' : 'NON';
    const { code, payload } = response;
    const datagram = encodeMessage({
      type,
      code,
      messageId,
      token: message.token,
      options,
      payload: asBuffer(payload),
    });
    incoming.answered = true;
    this.#parts.wheel.cancel(incoming.separateTimer);
    if (entry !== undefined) {
      entry.answered = true;
      if (piggybacked) this.#parts.memory.setReply(state.requests, entry, datagram);
    }
    if (separate) this.#parts.sender.submit(state, messageId, datagram, ignoreOutcome);
    else this.#parts.send(datagram, state.peer);
  }

  /** The handler takes its time: an empty ACK stops the retransmissions, RFC 7252 §5.2.2. */
  #acknowledge(incoming: Incoming): void {
    const { state, message, entry } = incoming;
    const datagram = emptyAck(message.messageId);
    incoming.acknowledged = true;
    if (entry !== undefined) this.#parts.memory.setReply(state.requests, entry, datagram);
    this.#parts.counters.acknowledgementsOut++;
    this.#parts.send(datagram, state.peer);
  }
}

function keyOf({ state, method, options }: Incoming): string {
  return transferKey(state.peer.key, method, options.uriPath, options.uriQuery);
}

/** A peer that never acknowledges a separate response is gone or has lost interest: the sender has counted it. */
function ignoreOutcome(): void {}
