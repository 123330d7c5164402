import { PlatformError } from '../../common/errors.ts';
import type { CoapResponse } from '../../lwm2m/coap/endpoint.ts';
import { CONTENT_FORMATS } from '../../lwm2m/content/content-formats.ts';
import { carriesTime, type TimedContent, type TimedNode } from '../../lwm2m/content/timed-content.ts';
import { formatLinkFormat, parseLinkFormat } from '../../lwm2m/link-format.ts';
import type { ModelLookup, ObjectModels } from '../../lwm2m/model/object-models.ts';
import { formatPath, type Lwm2mPath } from '../../lwm2m/path.ts';
import type { AvroCompositeNode, AvroResponsePayload } from '../../schemas/generated/records.ts';
import { nodeToAvro } from '../bridge/avro-nodes.ts';
import { decodeDeviceComposite, decodeDeviceContent, decodeDeviceTimedContent } from '../models/device-content.ts';
import { registrationModels } from '../models/registration-models.ts';
import type { Registration } from '../registration/registration.ts';
import { belowRoot, namePrefix } from './node-paths.ts';
import { codeName, inWords, type Outcome } from './outcome.ts';
import { assertRecordable } from './value-records.ts';

const READ_BODY = 'io.zeelos.leshan.avro.response.AvroReadResponseBody';
const COMPOSITE_BODY = 'io.zeelos.leshan.avro.response.AvroCompositeResponse';
const DISCOVER_BODY = 'io.zeelos.leshan.avro.response.AvroDiscoverResponse';
const CREATE_BODY = 'io.zeelos.leshan.avro.response.AvroCreateResponse';

type Content = Pick<CoapResponse, 'code' | 'contentFormat' | 'payload'>;

/** What the content of one device is read with. */
export interface Reader {
  readonly models: ModelLookup;
  /** What stands before the names of its values. */
  readonly prefix: string;
}

export function readerFor(models: ObjectModels, registration: Registration): Reader {
  return { models: registrationModels(models, registration), prefix: namePrefix(registration) };
}

/** What a device answered to a read or an observe. */
export interface ReadAnswer {
  readonly outcome: Outcome;
  /** When the value in the outcome was taken, if the device said so. */
  readonly valueTimestampMs?: number;
  /** What the outcome has no place for: older values, and faults. */
  readonly beside?: TimedContent;
}

/** Asked for every notification: the formats of most are told apart from the others by one comparison. */
export function mayCarryTime(contentFormat: number | undefined): boolean {
  return contentFormat !== undefined && contentFormat !== CONTENT_FORMATS.TLV.number && carriesTime(contentFormat);
}

/**
 * The value a device sent, as the records carry it. Throws LWM2M_CONTENT and its like.
 * @param pathText the path once more, from a caller that keeps it written out
 */
export function readBody(
  answer: Pick<Content, 'contentFormat' | 'payload'>,
  path: Lwm2mPath,
  { models, prefix }: Reader,
  pathText: string = formatPath(path),
): NonNullable<AvroResponsePayload['body']> {
  const node = decodeDeviceContent(answer.contentFormat, answer.payload, path, models, prefix);
  return { [READ_BODY]: { content: nodeToAvro(node, pathText) } };
}

/** The newest value; older ones and faults stand beside it. Throws LWM2M_CONTENT and its like when nothing can be read. */
export function readAnswer(answer: Content, path: Lwm2mPath, reader: Reader, nowMs: number): ReadAnswer {
  const code = codeName(answer.code);
  if (!mayCarryTime(answer.contentFormat)) return { outcome: { code, body: readBody(answer, path, reader) } };
  const { models, prefix } = reader;
  const content = decodeDeviceTimedContent(answer.contentFormat, answer.payload, path, models, nowMs, prefix);
  assertRecordable(content);
  const newest = content.values.at(-1);
  if (newest === undefined) throw content.faults[0] ?? new PlatformError('LWM2M_CONTENT', 'the answer holds no value');
  const body = { [READ_BODY]: { content: nodeToAvro(newest.node, formatPath(path)) } };
  return {
    outcome: { code, body },
    ...(newest.timestampMs !== undefined && { valueTimestampMs: newest.timestampMs }),
    ...besides({ values: content.values.slice(0, -1), faults: content.faults }),
  };
}

/** All values, each with its path and time; faults stand beside them. Throws as `readAnswer` does. */
export function compositeAnswer(
  answer: Content,
  paths: readonly Lwm2mPath[],
  { models, prefix }: Reader,
  nowMs: number,
): ReadAnswer {
  const content = decodeDeviceComposite(answer.contentFormat, answer.payload, paths, models, nowMs, prefix);
  assertRecordable(content);
  const nodes = content.values.map(compositeNode);
  const body = { [COMPOSITE_BODY]: { nodes } };
  return { outcome: { code: codeName(answer.code), body }, ...besides({ values: [], faults: content.faults }) };
}

function besides(beside: TimedContent): { beside?: TimedContent } {
  return beside.values.length === 0 && beside.faults.length === 0 ? {} : { beside };
}

function compositeNode({ path, timestampMs, node }: TimedNode): AvroCompositeNode {
  const pathText = formatPath(path);
  const timestamp = timestampMs === undefined ? null : { long: Math.trunc(timestampMs) };
  return { path: pathText, content: nodeToAvro(node, pathText), timestamp };
}

/** The links with the paths of LwM2M: without the root path of the device. Throws LWM2M_LINK_FORMAT. */
export function discoverAnswer(answer: Content, registration: Pick<Registration, 'rootPath'>): Outcome {
  const links = parseLinkFormat(answer.payload.toString('utf8')).map((link) => {
    const segments = link.url.split('/').filter((segment) => segment !== '');
    return { ...link, url: `/${belowRoot(registration, segments).join('/')}` };
  });
  const objectLinks = `[${links.map((link) => formatLinkFormat([link])).join(', ')}]`;
  return { code: codeName(answer.code), body: { [DISCOVER_BODY]: { objectLinks } } };
}

/**
 * Where the new instance is. Leshan answers without Location-Path where the request chose the instance id.
 * @param instanceId negative when the device chose
 */
export function createAnswer(
  answer: Pick<CoapResponse, 'code' | 'locationPath'>,
  registration: Pick<Registration, 'rootPath'>,
  path: Lwm2mPath,
  instanceId: number,
): Outcome {
  const code = codeName(answer.code);
  const told = answer.locationPath.length > 0;
  if (!told && instanceId < 0) return inWords(code, 'the device does not say which instance it made');
  const location = told
    ? `/${belowRoot(registration, answer.locationPath).join('/')}`
    : formatPath({ ...path, instanceId });
  return { code, body: { [CREATE_BODY]: { location } } };
}
