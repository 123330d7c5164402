import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { PlatformError } from '../../common/errors.ts';

/**
 * The client's side of SCRAM (RFC 5802, SHA-256 after RFC 7677), without channel binding, which Kafka does not have:
 *
 *   → n,,n=user,r=nonce   ← r=nonce…,s=salt,i=iterations   → c=biws,r=nonce…,p=proof   ← v=signature
 *
 * The password is taken as its UTF-8 bytes, as Kafka's brokers do.
 */
export type ScramHash = 'sha256' | 'sha512';

/** RFC 7677 §4 asks for at least so many; above the other limit a broker would only burn our time. */
const MIN_ITERATIONS = 4_096;
const MAX_ITERATIONS = 1_000_000;
const HASH_BYTES = { sha256: 32, sha512: 64 } as const;
const NO_CHANNEL_BINDING = 'n,,';

const derive = promisify(pbkdf2);

export interface ScramCredentials {
  readonly username: string;
  readonly password: string;
}

export class ScramClient {
  readonly #hash: ScramHash;
  readonly #password: string;
  readonly #nonce: string;
  readonly #firstBare: string;
  #signature: Buffer | undefined;

  /** @param nonce printable, without a comma, new for each conversation */
  constructor(hash: ScramHash, { username, password }: ScramCredentials, nonce: string) {
    this.#hash = hash;
    this.#password = password;
    this.#nonce = nonce;
    const name = username.replaceAll('=', '=3D').replaceAll(',', '=2C');
    this.#firstBare = `n=${name},r=${nonce}`;
  }

  first(): Buffer {
    return Buffer.from(NO_CHANNEL_BINDING + this.#firstBare);
  }

  /** @throws KAFKA_REFUSED when the broker's message is not SCRAM's or its nonce not built on ours */
  async final(serverFirst: Buffer): Promise<Buffer> {
    const text = serverFirst.toString();
    const { r: nonce = '', s: salt = '', i = '' } = attributes(text);
    const iterations = Number(i);
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) throw refusal('the nonce is not ours');
    if (salt === '') throw refusal('there is no salt');
    if (!Number.isInteger(iterations) || iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
      throw refusal(`the iterations are not from ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`);
    }
    const bytes = HASH_BYTES[this.#hash];
    const salted = await derive(this.#password, Buffer.from(salt, 'base64'), iterations, bytes, this.#hash);
    const clientKey = this.#hmac(salted, 'Client Key');
    const storedKey = createHash(this.#hash).update(clientKey).digest();
    const withoutProof = `c=${Buffer.from(NO_CHANNEL_BINDING).toString('base64')},r=${nonce}`;
    const message = `${this.#firstBare},${text},${withoutProof}`;
    const proof = this.#hmac(storedKey, message);
    for (let at = 0; at < proof.length; at++) proof[at]! ^= clientKey[at]!;
    this.#signature = this.#hmac(this.#hmac(salted, 'Server Key'), message);
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
  }

  /** The broker must prove that it knows the password too. @throws KAFKA_REFUSED when it does not */
  verify(serverFinal: Buffer): void {
    const { v = '' } = attributes(serverFinal.toString());
    const theirs = Buffer.from(v, 'base64');
    const ours = this.#signature;
    if (ours === undefined || theirs.length !== ours.length || !timingSafeEqual(theirs, ours)) {
      throw refusal('the broker does not prove that it knows the password');
    }
  }

  #hmac(key: Buffer, text: string): Buffer {
    return createHmac(this.#hash, key).update(text).digest();
  }
}

function attributes(message: string): Partial<Record<string, string>> {
  return Object.fromEntries(message.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
}

function refusal(why: string): PlatformError {
  return new PlatformError('KAFKA_REFUSED', `SCRAM authentication: ${why}`);
}
