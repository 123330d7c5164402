import { randomBytes } from 'node:crypto';
import type { Api } from './api.ts';
import { brokerError } from './broker-errors.ts';
import { SASL_AUTHENTICATE, SASL_HANDSHAKE } from './requests/sasl.ts';
import { ScramClient } from './scram.ts';
import type { SaslOptions } from './security.ts';

const NONCE_BYTES = 24;

export type Ask = <Req, Res>(api: Api<Req, Res>, request: Req) => Promise<Res>;

/**
 * Authenticates a connection, a fresh one or one whose session comes to its end (KIP-368). Resolves with the lifetime of the session in ms, 0 when it has
 * none. The broker's own words are left out of errors: a broker that is not ours might repeat what it was sent.
 *
 * @throws KAFKA_REFUSED when the broker does not take the mechanism, the user or the password, or does not prove itself (SCRAM)
 */
export async function authenticate(ask: Ask, sasl: SaslOptions): Promise<number> {
  const { errorCode } = await ask(SASL_HANDSHAKE, { mechanism: sasl.mechanism });
  if (errorCode !== 0) throw brokerError(errorCode, `authenticating with ${sasl.mechanism}`);
  let lifetimeMs = 0;
  const exchange = async (authBytes: Buffer): Promise<Buffer> => {
    const answer = await ask(SASL_AUTHENTICATE, { authBytes });
    if (answer.errorCode !== 0) throw brokerError(answer.errorCode, `authenticating with ${sasl.mechanism}`);
    lifetimeMs = answer.sessionLifetimeMs;
    return answer.authBytes;
  };
  if (sasl.mechanism === 'PLAIN') await exchange(plainMessage(sasl));
  else await exchangeScram(exchange, sasl);
  return lifetimeMs;
}

/** RFC 4616 §2, without an authorization identity. */
function plainMessage({ username, password }: SaslOptions): Buffer {
  return Buffer.from(`\0${username}\0${password}`);
}

async function exchangeScram(exchange: (bytes: Buffer) => Promise<Buffer>, sasl: SaslOptions): Promise<void> {
  const hash = sasl.mechanism === 'SCRAM-SHA-512' ? 'sha512' : 'sha256';
  const scram = new ScramClient(hash, sasl, randomBytes(NONCE_BYTES).toString('base64url'));
  const serverFirst = await exchange(scram.first());
  scram.verify(await exchange(await scram.final(serverFirst)));
}
