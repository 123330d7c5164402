import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { createHmac, pbkdf2Sync } from 'node:crypto';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { PlatformError } from '../../../../common/errors.ts';
import { BrokerConnection } from '../../../../replicator/wire/connection.ts';
import { FIND_COORDINATOR } from '../../../../replicator/wire/requests/find-coordinator.ts';
import type { ResponseReader } from '../../../../replicator/wire/response-reader.ts';
import type { SaslMechanism, SecurityOptions } from '../../../../replicator/wire/security.ts';
import { selfSigned } from '../../../rig/certificates.ts';
import { type AskedRequest, type FakeBroker, fakeBroker, send } from './fake-broker.ts';

const HANDSHAKE_KEY = 17;
const AUTHENTICATE_KEY = 36;
const PASSWORD = 'hush-hush';
const SALT = Buffer.from('some salt');
const ITERATIONS = 4_096;
const MECHANISMS: readonly SaslMechanism[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];

/** An answer of SaslAuthenticate 2, behind the tags of the header. */
function authenticated(errorCode: number, authBytes: Buffer, message = '', lifetimeMs = 0): Buffer {
  const lifetime = Buffer.alloc(8);
  lifetime.writeBigInt64BE(BigInt(lifetimeMs));
  const said = Buffer.from(message);
  return Buffer.concat([
    Buffer.of(0, errorCode >> 8, errorCode & 0xff, said.length + 1),
    said,
    Buffer.of(authBytes.length + 1),
    authBytes,
    lifetime,
    Buffer.alloc(1),
  ]);
}

/** A broker's side of the authentication, which takes the user "gw" with PASSWORD. */
function authenticator(o: { readonly knowsPassword?: boolean; readonly lifetimeMs?: number } = {}) {
  const said: string[] = [];
  let mechanism = '';
  let scram: { readonly firstBare: string; readonly first: string } | undefined;

  function onRequest({ key, correlationId, body }: AskedRequest, socket: Socket): void {
    if (key === HANDSHAKE_KEY) {
      mechanism = body.subarray(2).toString();
      const known = MECHANISMS.includes(mechanism as SaslMechanism);
      send(socket, correlationId, known ? '000000000000' : '002100000000');
    } else if (key === AUTHENTICATE_KEY) {
      // Tags of the header, compact length (below 128 in these tests, or two bytes of varint), the bytes, tags.
      const start = body[1]! < 0x80 ? 2 : 3;
      const text = body.subarray(start, -1).toString();
      said.push(text);
      send(socket, correlationId, mechanism === 'PLAIN' ? plain(text) : scramAnswer(text));
    } else {
      send(socket, correlationId, `00${'00000000'}02037478${'00000001'}0268${'00000001'}00000000${'00'}`);
    }
  }

  function plain(text: string): Buffer {
    const right = text === `\0gw\0${PASSWORD}`;
    return right
      ? authenticated(0, Buffer.alloc(0), '', o.lifetimeMs)
      : authenticated(58, Buffer.alloc(0), `no such password: ${text}`);
  }

  function scramAnswer(text: string): Buffer {
    const hash = mechanism === 'SCRAM-SHA-512' ? 'sha512' : 'sha256';
    if (scram === undefined) {
      const firstBare = text.slice(3);
      const first = `${firstBare.slice(firstBare.indexOf('r='))}broker,s=${SALT.toString('base64')},i=${ITERATIONS}`;
      scram = { firstBare, first };
      return authenticated(0, Buffer.from(first));
    }
    const [withoutProof, proof] = text.split(',p=') as [string, string];
    const { firstBare, first } = scram;
    const bytes = hash === 'sha512' ? 64 : 32;
    const salted = pbkdf2Sync(o.knowsPassword === false ? 'other' : PASSWORD, SALT, ITERATIONS, bytes, hash);
    const hmac = (key: Buffer, message: string): Buffer => createHmac(hash, key).update(message).digest();
    const signature = hmac(hmac(salted, 'Server Key'), `${firstBare},${first},${withoutProof}`);
    ok(proof.length > 0);
    return authenticated(0, Buffer.from(`v=${signature.toString('base64')}`));
  }

  return { onRequest, said };
}

describe('security of a connection', () => {
  let broker: FakeBroker | undefined;
  let connection: BrokerConnection | undefined;

  afterEach(async () => {
    connection?.close();
    await broker?.close();
    connection = undefined;
    broker = undefined;
  });

  async function open(security: SecurityOptions, host = '127.0.0.1'): Promise<BrokerConnection> {
    connection = await BrokerConnection.open({ host, port: broker!.port }, { clientId: 'test', security });
    return connection;
  }

  const FOUND = { errorCode: 0, nodeId: 1, host: 'h', port: 1 };

  describe('SASL', () => {
    for (const mechanism of MECHANISMS) {
      it(`authenticates with ${mechanism} before anything else is asked`, async () => {
        const { onRequest, said } = authenticator();
        broker = await fakeBroker(onRequest);
        const opened = await open({ sasl: { mechanism, username: 'gw', password: PASSWORD } });
        deepEqual(await opened.request(FIND_COORDINATOR, { transactionalId: 'tx' }), FOUND);
        const steps = mechanism === 'PLAIN' ? 1 : 2;
        deepEqual(
          broker.asked.map(({ key }) => key),
          [18, HANDSHAKE_KEY, ...Array.from({ length: steps }, () => AUTHENTICATE_KEY), FIND_COORDINATOR.key],
        );
        equal(
          said.some((text) => text.includes(PASSWORD)),
          mechanism === 'PLAIN',
        );
      });
    }

    it('authenticates anew before its session ends (KIP-368), and lets what is asked meanwhile wait', async () => {
      broker = await fakeBroker(authenticator({ lifetimeMs: 1 }).onRequest);
      const opened = await open({ sasl: { mechanism: 'PLAIN', username: 'gw', password: PASSWORD } });
      await sleep(5);
      const ask = () => opened.request(FIND_COORDINATOR, { transactionalId: 'tx' });
      deepEqual(await Promise.all([ask(), ask(), ask()]), [FOUND, FOUND, FOUND]);
      const session = [HANDSHAKE_KEY, AUTHENTICATE_KEY];
      const finds = [1, 2, 3].map(() => FIND_COORDINATOR.key);
      deepEqual(
        broker.asked.map(({ key }) => key),
        [18, ...session, ...session, ...finds],
      );
    });

    it('gives up on a password that is not taken, and tells it to nobody', async () => {
      broker = await fakeBroker(authenticator().onRequest);
      const opening = open({ sasl: { mechanism: 'PLAIN', username: 'gw', password: 'wrong-secret' } });
      const error = await opening.then(
        () => undefined,
        (reason: PlatformError) => reason,
      );
      equal(error?.code, 'KAFKA_REFUSED');
      equal(error?.details.broker, 'SASL_AUTHENTICATION_FAILED');
      equal(inspect(error, { depth: 9 }).includes('wrong-secret'), false);
    });

    it('gives up on a broker that does not prove that it knows the password', async () => {
      broker = await fakeBroker(authenticator({ knowsPassword: false }).onRequest);
      const sasl = { mechanism: 'SCRAM-SHA-256', username: 'gw', password: PASSWORD } as const;
      await rejects(open({ sasl }), { code: 'KAFKA_REFUSED' });
    });

    it('gives up on a broker that does not take the mechanism', async () => {
      broker = await fakeBroker(({ correlationId }, socket) => send(socket, correlationId, '002100000000'));
      const sasl = { mechanism: 'SCRAM-SHA-512', username: 'gw', password: PASSWORD } as const;
      await rejects(open({ sasl }), { code: 'KAFKA_REFUSED' });
    });
  });

  describe('TLS', () => {
    const server = selfSigned('127.0.0.1', 'localhost');

    async function serve(o: object = {}): Promise<void> {
      broker = await fakeBroker(
        ({ correlationId }, socket) => {
          const answer = Buffer.from(`00${'00000000'}02037478${'00000001'}0268${'00000001'}0000000000`, 'hex');
          send(socket, correlationId, answer);
        },
        { tls: { ...server, ...o } },
      );
    }

    it('speaks to a broker whose certificate is trusted, by address and by name', async () => {
      await serve();
      for (const host of ['127.0.0.1', 'localhost']) {
        const opened = await open({ tls: { ca: server.cert } }, host);
        deepEqual(await opened.request(FIND_COORDINATOR, { transactionalId: 'tx' }), FOUND);
        opened.close();
      }
    });

    it('brings a large answer through in one piece', async () => {
      const large = Buffer.from(Uint8Array.from({ length: 2_000_000 }, (_, at) => at * 7));
      broker = await fakeBroker(({ correlationId }, socket) => send(socket, correlationId, large), { tls: server });
      const opened = await open({ tls: { ca: server.cert } });
      const whole = {
        ...FIND_COORDINATOR,
        flexibleFrom: Number.POSITIVE_INFINITY,
        decode: (reader: ResponseReader) => [reader.left, reader.int32()],
      };
      deepEqual(await opened.request(whole, { transactionalId: 'tx' }), [large.length, large.readInt32BE(0)]);
      const rest = {
        ...whole,
        decode: (reader: ResponseReader) => Buffer.from(Array.from(large, () => reader.int8())),
      };
      ok((await opened.request(rest, { transactionalId: 'tx' })).equals(large));
    });

    it('refuses a certificate that nobody trusts', async () => {
      await serve();
      await rejects(open({ tls: {} }), { code: 'KAFKA_REFUSED' });
      await rejects(open({ tls: { ca: selfSigned('127.0.0.1').cert } }), { code: 'KAFKA_REFUSED' });
    });

    it('refuses a certificate for another name', async () => {
      await serve();
      await rejects(open({ tls: { ca: server.cert, serverName: 'kafka.example' } }), { code: 'KAFKA_REFUSED' });
    });

    it('shows its own certificate to a broker that asks for one', async () => {
      const gateway = selfSigned('gw');
      await serve({ requestCert: true, rejectUnauthorized: true, ca: gateway.cert });
      await rejects(open({ tls: { ca: server.cert } }), ({ code }: PlatformError) => code.startsWith('KAFKA_'));
      const opened = await open({ tls: { ca: server.cert, ...gateway } });
      deepEqual(await opened.request(FIND_COORDINATOR, { transactionalId: 'tx' }), FOUND);
    });

    it('refuses a key that is none, without repeating it', async () => {
      await serve();
      const error = await open({ tls: { ca: server.cert, cert: server.cert, key: 'no key at all' } }).then(
        () => undefined,
        (reason: PlatformError) => reason,
      );
      equal(error?.code, 'KAFKA_REFUSED');
      equal(inspect(error, { depth: 9 }).includes('no key at all'), false);
    });

    it('does not take a broker without TLS for one with it', async () => {
      broker = await fakeBroker(() => {});
      const opening = BrokerConnection.open(
        { host: '127.0.0.1', port: broker.port },
        { clientId: 'test', security: { tls: {} }, connectTimeoutMs: 300 },
      );
      await rejects(opening, ({ code }: PlatformError) => code.startsWith('KAFKA_'));
    });
  });
});
