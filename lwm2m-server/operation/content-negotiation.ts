import { CONTENT_FORMATS, type ContentFormatName, contentFormatName } from '../../lwm2m/content/content-formats.ts';
import type { Lwm2mNode } from '../../lwm2m/content/node.ts';
import type { AvroContentFormat } from '../../schemas/generated/records.ts';
import type { Registration } from '../registration/registration.ts';

/** Content formats of the Avro symbols. */
const FORMATS = {
  TLV: 'TLV',
  JSON_CODE: 'JSON',
  TEXT_CODE: 'TEXT',
  OPAQUE_CODE: 'OPAQUE',
  CBOR: 'CBOR',
  SENML_JSON: 'SENML_JSON',
  SENML_CBOR: 'SENML_CBOR',
  LWM2M_CBOR: 'LWM2M_CBOR',
  // It carries no values: whoever names it for one leaves the choice to the server, as AUTO does.
  LINK_CODE: undefined,
  AUTO: undefined,
} as const satisfies Record<AvroContentFormat, ContentFormatName | undefined>;

/** Formats of a whole object or instance, and those that carry several paths at once (LwM2M 1.1). */
const OF_NODES: ReadonlySet<ContentFormatName> = new Set(['TLV', 'JSON', 'SENML_JSON', 'SENML_CBOR', 'LWM2M_CBOR']);
const OF_COMPOSITES: ReadonlySet<ContentFormatName> = new Set(['SENML_JSON', 'SENML_CBOR', 'LWM2M_CBOR']);

/** What the format is for: to ask for a node, to write this one, to create an instance, or for several paths at once. */
export type ContentUse = 'read' | 'create' | 'composite' | Lwm2mNode;

type Announced = Pick<Registration, 'version' | 'contentFormats'>;

/** The number of the format that a command names; else the server's choice. */
export function formatFor(symbol: AvroContentFormat, registration: Announced, use: ContentUse): number {
  const name = FORMATS[symbol];
  return name === undefined ? preferredFormat(registration, use) : CONTENT_FORMATS[name].number;
}

/**
 * The first format fit for the use that the device announced (`ct` of its root link). Without one, or with LwM2M 1.0: TLV, which 1.0
 * makes mandatory; for a single value to write text or opaque; for several paths SenML CBOR.
 */
export function preferredFormat({ version, contentFormats }: Announced, use: ContentUse): number {
  const wanted = use === 'composite' ? OF_COMPOSITES : OF_NODES;
  const announced = version === '1.0' && use !== 'composite' ? [] : contentFormats;
  const fit = announced.find((number) => isAmong(wanted, number));
  if (fit !== undefined) return fit;
  if (use === 'composite') return CONTENT_FORMATS.SENML_CBOR.number;
  if (typeof use === 'string' || use.kind !== 'resource') return CONTENT_FORMATS.TLV.number;
  return CONTENT_FORMATS[use.value.type === 'OPAQUE' ? 'OPAQUE' : 'TEXT'].number;
}

function isAmong(formats: ReadonlySet<ContentFormatName>, number: number): boolean {
  const name = contentFormatName(number);
  return name !== undefined && formats.has(name) && CONTENT_FORMATS[name].number === number;
}
