import type { IncomingMessage } from 'node:http';

/** The body as UTF-8 text; undefined when it is longer than so many bytes, and then the rest of it is not read. */
export async function textBody(request: IncomingMessage, limitBytes: number): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > limitBytes) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}
