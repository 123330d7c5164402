import type { Api } from './api.ts';
import { RequestWriter } from './request-writer.ts';

const SIZE_BYTES = 4;

export interface RequestHeader {
  readonly version: number;
  readonly correlationId: number;
  readonly clientId: string;
}

/** size 4 | key 2 | version 2 | correlation id 4 | client id (never compact) | tags, when flexible | the request */
export function frameOf<Req>(api: Api<Req, unknown>, header: RequestHeader, request: Req): readonly Buffer[] {
  const writer = new RequestWriter();
  writer.int32(0);
  writer.int16(api.key);
  writer.int16(header.version);
  writer.int32(header.correlationId);
  writer.string(header.clientId);
  writer.flexible = header.version >= api.flexibleFrom;
  writer.tags();
  api.encode(writer, request, header.version);
  const bytes = writer.length - SIZE_BYTES;
  const chunks = writer.finish();
  chunks[0]!.writeInt32BE(bytes, 0);
  return chunks;
}
