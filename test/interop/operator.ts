import assert from 'node:assert/strict';
import type {
  AvroContentFormat,
  AvroRequest,
  AvroRequestKind,
  AvroRequestPayload,
  AvroResponse,
  AvroResponseObserve,
} from '../../schemas/generated/records.ts';
import { eventually, type Replies, type Seen, type TestGateway } from '../rig/gateway.ts';
import { type Content, textOf } from './values.ts';

const REPLY_WITHIN_MS = 20_000;
const REQUEST = 'io.zeelos.leshan.avro.request';
const RESPONSE = 'io.zeelos.leshan.avro.response';

export type Body = AvroRequestPayload['body'];
export type More = Partial<Omit<AvroRequest, 'payload'>> & {
  readonly format?: AvroContentFormat;
  readonly body?: Body;
};

export const writeBody = (mode: 'REPLACE' | 'UPDATE', node: Content): Body =>
  ({ [`${REQUEST}.AvroWriteRequest`]: { mode, node } }) as Body;
export const createBody = (instance: unknown): Body =>
  ({ [`${REQUEST}.AvroCreateRequest`]: { instance } }) as unknown as Body;
export const executeBody = (parameters: string): Body =>
  ({ [`${REQUEST}.AvroExecuteRequest`]: { parameters } }) as Body;
export const attributesBody = (observeSpec: string): Body =>
  ({ [`${REQUEST}.AvroWriteAttributesRequest`]: { observeSpec } }) as Body;
export const readPaths = (paths: readonly string[]): Body =>
  ({ [`${REQUEST}.AvroReadCompositeRequest`]: { paths } }) as Body;
export const observePaths = (paths: readonly string[]): Body =>
  ({ [`${REQUEST}.AvroObserveCompositeRequest`]: { paths } }) as Body;
export const writeNodes = (nodes: readonly { readonly path: string; readonly content: Content }[]): Body =>
  ({
    [`${REQUEST}.AvroWriteCompositeRequest`]: { nodes: nodes.map((node) => ({ ...node, timestamp: null })) },
  }) as Body;
export const cancelBody = (ticket: string): Body => ({ [`${REQUEST}.AvroCancelRequest`]: { ticket } }) as Body;

/** Commands as an operator gives them, in the topic of the gateway; replies and observations as they are read there. */
export class Operator {
  readonly gateway: TestGateway;
  readonly replies: Replies;
  readonly observations: Seen<AvroResponseObserve>[];
  #tickets = 0;

  private constructor(gateway: TestGateway, replies: Replies, observations: Seen<AvroResponseObserve>[]) {
    this.gateway = gateway;
    this.replies = replies;
    this.observations = observations;
  }

  static async at(gateway: TestGateway): Promise<Operator> {
    const replies = await gateway.follow<AvroResponse>('replies');
    return new Operator(gateway, replies, await gateway.follow<AvroResponseObserve>('observations'));
  }

  /** Gives a command without waiting. @returns its ticket */
  async give(ep: string, kind: AvroRequestKind, path: string, more: More = {}): Promise<string> {
    const { format = 'AUTO', body = null, ticket = `ticket-${++this.#tickets}`, ...rest } = more;
    const payload: AvroRequestPayload = { kind, path, contentFormat: format, body };
    await this.gateway.command({ serverId: this.gateway.gatewayId, ep, ticket, ...rest, payload });
    return ticket;
  }

  repliesTo(ticket: string): AvroResponse[] {
    return this.replies.filter(({ value }) => value?.ticket === ticket).map(({ value }) => value!);
  }

  async reply(ticket: string): Promise<AvroResponse> {
    await eventually(`a reply to ${ticket}`, () => this.repliesTo(ticket).length > 0, REPLY_WITHIN_MS);
    return this.repliesTo(ticket)[0]!;
  }

  async ask(ep: string, kind: AvroRequestKind, path: string, more: More = {}): Promise<Answer> {
    const reply = await this.reply(await this.give(ep, kind, path, more));
    assert.deepEqual([reply.ep, reply.path, reply.rep.kind], [ep, path, kind]);
    return new Answer(reply);
  }

  /** Notifications under a ticket, oldest first. */
  notified(ep: string, ticket: string): AvroResponseObserve[] {
    return this.observations
      .filter((seen) => seen.ep === ep && seen.value?.ticket === ticket)
      .map((seen) => seen.value!);
  }

  sent(ep: string): AvroResponseObserve[] {
    return this.observations
      .filter((seen) => seen.ep === ep && seen.value?.observationId === 'send')
      .map((seen) => seen.value!);
  }
}

/** A reply, taken apart. */
export class Answer {
  readonly reply: AvroResponse;

  constructor(reply: AvroResponse) {
    this.reply = reply;
  }

  get code(): string {
    return this.reply.rep.code;
  }

  #body<T>(name: string): T | undefined {
    return (this.reply.rep.body as Readonly<Record<string, T>> | null | undefined)?.[`${RESPONSE}.${name}`];
  }

  get message(): string {
    return this.#body<{ message: string }>('AvroGenericResponse')?.message ?? '';
  }

  get content(): string {
    const body = this.#body<{ content: Content }>('AvroReadResponseBody');
    assert.ok(body, `${this.code} ${this.message}: no content`);
    return textOf(body.content);
  }

  get links(): string {
    return this.#body<{ objectLinks: string }>('AvroDiscoverResponse')?.objectLinks ?? '';
  }

  get location(): string {
    return this.#body<{ location: string }>('AvroCreateResponse')?.location ?? '';
  }

  /** What a composite read found, by path. */
  get nodes(): Readonly<Record<string, string>> {
    const body = this.#body<{ nodes: readonly { path: string; content: Content }[] }>('AvroCompositeResponse');
    assert.ok(body, `${this.code} ${this.message}: no composite`);
    return Object.fromEntries(body.nodes.map(({ path, content }) => [path, textOf(content)]));
  }
}

/** The value of a notification, as text. */
export function notifiedText(record: AvroResponseObserve): string {
  return new Answer(record as unknown as AvroResponse).content;
}
