import type { BodySource } from './body-source.ts';
import type { CoapMessage } from './message.ts';
import { OptionList } from './options.ts';
import type { Peer } from './transport.ts';

/** The answer to a request of ours, its body whole. */
export interface CoapResponse {
  /** E.g. `2.05`. */
  readonly code: string;
  readonly token: Buffer;
  readonly contentFormat?: number | undefined;
  readonly observe?: number | undefined;
  readonly locationPath: readonly string[];
  readonly maxAgeSeconds?: number | undefined;
  readonly etag?: Buffer | undefined;
  readonly payload: Buffer;
  readonly peer: Peer;
}

/** What a request handler answers. A payload longer than a block is served block-wise. */
export interface ResponseToSend {
  readonly code: string;
  readonly payload?: Uint8Array | undefined;
  /**
   * In place of a payload: a long body that is read block by block. Nothing of it is kept between blocks: the handler is
   * asked again for each, so the peer may take them in any order.
   */
  readonly body?: BodySource | undefined;
  readonly contentFormat?: number | undefined;
  readonly locationPath?: readonly string[] | undefined;
  readonly locationQuery?: readonly string[] | undefined;
  readonly observe?: number | undefined;
  readonly maxAgeSeconds?: number | undefined;
  readonly etag?: Uint8Array | undefined;
}

export function toCoapResponse(peer: Peer, token: Buffer, message: CoapMessage): CoapResponse {
  const { options } = message;
  return {
    code: message.code,
    token,
    contentFormat: options.contentFormat,
    observe: options.observe,
    locationPath: options.locationPath,
    maxAgeSeconds: options.maxAgeSeconds,
    etag: options.etag,
    payload: message.payload,
    peer,
  };
}

/** All but the block options. */
export function responseOptions(response: ResponseToSend): OptionList {
  return new OptionList()
    .bytes('ETag', response.etag)
    .uint('Observe', response.observe)
    .texts('Location-Path', response.locationPath)
    .uint('Content-Format', response.contentFormat)
    .uint('Max-Age', response.maxAgeSeconds)
    .texts('Location-Query', response.locationQuery);
}
