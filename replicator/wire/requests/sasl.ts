import type { Api } from '../api.ts';

export interface SaslHandshakeResponse {
  readonly errorCode: number;
  readonly mechanisms: readonly string[];
}

/** Names the mechanism; what follows on the connection are SASL_AUTHENTICATE requests (KIP-152). */
export const SASL_HANDSHAKE: Api<{ readonly mechanism: string }, SaslHandshakeResponse> = {
  name: 'SaslHandshake',
  key: 17,
  versions: [1, 1],
  flexibleFrom: Number.POSITIVE_INFINITY,
  encode(writer, { mechanism }) {
    writer.string(mechanism);
  },
  decode(reader) {
    return { errorCode: reader.int16(), mechanisms: reader.array(() => reader.string()) };
  },
};

export interface SaslAuthenticateResponse {
  readonly errorCode: number;
  readonly message?: string;
  readonly authBytes: Buffer;
  /** After so many ms the broker closes the connection unless it authenticates anew (KIP-368); 0: never. */
  readonly sessionLifetimeMs: number;
}

export const SASL_AUTHENTICATE: Api<{ readonly authBytes: Uint8Array }, SaslAuthenticateResponse> = {
  name: 'SaslAuthenticate',
  key: 36,
  versions: [2, 2],
  flexibleFrom: 2,
  encode(writer, { authBytes }) {
    writer.bytes(authBytes);
    writer.tags();
  },
  decode(reader) {
    const errorCode = reader.int16();
    const message = reader.nullableString();
    const authBytes = reader.bytes();
    const sessionLifetimeMs = reader.int64();
    return { errorCode, authBytes, sessionLifetimeMs, ...(message === null ? {} : { message }) };
  },
};
