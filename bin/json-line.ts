/** A record as Avro's JSON on one line: 64-bit integers in full, bytes as Latin-1 text. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) => {
    // The libraries of TypeScript do not know JSON.rawJSON yet; every Node from 22 on has it.
    if (typeof part === 'bigint')
      return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(part.toString());
    if (isBufferJson(part)) return Buffer.from(part.data).toString('latin1');
    return part;
  });
}

/** `JSON.stringify` hands a Buffer over in this shape. */
function isBufferJson(part: unknown): part is { readonly type: 'Buffer'; readonly data: readonly number[] } {
  return (
    typeof part === 'object' &&
    part !== null &&
    (part as { type?: unknown }).type === 'Buffer' &&
    Array.isArray((part as { data?: unknown }).data)
  );
}
