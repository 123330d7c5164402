import type { AddressProof } from './address-proof.ts';
import type { Block } from './block-option.ts';
import type { ConfirmableSender } from './confirmable-sender.ts';
import type { CoapCounters } from './counters.ts';
import type { IncomingRequest } from './incoming-request.ts';
import type { CoapLimits } from './limits.ts';
import { asBuffer, emptyAck, encodeMessage, type MessageType, messageTypeOf } from './message.ts';
import type { PeerState } from './peer-state.ts';
import type { RequestMemory } from './request-memory.ts';
import { type ResponseToSend, responseOptions } from './responses.ts';
import type { TimerWheel } from './timer-wheel.ts';
import type { Peer } from './transport.ts';

export interface BlocksOfReply {
  readonly block1?: Block | undefined;
  readonly block2?: Block | undefined;
  readonly size1?: number | undefined;
  readonly size2?: number | undefined;
  /** A challenge: see AddressProof. */
  readonly echo?: Buffer | undefined;
}

export interface ReplyParts {
  readonly limits: CoapLimits;
  readonly counters: CoapCounters;
  readonly memory: RequestMemory;
  readonly sender: ConfirmableSender;
  readonly wheel: TimerWheel;
  readonly proof: AddressProof;
  send(datagram: Buffer, peer: Peer): void;
}

/** Puts one reply on its way: in the acknowledgement, apart from it, or non-confirmable as the request was. */
export class ReplySender {
  readonly #parts: ReplyParts;

  constructor(parts: ReplyParts) {
    this.#parts = parts;
  }

  /** Throws COAP_QUEUE_FULL when a separate response finds no room, INTERNAL and COAP_TOO_LARGE for what cannot be sent. */
  answer(incoming: IncomingRequest, response: ResponseToSend, blocks: BlocksOfReply = {}): void {
    const { state, message, entry, acknowledged } = incoming;
    if (this.#isUnwanted(incoming, response)) {
      this.#stayQuiet(incoming);
      return;
    }
    const type = typeOfReply(message.type, acknowledged);
    const messageId = type === 'ACK' ? message.messageId : this.#nextMessageId(state);
    const datagram = this.#encodeWithin(incoming, type, messageId, response, blocks);
    this.#settle(incoming);
    if (entry !== undefined && type === 'ACK') this.#parts.memory.setReply(state.requests, entry, datagram);
    if (messageTypeOf(datagram) === 'CON') {
      const spare = this.#repeatsToSpare(incoming, datagram);
      this.#parts.sender.submit(state, messageId, datagram, ignoreOutcome, spare);
    } else this.#parts.send(datagram, state.peer);
  }

  /** The handler takes its time: an empty ACK stops the retransmissions, RFC 7252 §5.2.2. */
  acknowledge(incoming: IncomingRequest): void {
    const { state, message, entry } = incoming;
    const datagram = emptyAck(message.messageId);
    incoming.acknowledged = true;
    if (entry !== undefined) this.#parts.memory.setReply(state.requests, entry, datagram);
    this.#parts.counters.acknowledgementsOut++;
    this.#parts.send(datagram, state.peer);
  }

  #nextMessageId(state: PeerState): number {
    return state.nextMessageId(this.#parts.wheel.nowMs, this.#parts.limits.exchangeLifetimeMs);
  }

  #settle(incoming: IncomingRequest): void {
    incoming.answered = true;
    this.#parts.wheel.cancel(incoming.separateTimer);
    if (incoming.entry !== undefined) incoming.entry.answered = true;
  }

  /** RFC 7967: the class of the response is among those that the client does not want. A transfer in blocks needs its answers. */
  #isUnwanted({ message }: IncomingRequest, { code }: ResponseToSend): boolean {
    const { noResponse, block1, block2 } = message.options;
    if (noResponse === 0 || block1 !== undefined || block2 !== undefined) return false;
    return (noResponse & (1 << (Number(code[0]) - 1))) !== 0;
  }

  /** A confirmable message is acknowledged all the same. */
  #stayQuiet(incoming: IncomingRequest): void {
    this.#parts.counters.unwantedResponses++;
    this.#settle(incoming);
    if (incoming.message.type === 'CON' && !incoming.acknowledged) this.acknowledge(incoming);
  }

  /**
   * Amplification (RFC 7252 §11.3): as long as nothing proves that the peer receives at its address, it gets no reply larger
   * than `unprovenReplyFactor` × its request. A refusal loses its diagnostic text; anything else is replaced by 4.01 with a
   * challenge, which the client repeats its request with (RFC 9175). The smallest reply, a bare 4.01, always fits.
   */
  #encodeWithin(
    incoming: IncomingRequest,
    type: MessageType,
    messageId: number,
    response: ResponseToSend,
    blocks: BlocksOfReply,
  ): Buffer {
    const { state, message, datagramBytes } = incoming;
    const encode = (reply: ResponseToSend, options: BlocksOfReply, as = type): Buffer =>
      encodeReply(as, messageId, message.token, reply, options);
    const datagram = encode(response, blocks);
    const most = datagramBytes * this.#parts.limits.unprovenReplyFactor;
    if (state.proven || datagram.length <= most) return datagram;
    this.#parts.counters.repliesCut++;
    if (!response.code.startsWith('2.')) {
      const plain = encode({ code: response.code, maxAgeSeconds: response.maxAgeSeconds }, blocks);
      if (plain.length <= most) return plain;
    }
    // never confirmable: its retransmissions would be what it is to prevent (RFC 9175 §2.4)
    const once = type === 'CON' ? 'NON' : type;
    const challenge = encode({ code: '4.01' }, { echo: this.#parts.proof.challenge(state.peer.key) }, once);
    return challenge.length <= most ? challenge : encode({ code: '4.01' }, {}, once);
  }

  /** How many retransmissions of a separate response to leave out, so that all copies together keep to the same limit. */
  #repeatsToSpare({ state, datagramBytes }: IncomingRequest, datagram: Buffer): number {
    if (state.proven) return 0;
    const { maxRetransmit, unprovenReplyFactor } = this.#parts.limits;
    const copies = Math.max(1, Math.floor((datagramBytes * unprovenReplyFactor) / datagram.length));
    return Math.max(0, maxRetransmit + 1 - copies);
  }
}

function typeOfReply(requestType: MessageType, acknowledged: boolean): MessageType {
  if (requestType !== 'CON') return 'NON';
  return acknowledged ? 'CON' : 'ACK';
}

function encodeReply(
  type: MessageType,
  messageId: number,
  token: Buffer,
  response: ResponseToSend,
  blocks: BlocksOfReply,
): Buffer {
  const { options } = responseOptions(response)
    .block('Block2', blocks.block2)
    .block('Block1', blocks.block1)
    .uint('Size2', blocks.size2)
    .uint('Size1', blocks.size1)
    .bytes('Echo', blocks.echo);
  const { code, payload } = response;
  return encodeMessage({ type, code, messageId, token, options, payload: asBuffer(payload) });
}

/** A peer that never acknowledges a separate response is gone or has lost interest: the sender has counted it. */
function ignoreOutcome(): void {}
