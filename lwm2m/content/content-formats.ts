/** Content formats of LwM2M with their CoAP numbers; `legacy` numbers come from drafts before LwM2M 1.0 and are read only. */
export const CONTENT_FORMATS = {
  TEXT: { number: 0, mediaType: 'text/plain' },
  LINK: { number: 40, mediaType: 'application/link-format' },
  OPAQUE: { number: 42, mediaType: 'application/octet-stream' },
  CBOR: { number: 60, mediaType: 'application/cbor' },
  SENML_JSON: { number: 110, mediaType: 'application/senml+json' },
  SENML_CBOR: { number: 112, mediaType: 'application/senml+cbor' },
  SENML_ETCH_JSON: { number: 320, mediaType: 'application/senml-etch+json' },
  SENML_ETCH_CBOR: { number: 322, mediaType: 'application/senml-etch+cbor' },
  TLV: { number: 11542, legacy: 1542, mediaType: 'application/vnd.oma.lwm2m+tlv' },
  JSON: { number: 11543, legacy: 1543, mediaType: 'application/vnd.oma.lwm2m+json' },
  LWM2M_CBOR: { number: 11544, mediaType: 'application/vnd.oma.lwm2m+cbor' },
} as const satisfies Record<string, { number: number; legacy?: number; mediaType: string }>;

export type ContentFormatName = keyof typeof CONTENT_FORMATS;

const NAMES = new Map<number, ContentFormatName>(
  Object.entries(CONTENT_FORMATS).flatMap(([name, row]) => {
    const numbers = 'legacy' in row ? [row.number, row.legacy] : [row.number];
    return numbers.map((number) => [number, name as ContentFormatName] as const);
  }),
);

/** The row of a CoAP Content-Format number, legacy numbers included; undefined when LwM2M knows no such format. */
export function contentFormatName(number: number): ContentFormatName | undefined {
  return NAMES.get(number);
}
