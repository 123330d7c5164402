import { parseLinkFormat } from '../../../lwm2m/link-format.ts';
import type { AvroResponsePayload } from '../../../schemas/generated/records.ts';
import { AVRO } from '../avro-names.ts';
import type { CommandReply } from '../device-operations.ts';
import { type NodeJson, nodeJson } from './node-json.ts';
import { type LinkJson, linksJson } from './registration-json.ts';

/** The answer of a device as Leshan's demo server shows it: HTTP 200 whatever its code. */
export interface OperationJson {
  readonly status: string;
  readonly valid: boolean;
  readonly success: boolean;
  readonly failure: boolean;
  readonly content?: NodeJson;
  readonly objectLinks?: readonly LinkJson[];
}

/** A body of text with the status it goes out with. */
export interface TextAnswer {
  readonly status: number;
  readonly text: string;
}

const SUCCESSES: ReadonlySet<AvroResponsePayload['code']> = new Set(['CREATED', 'DELETED', 'CHANGED', 'CONTENT']);
/** What the requester can mend. */
const INVALID = new Set([
  'HTTP_REQUEST',
  'LWM2M_PATH',
  'LWM2M_REQUEST',
  'LWM2M_ATTRIBUTES',
  'LWM2M_CONTENT',
  'LWM2M_CONTENT_FORMAT',
]);
const UNREADABLE = new Set(['COAP_BLOCK_FAILED', 'COAP_TOO_LARGE', 'LWM2M_TLV', 'LWM2M_LINK_FORMAT']);

export function isSuccess({ code }: AvroResponsePayload): boolean {
  return SUCCESSES.has(code);
}

export function operationJson(rep: AvroResponsePayload): OperationJson {
  const success = isSuccess(rep);
  const { body } = rep;
  return {
    status: rep.code,
    valid: rep.code !== 'UNKNOWN',
    success,
    failure: !success,
    ...(body != null && AVRO.readResponse in body ? { content: nodeJson(body[AVRO.readResponse].content) } : {}),
    ...(body != null && AVRO.discoverResponse in body ? { objectLinks: linksOf(body[AVRO.discoverResponse]) } : {}),
  };
}

function linksOf({ objectLinks }: { readonly objectLinks: string }): LinkJson[] {
  return linksJson(parseLinkFormat(objectLinks.slice(1, -1)));
}

/** The text for an operation without an answer of the device. */
export function failureText(reply: Pick<CommandReply, 'failure' | 'rep'>): TextAnswer {
  const { failure } = reply;
  const message = detailOf(reply);
  if (failure === 'COAP_TIMEOUT') return { status: 500, text: 'Request timeout' };
  if (failure !== undefined) return refusalText(failure, message);
  return { status: 500, text: `Unexpected exception: ${message}` };
}

export function refusalText(code: string, message: string): TextAnswer {
  if (INVALID.has(code)) return { status: 400, text: `Invalid request: ${message}` };
  if (code === 'LWM2M_NOT_REGISTERED') return { status: 400, text: message };
  if (code === 'COAP_RESET' || code === 'COAP_QUEUE_FULL') return { status: 500, text: `Request rejected: ${message}` };
  if (code === 'COAP_CANCELLED' || code === 'SHUTTING_DOWN')
    return { status: 500, text: `Request cancelled: ${message}` };
  if (UNREADABLE.has(code)) return { status: 500, text: `Invalid Response: ${message}` };
  return { status: 500, text: `Unexpected exception: ${message}` };
}

export function messageOfReply({ code, body }: AvroResponsePayload): string {
  return body != null && AVRO.genericResponse in body ? body[AVRO.genericResponse].message : code;
}

/** Records name the code before the message; an answer of HTTP has a place of its own for it. */
export function detailOf({ failure, rep }: Pick<CommandReply, 'failure' | 'rep'>): string {
  const message = messageOfReply(rep);
  return failure !== undefined && message.startsWith(`${failure}: `) ? message.slice(failure.length + 2) : message;
}
