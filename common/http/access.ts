import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { messageOf, PlatformError } from '../errors.ts';

/** A shorter token could be guessed. */
const SHORTEST_TOKEN = 16;
const LONGEST_TOKEN = 4_096;
const OTHERS_MAY_USE = 0o077;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** True for addresses and names that never leave this machine. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host.toLowerCase() === 'localhost';
  return LOOPBACK.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

export interface AccessSettings {
  readonly address: string;
  readonly tokenFile: string | undefined;
  /** What its flags begin with, for messages: `--rest` unless told otherwise. */
  readonly flag?: string;
}

/** Why a request is turned away. */
export interface AccessRefusal {
  readonly status: 401 | 403;
  readonly reason: string;
}

/** What a port answers to a request without access. */
export class AccessRefused extends PlatformError {
  readonly status: AccessRefusal['status'];

  constructor({ status, reason }: AccessRefusal) {
    super('HTTP_ACCESS', reason);
    this.status = status;
  }
}

/**
 * Who may use the interface. Where a token is set, it decides. Without one, which only loopback allows, what remains is to keep
 * web pages out: a browser on this machine would carry their requests here, under a foreign Host (DNS rebinding) or Origin.
 */
export class Access {
  readonly #tokenDigest: Buffer | undefined;

  /** Throws CONFIG_INVALID: no token off loopback, a token file that others may read, or one that holds no token. */
  constructor({ address, tokenFile, flag = '--rest' }: AccessSettings) {
    if (tokenFile === undefined && !isLoopback(address)) {
      throw new PlatformError(
        'CONFIG_INVALID',
        `${flag}-address ${address} can be reached from elsewhere: ${flag}-token-file is required there`,
      );
    }
    this.#tokenDigest = tokenFile === undefined ? undefined : digest(readToken(tokenFile, flag));
  }

  refusal(headers: IncomingHttpHeaders): AccessRefusal | undefined {
    if (this.#tokenDigest === undefined) return foreignPage(headers);
    const given = /^Bearer ([^\s]+)$/i.exec(headers.authorization ?? '')?.[1];
    // Digests are of one length, so the comparison tells nothing about the token's.
    if (given !== undefined && timingSafeEqual(digest(given), this.#tokenDigest)) return undefined;
    return { status: 401, reason: 'a bearer token is required' };
  }
}

function foreignPage(headers: IncomingHttpHeaders): AccessRefusal | undefined {
  const { host = '', origin } = headers;
  if (!isLoopback(hostName(host))) return { status: 403, reason: 'the Host header names another machine' };
  if (origin !== undefined && origin !== `http://${host}`)
    return { status: 403, reason: 'a page of another origin asks' };
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    return { status: 403, reason: 'a page of another origin asks' };
  return undefined;
}

/** Without port and brackets; "" for what is no host. */
function hostName(host: string): string {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(host);
  return match?.[1] ?? match?.[2] ?? '';
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function readToken(file: string, flag: string): string {
  let token: string;
  try {
    if ((statSync(file).mode & OTHERS_MAY_USE) !== 0)
      throw new PlatformError('CONFIG_INVALID', `${flag}-token-file ${file} can be read by others: chmod 600 it`);
    token = readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    throw new PlatformError('CONFIG_INVALID', `${flag}-token-file ${file} cannot be read: ${messageOf(error)}`);
  }
  if (token.length < SHORTEST_TOKEN || token.length > LONGEST_TOKEN || /\s/.test(token)) {
    throw new PlatformError(
      'CONFIG_INVALID',
      `${flag}-token-file ${file} must hold one token of ${SHORTEST_TOKEN} to ${LONGEST_TOKEN} characters`,
    );
  }
  return token;
}
