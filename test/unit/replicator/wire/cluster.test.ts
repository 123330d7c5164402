import { deepEqual, equal, notEqual, rejects, throws } from 'node:assert/strict';
import { createLog } from '../../../../common/log.ts';
import { Cluster } from '../../../../replicator/wire/cluster.ts';
import { END_TXN } from '../../../../replicator/wire/requests/end-txn.ts';
import { FIND_COORDINATOR } from '../../../../replicator/wire/requests/find-coordinator.ts';
import { METADATA } from '../../../../replicator/wire/requests/metadata.ts';
import { type AskedRequest, type FakeBroker, fakeBroker, send } from './fake-broker.ts';

const END = { transactionalId: 'tx', producerId: 1n, producerEpoch: 0, committed: true };
const quiet = createLog('test', 'silent');

describe('cluster', () => {
  const brokers = new Map<number, FakeBroker>();
  let leader = 1;
  let coordinator = 2;
  let cluster: Cluster | undefined;

  beforeEach(async () => {
    leader = 1;
    coordinator = 2;
    for (const nodeId of [1, 2]) brokers.set(nodeId, await fakeBroker((request, socket) => answer(request, socket)));
  });

  afterEach(async () => {
    await cluster?.close();
    for (const broker of brokers.values()) await broker.close();
    brokers.clear();
  });

  function answer({ key, correlationId }: AskedRequest, socket: Parameters<typeof send>[0]): void {
    if (key === METADATA.key) send(socket, correlationId, metadata());
    else if (key === FIND_COORDINATOR.key) send(socket, correlationId, coordinatorIs(coordinator));
    else send(socket, correlationId, `00${'00000000'}0000${'0000000000000007'}000300`);
  }

  /** Version 13: two brokers, one topic with two partitions that is led by `leader`, one that does not exist. */
  function metadata(): string {
    const nodes = [...brokers].map(([nodeId, { port }]) => `${int32(nodeId)}${text('127.0.0.1')}${int32(port)}0000`);
    const partition = (number: number): string => `0000${int32(number)}${int32(leader)}${int32(leader + 4)}01010100`;
    const there = `0000${text('there')}${'11'.repeat(16)}00${array([partition(1), partition(0)])}8000000000`;
    const missing = `0003${text('missing')}${'00'.repeat(16)}00018000000000`;
    return `00${int32(0)}${array(nodes)}${text('the-cluster')}${int32(1)}${array([there, missing])}000000`;
  }

  function coordinatorIs(nodeId: number): string {
    const { port } = brokers.get(nodeId)!;
    return `00${int32(0)}${array([`${text('tx')}${int32(nodeId)}${text('127.0.0.1')}${int32(port)}00000000`])}00`;
  }

  function open(...addresses: string[]): Cluster {
    const first = `127.0.0.1:${brokers.get(1)!.port}`;
    cluster = new Cluster({ brokers: addresses.length > 0 ? addresses : [first], clientId: 'test', log: quiet });
    return cluster;
  }

  const metadataRequests = (): number =>
    [...brokers.values()].flatMap(({ asked }) => asked).filter(({ key }) => key === METADATA.key).length;

  const connectionsTo = (nodeId: number): number => brokers.get(nodeId)!.sockets.length;

  it('knows its id and its topics; what is not there is left out', async () => {
    equal(await open().clusterId(), 'the-cluster');
    const topics = await cluster!.topics(['there', 'missing']);
    deepEqual([...topics.keys()], ['there']);
    deepEqual(topics.get('there'), {
      id: Buffer.alloc(16, 0x11).toString('base64url'),
      partitions: [
        { partition: 0, leader: 1, leaderEpoch: 5 },
        { partition: 1, leader: 1, leaderEpoch: 5 },
      ],
    });
  });

  it('asks for its id once', async () => {
    await open().clusterId();
    await cluster!.clusterId();
    equal(metadataRequests(), 1);
  });

  it('shares one connection, and one attempt, for each broker and purpose', async () => {
    await open().clusterId();
    const before = connectionsTo(2);
    const [a, b, other] = await Promise.all([
      cluster!.connection(2, 'fetch'),
      cluster!.connection(2, 'fetch'),
      cluster!.connection(2, 'produce'),
    ]);
    equal(a, b);
    notEqual(a, other);
    equal(await cluster!.connection(2, 'fetch'), a);
    equal(connectionsTo(2) - before, 2);
  });

  it('shares one attempt again after the connection was lost', async () => {
    const first = await open().connection(1, 'fetch');
    first.close();
    const before = connectionsTo(1);
    const again = await Promise.all([1, 2, 3].map(() => cluster!.connection(1, 'fetch')));
    equal(new Set(again).size, 1);
    notEqual(again[0], first);
    equal(connectionsTo(1) - before, 1);
  });

  it('goes past addresses that are dead', async () => {
    const gone = await fakeBroker(() => {});
    await gone.close();
    equal(await open(`127.0.0.1:${gone.port}`, `127.0.0.1:${brokers.get(2)!.port}`).clusterId(), 'the-cluster');
  });

  it('does not wait for an address that says nothing', async () => {
    const silent = await fakeBroker(() => {}, { everything: true });
    try {
      equal(await open(`127.0.0.1:${silent.port}`, `127.0.0.1:${brokers.get(2)!.port}`).clusterId(), 'the-cluster');
    } finally {
      await silent.close();
    }
  });

  it('says so when all are dead, and comes back when one is there again', async () => {
    const alive = brokers.get(1)!;
    await alive.close();
    await rejects(open().clusterId(), { code: 'KAFKA_UNAVAILABLE' });
    brokers.set(1, await fakeBroker(answer));
    await cluster!.close();
    equal(await open().clusterId(), 'the-cluster');
  });

  it('asks brokers it knows when those of the settings are gone', async () => {
    await open().clusterId();
    await brokers.get(1)!.close();
    const other = brokers.get(2)!;
    brokers.clear();
    brokers.set(2, other);
    leader = 2;
    // The first may still meet the connection that is just breaking.
    const topics = await cluster!.topics(['there']).catch(() => cluster!.topics(['there']));
    equal(topics.get('there')!.partitions[0]!.leader, 2);
  });

  it('sees a leader that moved', async () => {
    await open().topics(['there']);
    leader = 2;
    const [partition] = (await cluster!.topics(['there'])).get('there')!.partitions;
    deepEqual(partition, { partition: 0, leader: 2, leaderEpoch: 6 });
    equal((await cluster!.connection(2, 'fetch')).address.port, brokers.get(2)!.port);
  });

  it('asks anew where a broker is once it was not reached', async () => {
    await open().clusterId();
    await brokers.get(2)!.close();
    await rejects(cluster!.connection(2, 'fetch'), { code: 'KAFKA_UNAVAILABLE' });
    brokers.set(2, await fakeBroker(answer));
    equal((await cluster!.connection(2, 'fetch')).address.port, brokers.get(2)!.port);
  });

  it('has no connection to a broker that is not there', async () => {
    await rejects(open().connection(9, 'fetch'), { code: 'KAFKA_UNAVAILABLE' });
  });

  it('asks for a coordinator once, until it is told to forget', async () => {
    const finds = (): number =>
      [...brokers.values()].flatMap(({ asked }) => asked).filter(({ key }) => key === FIND_COORDINATOR.key).length;
    const first = await open().transactionCoordinator('tx', 'transaction');
    equal(first.address.port, brokers.get(2)!.port);
    equal((await first.request(END_TXN, END)).producerEpoch, 3);
    coordinator = 1;
    equal(await cluster!.transactionCoordinator('tx', 'transaction'), first);
    equal(finds(), 1);
    cluster!.forget();
    equal((await cluster!.transactionCoordinator('tx', 'transaction')).address.port, brokers.get(1)!.port);
    equal(finds(), 2);
  });

  it('rejects what waits and what comes once it is closed', async () => {
    const connection = await open().connection(1, 'fetch');
    const opening = cluster!.connection(2, 'fetch');
    await Promise.all([rejects(opening, { code: 'KAFKA_UNAVAILABLE' }), cluster!.close()]);
    equal(connection.closed, true);
    await rejects(
      cluster!.clusterId().then(() => cluster!.topics(['there'])),
      { code: 'KAFKA_UNAVAILABLE' },
    );
  });

  for (const address of ['', 'host', 'host:', ':9092', 'host:0', 'host:70000', 'a:b:1']) {
    it(`refuses the address "${address}"`, () => throws(() => open(address), { code: 'CONFIG_INVALID' }));
  }
});

function int32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

function text(value: string): string {
  return (value.length + 1).toString(16).padStart(2, '0') + Buffer.from(value).toString('hex');
}

function array(items: readonly string[]): string {
  return (items.length + 1).toString(16).padStart(2, '0') + items.join('');
}
