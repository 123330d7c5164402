import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import type { PlatformError } from '../../../../common/errors.ts';
import {
  BrokerConnection,
  type ConnectionOptions,
  MAX_PENDING_REQUESTS,
} from '../../../../replicator/wire/connection.ts';
import { END_TXN } from '../../../../replicator/wire/requests/end-txn.ts';
import { FETCH, type FetchRequest } from '../../../../replicator/wire/requests/fetch.ts';
import { FIND_COORDINATOR } from '../../../../replicator/wire/requests/find-coordinator.ts';
import { PRODUCE } from '../../../../replicator/wire/requests/produce.ts';
import { type Answer, type FakeBroker, fakeBroker, send, sendVersions } from './fake-broker.ts';

const TOPIC_ID = 'ASNFZ4mrze_-3LqYdlQyEA';
const END = { transactionalId: 'tx', producerId: 1n, producerEpoch: 0, committed: true };
/** Tags of the header, throttle time, no error, producer id 7, epoch 3, tags. */
const ENDED = `00${'00000000'}0000${'0000000000000007'}0003${'00'}`;
const FETCHING: FetchRequest = {
  maxWaitMs: 0,
  minBytes: 1,
  maxBytes: 1,
  isolation: 'read_committed',
  topics: [
    {
      topicId: TOPIC_ID,
      partitions: [{ partition: 0, currentLeaderEpoch: -1, fetchOffset: 0, lastFetchedEpoch: -1, maxBytes: 1 }],
    },
  ],
};

/** An answer to FETCHING with these records. */
function fetched(records: Buffer): Buffer {
  const id = Buffer.from(TOPIC_ID, 'base64url').toString('hex');
  const lengthBytes: number[] = [];
  let length = records.length + 1;
  for (; length >= 0x80; length >>>= 7) lengthBytes.push((length & 0x7f) | 0x80);
  lengthBytes.push(length);
  const head = `00${'00000000'}0000${'00000000'}02${id}02${'00000000'}0000${'0000000000000009'.repeat(3)}00ffffffff`;
  return Buffer.concat([Buffer.from(head, 'hex'), Buffer.from(lengthBytes), records, Buffer.from('000000', 'hex')]);
}

describe('connection to a broker', () => {
  let broker: FakeBroker | undefined;
  let connection: BrokerConnection | undefined;

  afterEach(async () => {
    connection?.close();
    await broker?.close();
    connection = undefined;
    broker = undefined;
  });

  async function connect(answer: Answer, o: Partial<ConnectionOptions> = {}): Promise<BrokerConnection> {
    broker = await fakeBroker(answer);
    connection = await BrokerConnection.open({ host: '127.0.0.1', port: broker.port }, { clientId: 'test', ...o });
    return connection;
  }

  it('names itself, and asks in the highest version that both know', async () => {
    const open = await connect(({ correlationId }, socket) => send(socket, correlationId, ENDED));
    deepEqual(await open.request(END_TXN, END), { errorCode: 0, producerId: 7n, producerEpoch: 3 });
    const [versions, end] = broker!.asked;
    deepEqual([versions!.key, versions!.version, versions!.clientId], [18, 3, 'test']);
    deepEqual([end!.key, end!.version, end!.clientId], [26, 5, 'test']);
    equal(open.feature('transaction.version'), 2);
    equal(open.feature('unheard.of'), 0);
  });

  it('answers pipelined requests in their order', async () => {
    const waiting: (() => void)[] = [];
    const open = await connect(({ correlationId }, socket) => {
      waiting.push(() => send(socket, correlationId, ENDED.replace('0003', hex16(correlationId))));
      if (waiting.length === 3) for (const answer of waiting) answer();
    });
    const answers = await Promise.all([1, 2, 3].map(() => open.request(END_TXN, END)));
    deepEqual(
      answers.map(({ producerEpoch }) => producerEpoch),
      [1, 2, 3],
    );
  });

  it('writes the chunks of a batch as they are, and gives records as a part of the one frame', async () => {
    const records = Buffer.alloc(3_000_000, 7);
    const open = await connect(({ key, correlationId }, socket) =>
      send(socket, correlationId, key === FETCH.key ? fetched(records) : Buffer.from('000100000000' + '00', 'hex')),
    );
    const batch = [Buffer.alloc(400_000, 1), Buffer.alloc(300_000, 2)];
    await open.request(PRODUCE, {
      transactionalId: null,
      timeoutMs: 1,
      topics: [{ topic: 't', partitions: [{ partition: 0, batch }] }],
    });
    ok(broker!.asked[1]!.body.includes(Buffer.concat(batch)));
    const { partitions } = await open.request(FETCH, FETCHING);
    const got = partitions[0]!.records;
    ok(got.equals(records));
    equal(got.buffer.byteLength, fetched(records).length + 4);
  });

  it('counts the bytes of both ways', async () => {
    const counts = { read: 0, written: 0 };
    const open = await connect(({ correlationId }, socket) => send(socket, correlationId, ENDED), {
      onBytes: (read, written) => {
        counts.read += read;
        counts.written += written;
      },
    });
    const before = { ...counts };
    await open.request(END_TXN, END);
    equal(counts.read - before.read, 8 + ENDED.length / 2);
    equal(counts.written - before.written, 14 + 4 + broker!.asked[1]!.body.length);
  });

  it('refuses a request beyond the limit of those that wait, and goes on', async () => {
    let answer = false;
    const asked: (() => void)[] = [];
    const open = await connect(({ correlationId }, socket) => {
      if (answer) send(socket, correlationId, ENDED);
      else asked.push(() => send(socket, correlationId, ENDED));
    });
    const waiting = Array.from({ length: MAX_PENDING_REQUESTS }, () => open.request(END_TXN, END));
    await rejects(open.request(END_TXN, END), { code: 'KAFKA_BACKLOG_FULL' });
    while (asked.length < MAX_PENDING_REQUESTS) await new Promise((next) => setImmediate(next));
    answer = true;
    for (const one of asked) one();
    equal((await Promise.all(waiting)).length, MAX_PENDING_REQUESTS);
    equal((await open.request(END_TXN, END)).errorCode, 0);
  });

  it('refuses a request that has no version in common, and stays open', async () => {
    broker = await fakeBroker(
      ({ key, correlationId }, socket) => key === 18 && sendVersions(socket, correlationId, 3),
      {
        everything: true,
      },
    );
    connection = await BrokerConnection.open({ host: '127.0.0.1', port: broker.port }, { clientId: 'test' });
    await rejects(connection.request(FETCH, FETCHING), { code: 'KAFKA_REFUSED' });
    equal(connection.closed, false);
    equal(connection.versionOf(END_TXN), 3);
  });

  it('speaks the older transaction protocol when told to', async () => {
    const open = await connect(({ correlationId }, socket) =>
      send(socket, correlationId, `00${'00000000'}0000${'00'}`),
    );
    deepEqual(await open.request(END_TXN, END, { maxVersion: 4 }), { errorCode: 0 });
    equal(broker!.asked[1]!.version, 4);
  });

  describe('that goes wrong', () => {
    const faults: readonly (readonly [name: string, code: string, answer: Answer])[] = [
      ['a broker that hangs up', 'KAFKA_UNAVAILABLE', (_, socket) => socket.end()],
      ['a broker that breaks off', 'KAFKA_UNAVAILABLE', (_, socket) => socket.resetAndDestroy()],
      ['half an answer and an end', 'KAFKA_UNAVAILABLE', (_, socket) => socket.end(Buffer.from('000000400000', 'hex'))],
      ['a negative size', 'KAFKA_REFUSED', (_, socket) => socket.write(Buffer.from('ffffffff', 'hex'))],
      ['a size of two gigabytes', 'KAFKA_REFUSED', (_, socket) => socket.write(Buffer.from('7fffffff', 'hex'))],
      ['a web server', 'KAFKA_REFUSED', (_, socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
      ['the answer to another request', 'KAFKA_UNAVAILABLE', (r, socket) => send(socket, r.correlationId + 1, ENDED)],
      ['an answer without a body', 'KAFKA_UNAVAILABLE', (r, socket) => send(socket, r.correlationId, '')],
      ['an answer cut short', 'KAFKA_UNAVAILABLE', (r, socket) => send(socket, r.correlationId, ENDED.slice(0, 20))],
      ['tags without an end', 'KAFKA_UNAVAILABLE', (r, socket) => send(socket, r.correlationId, 'ffffffffffffffff')],
    ];

    for (const [name, code, answer] of faults) {
      it(`rejects all that waits and closes: ${name}`, async () => {
        const open = await connect(answer);
        let closings = 0;
        open.onClose = () => closings++;
        const results = await Promise.allSettled([1, 2, 3].map(() => open.request(END_TXN, END)));
        const reasons = results.map((result) => (result as PromiseRejectedResult).reason as PlatformError);
        deepEqual(
          reasons.map((reason) => reason.code),
          [code, code, code],
        );
        match(reasons[0]!.message, /^EndTxn: /);
        equal(open.closed, true);
        equal(closings, 1);
        await rejects(open.request(END_TXN, END), { code: 'KAFKA_UNAVAILABLE' });
      });
    }

    it('closes on an answer that nobody asked for', async () => {
      const open = await connect(() => {});
      const closed = new Promise<void>((resolve) => {
        open.onClose = resolve;
      });
      send(broker!.sockets[0]!, 1, ENDED);
      await closed;
      equal(open.closed, true);
    });

    it('closes on an array of a billion partitions, without making room for them', async () => {
      const open = await connect(({ correlationId }, socket) =>
        send(socket, correlationId, `00${'00000000'}0000${'00000000'}ffffffff07`),
      );
      await rejects(open.request(FETCH, FETCHING), { code: 'KAFKA_UNAVAILABLE' });
      equal(open.closed, true);
    });

    it('closes when one answer does not come in time, and rejects the others with it', async () => {
      const open = await connect(() => {});
      const late = open.request(FETCH, FETCHING, { timeoutMs: 60_000 });
      const [first, second] = await Promise.allSettled([late, open.request(END_TXN, END, { timeoutMs: 30 })]);
      equal(((first as PromiseRejectedResult).reason as PlatformError).code, 'KAFKA_UNAVAILABLE');
      match(((second as PromiseRejectedResult).reason as PlatformError).message, /no answer to EndTxn 5 in time/);
      equal(open.closed, true);
    });

    it('rejects what waits when it is closed here, more than once', async () => {
      const open = await connect(() => {});
      const waiting = open.request(END_TXN, END);
      open.close();
      open.close();
      await rejects(waiting, { code: 'KAFKA_UNAVAILABLE' });
    });

    it('does not send what cannot be written, and stays open', async () => {
      const open = await connect(({ correlationId }, socket) => send(socket, correlationId, ENDED));
      const wrong = { ...FETCHING, topics: [{ ...FETCHING.topics[0]!, topicId: 'no id' }] };
      await rejects(open.request(FETCH, wrong), { code: 'KAFKA_REFUSED' });
      equal((await open.request(END_TXN, END)).errorCode, 0);
    });
  });

  describe('that does not come about', () => {
    it('nobody listens', async () => {
      const gone = await fakeBroker(() => {});
      await gone.close();
      const open = BrokerConnection.open({ host: '127.0.0.1', port: gone.port }, { clientId: 'test' });
      await rejects(open, { code: 'KAFKA_UNAVAILABLE' });
    });

    it('a broker that never answers', async () => {
      broker = await fakeBroker(() => {}, { everything: true });
      const address = { host: '127.0.0.1', port: broker.port };
      await rejects(BrokerConnection.open(address, { clientId: 'test', connectTimeoutMs: 30 }), {
        code: 'KAFKA_UNAVAILABLE',
      });
    });

    it('a call that is withdrawn', async () => {
      const withdrawn = new AbortController();
      broker = await fakeBroker(() => withdrawn.abort(), { everything: true });
      const address = { host: '127.0.0.1', port: broker.port };
      const open = BrokerConnection.open(address, { clientId: 'test' }, withdrawn.signal);
      await rejects(open, { code: 'KAFKA_UNAVAILABLE' });
      await rejects(BrokerConnection.open(address, { clientId: 'test' }, withdrawn.signal), {
        code: 'KAFKA_UNAVAILABLE',
      });
      equal(broker.sockets.length, 1);
      if (!broker.sockets[0]!.destroyed) await once(broker.sockets[0]!, 'close');
    });

    it('a broker so old that it does not know the first request (KIP-511)', async () => {
      broker = await fakeBroker(
        ({ correlationId }, socket) => send(socket, correlationId, '0023' + '00000001' + '001200000002'),
        {
          everything: true,
        },
      );
      const address = { host: '127.0.0.1', port: broker.port };
      await rejects(BrokerConnection.open(address, { clientId: 'test' }), {
        code: 'KAFKA_REFUSED',
        details: { broker: 'UNSUPPORTED_VERSION', brokerCode: 35 },
      });
    });

    for (const port of [0, 70_000, -1, Number.NaN]) {
      it(`a port that is none: ${port}`, async () => {
        const open = BrokerConnection.open({ host: '127.0.0.1', port }, { clientId: 'test' });
        await rejects(open, ({ code }: PlatformError) => code === 'KAFKA_REFUSED' || code === 'KAFKA_UNAVAILABLE');
      });
    }

    it('a host that cannot be', async () => {
      const open = BrokerConnection.open({ host: '\0', port: 1 }, { clientId: 'test' });
      await rejects(open, ({ code }: PlatformError) => code === 'KAFKA_REFUSED' || code === 'KAFKA_UNAVAILABLE');
    });
  });

  it('reads error codes it does not know as they are', async () => {
    const open = await connect(({ correlationId }, socket) => send(socket, correlationId, found(999)));
    equal((await open.request(FIND_COORDINATOR, { transactionalId: 'tx' })).errorCode, 999);
  });
});

/** An answer of FindCoordinator with that error code. */
function found(errorCode: number): string {
  return `00${'00000000'}02${'037478'}${'ffffffff'}01${'ffffffff'}${hex16(errorCode)}000000`;
}

function hex16(value: number): string {
  return value.toString(16).padStart(4, '0');
}
