import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { graphModels } from '../../../bin/graph-models.ts';
import { hasCode } from '../../../common/errors.ts';
import { sleep } from '../../../common/lifecycle.ts';
import type { GraphObjectModel } from '../../../connectors/orientdb/model-vertices.ts';
import { OrientSession } from '../../../connectors/orientdb/session.ts';
import { OrientdbSink } from '../../../connectors/orientdb/sink.ts';
import type { SinkRecord } from '../../../connectors/sink.ts';
import type { AvroLink, AvroRegistrationNew, AvroRegistrationResponse } from '../../../schemas/generated/records.ts';
import { sinkContract } from '../../contract/sink.ts';
import { ddfXml } from '../../rig/ddf.ts';
import { useStack } from '../../rig/rig.ts';
import { CloudUnderTest, eventually, quiet } from './cloud.ts';
import { Graph } from './graph.ts';
import { WorkerUnderTest } from './worker-under-test.ts';

const START_MS = 1_790_000_000_000;
const AVRO = 'io.zeelos.leshan.avro.registration.';

const DEVICE: GraphObjectModel = {
  id: 3,
  name: 'Device',
  description: 'of the device',
  multiple: false,
  mandatory: true,
  resources: [
    {
      id: 0,
      name: 'Manufacturer',
      description: 'who made it',
      multiple: false,
      mandatory: false,
      operations: 'R',
      type: 'STRING',
      range: '',
      units: '',
    },
    { id: 4, name: 'Reboot', description: '', multiple: false, mandatory: true, operations: 'E', range: '', units: '' },
  ],
};

function links(...urls: readonly string[]): AvroLink[] {
  return urls.map((url) => ({ url, at: {} }));
}

function newRecord(serverId: string, ep: string, change: Partial<AvroRegistrationNew> = {}): AvroRegistrationResponse {
  const record: AvroRegistrationNew = {
    ep,
    serverId,
    regDate: START_MS,
    address: '127.0.0.1',
    port: 40_000,
    regAddr: '127.0.0.1',
    regPort: 5683,
    lt: 30,
    sms: null,
    ver: '1.0',
    bnd: 'U',
    regId: 'abc',
    links: links('/1/0', '/3/0'),
    attributes: null,
    root: '/',
    lastUp: START_MS,
    ...change,
  };
  return { kind: 'NEW', body: { [`${AVRO}AvroRegistrationNew`]: record } } as AvroRegistrationResponse;
}

function updateRecord(serverId: string, ep: string, lastUp: number, given: object = {}): AvroRegistrationResponse {
  const record = { ep, serverId, regId: 'abc', address: '127.0.0.2', port: 40_001, lastUp, ...given };
  return { kind: 'UPDATE', body: { [`${AVRO}AvroRegistrationUpdate`]: record } } as unknown as AvroRegistrationResponse;
}

function deleteRecord(serverId: string, ep: string, lastUp: number, expired = false): AvroRegistrationResponse {
  const record = { ep, serverId, expired, lastUp };
  return { kind: 'DELETE', body: { [`${AVRO}AvroRegistrationDelete`]: record } } as unknown as AvroRegistrationResponse;
}

function sinkRecord(value: AvroRegistrationResponse, offset = '0'): SinkRecord {
  return { from: 'registrations', value, topic: 't', partition: 0, offset, timestampMs: 0 };
}

sinkContract('orientdb', async () => {
  const stack = await useStack('orientdb');
  const graph = await Graph.make(stack, `contract${process.pid}`);
  await new OrientdbSink(graph.target, [DEVICE]).connect(AbortSignal.timeout(20_000));
  let made = 0;
  return {
    newSink: () => new OrientdbSink(graph.target, [DEVICE]),
    records: (count) => Array.from({ length: count }, () => sinkRecord(newRecord('gw', `ep${made++}`))),
    rows: () => graph.count('Endpoints'),
    bigBatch: 2_000,
    stopStore: () => stack.stop('orientdb'),
    startStore: () => stack.start('orientdb').then(() => stack.ready('orientdb')),
    storePid: () => stack.pid('orientdb')!,
  };
});

describe('registrations as a graph', () => {
  let graph: Graph;
  let sink: OrientdbSink;
  const signal = AbortSignal.timeout(600_000);
  const write = (...values: readonly AvroRegistrationResponse[]) =>
    sink.write(
      values.map((value) => sinkRecord(value)),
      signal,
    );

  before(async () => {
    graph = await Graph.make(await useStack('orientdb'), `graph${process.pid}`);
    sink = new OrientdbSink(graph.target, [DEVICE]);
    await sink.connect(signal);
  });
  after(() => sink.close());

  it('has the classes, unique indexes and model vertices of the original', async () => {
    const indexes = await graph.query('SELECT expand(indexes) FROM metadata:indexmanager');
    const unique = indexes.filter(({ type }) => type === 'UNIQUE').map(({ name }) => name);
    for (const name of [
      'Servers.name',
      'Endpoints.name',
      'Objects.id',
      'hasEndpoint.out_in',
      'hasChild.out_in',
      'hasObject.out_in_instance',
      'hasResource.out_in',
    ])
      assert.ok(unique.includes(name), name);
    const rows = await graph.query("SELECT name, out('hasResource').name AS resources FROM Objects WHERE id = 3");
    assert.equal(rows[0]?.name, 'Device');
    assert.deepEqual([...(rows[0]!.resources as string[])].sort(), ['Manufacturer', 'Reboot']);
  });

  it('mends model vertices that changed, and makes none twice', async () => {
    const renamed = { ...DEVICE, resources: DEVICE.resources.map((one) => ({ ...one, units: 'x' })) };
    const other = new OrientdbSink(graph.target, [renamed]);
    await other.connect(signal);
    await other.close();
    assert.equal(await graph.count('Resources'), 2);
    assert.equal(await graph.count('hasResource'), 2);
    assert.equal((await graph.query("SELECT FROM Resources WHERE units = 'x'")).length, 2);
  });

  it('shows a new registration with its objects, known to a model or not', async () => {
    await write(newRecord('gw', 'one', { sms: { string: '+30' }, attributes: { map: { site: 'a "b" $c' } } }));
    assert.deepEqual(await graph.endpoint('one'), {
      name: 'one',
      regDate: START_MS,
      regId: 'abc',
      regPort: 5683,
      regAddress: '127.0.0.1',
      port: 40_000,
      address: '127.0.0.1',
      lt: 30,
      expired: false,
      history: [],
      ver: '1.0',
      bnd: 'U',
      regLastUpdate: START_MS,
      online: true,
      sms: '+30',
      attributes: { site: 'a "b" $c' },
      root: null,
      servers: ['gw'],
    });
    assert.deepEqual(await graph.objectsOf('one'), ['1/0', '3/0']);
    const [unmodelled] = await graph.query('SELECT name, modelled FROM Objects WHERE id = 1');
    assert.deepEqual([unmodelled?.name, unmodelled?.modelled], ['Object 1', false]);
    assert.equal((await graph.query('SELECT modelled FROM Objects WHERE id = 3'))[0]?.modelled, true);
  });

  it('shows an object as modelled, where it stood, once its definition lies in the folder of models', async () => {
    const object = async () => {
      const fields = "name, modelled, out('hasResource').name AS resources, in('hasObject').name AS endpoints";
      const [row] = await graph.query(`SELECT ${fields} FROM Objects WHERE id = 27000`);
      return { ...row, resources: [...((row?.resources ?? []) as string[])].sort() };
    };
    await write(newRecord('gw', 'odd', { links: links('/27000/0') }));
    const endpoints = ['odd'];
    assert.deepEqual(await object(), { name: 'Object 27000', modelled: false, resources: [], endpoints });
    const folder = mkdtempSync(join(tmpdir(), 'zeelos-models-'));
    try {
      const resources = [
        { id: 1, name: 'Mode' },
        { id: 2, name: 'Speed', units: 'm/s' },
      ];
      writeFileSync(join(folder, 'pump.xml'), ddfXml({ id: 27000, name: 'Pump', resources }));
      const other = new OrientdbSink(graph.target, await graphModels(folder, quiet));
      await other.connect(signal);
      await other.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
    const modelled = { name: 'Pump', modelled: true, resources: ['Mode', 'Speed'], endpoints };
    assert.deepEqual(await object(), modelled);
    await write(newRecord('gw', 'odd', { links: links('/27000/0'), lastUp: START_MS + 1 }));
    assert.deepEqual(await object(), modelled);
  });

  it('has an edge from an LwM2M gateway to each device behind it, once, whichever comes first', async () => {
    const behind = (prefix: string) => ({
      gatewayEp: { string: 'site' },
      prefix: { string: prefix },
      root: `/${prefix}`,
      links: links(`/${prefix}/3/0`),
    });
    await write(newRecord('gw', 'site/a', behind('d01')));
    await write(newRecord('gw', 'site'), newRecord('gw', 'site/b', behind('d02')));
    await write(newRecord('gw', 'site/a', behind('d01')), newRecord('gw', 'site/b', behind('d02')));
    const rows = await graph.query("SELECT in.name AS child FROM hasChild WHERE out.name = 'site'");
    assert.deepEqual(rows.map(({ child }) => child).sort(), ['site/a', 'site/b']);
    assert.deepEqual(await graph.objectsOf('site/b'), ['3/0']);
    assert.deepEqual((await graph.endpoint('site'))?.servers, ['gw']);
  });

  it('keeps the registrations that ended, and the one that lives online when an old end comes late', async () => {
    const first = newRecord('gw', 'again', { regId: 'r1' });
    const second = newRecord('gw', 'again', { regId: 'r2', regDate: START_MS + 5, lastUp: START_MS + 5 });
    const end = { ep: 'again', serverId: 'gw', expired: true, lastUp: START_MS + 9, endedRegId: { string: 'r1' } };
    const late = {
      kind: 'DELETE',
      body: { [`${AVRO}AvroRegistrationDelete`]: end },
    } as unknown as AvroRegistrationResponse;
    await write(first);
    await write(second);
    for (let pass = 0; pass < 2; pass++) {
      assert.deepEqual(await write(late), { stale: 1 });
      const endpoint = await graph.endpoint('again');
      assert.equal(endpoint?.online, true);
      const history = endpoint?.history as { regId: string; serverId: string; endedAt: number; end: string }[];
      assert.deepEqual(
        history.map(({ regId, serverId, endedAt, end }) => [regId, serverId, endedAt, end]),
        [['r1', 'gw', START_MS + 5, 'replaced']],
      );
      await write(first, second);
    }
    const [ended] = await graph.query("SELECT history.regId AS ids FROM Endpoints WHERE name = 'again'");
    assert.deepEqual(ended?.ids, ['r1']);
  });

  it('touches only what an update gives, and adds and removes object edges', async () => {
    await write(updateRecord('gw', 'one', START_MS + 1, { links: { array: links('/3/0', '/3303/1', '/x/y') } }));
    const endpoint = await graph.endpoint('one');
    assert.deepEqual(
      [endpoint?.address, endpoint?.port, endpoint?.lt, endpoint?.sms],
      ['127.0.0.2', 40_001, 30, '+30'],
    );
    assert.deepEqual(await graph.objectsOf('one'), ['3/0', '3303/1']);
    assert.equal(sink.counters.links_ignored, 1);
    await write(updateRecord('gw', 'one', START_MS + 2, { lt: { long: 60 } }));
    assert.equal((await graph.endpoint('one'))?.lt, 60);
    assert.deepEqual(await graph.objectsOf('one'), ['3/0', '3303/1']);
  });

  it('keeps vertex, manual edges and manual properties through a new registration', async () => {
    const rid = (await graph.query("SELECT @rid AS rid FROM Endpoints WHERE name = 'one'"))[0]?.rid;
    await graph.command('CREATE CLASS Sites IF NOT EXISTS EXTENDS V');
    await graph.command('CREATE CLASS standsAt IF NOT EXISTS EXTENDS E');
    await graph.command("CREATE VERTEX Sites SET name = 'roof'");
    await graph.command("CREATE EDGE standsAt FROM (SELECT FROM Endpoints WHERE name = 'one') TO (SELECT FROM Sites)");
    await graph.command("UPDATE Endpoints SET owner = 'me' WHERE name = 'one'");
    await write(
      deleteRecord('gw', 'one', START_MS + 2),
      newRecord('gw', 'one', { regDate: START_MS + 3, lastUp: START_MS + 3, links: links('/3/0') }),
    );
    const [row] = await graph.query(
      "SELECT @rid AS rid, owner, online, sms, out('standsAt').name AS sites FROM Endpoints WHERE name = 'one'",
    );
    assert.deepEqual({ ...row }, { rid, owner: 'me', online: true, sms: null, sites: ['roof'] });
    assert.deepEqual(await graph.objectsOf('one'), ['3/0']);
  });

  it('ignores the late end of an older registration and replays of older records', async () => {
    assert.deepEqual(await write(deleteRecord('gw', 'one', START_MS + 2)), { stale: 1 });
    assert.deepEqual(await write(newRecord('gw', 'one')), { stale: 1 });
    assert.equal((await graph.endpoint('one'))?.online, true);
    assert.deepEqual(await write(deleteRecord('gw', 'one', START_MS + 3, true)), {});
    const endpoint = await graph.endpoint('one');
    assert.deepEqual([endpoint?.online, endpoint?.expired, endpoint?.servers], [false, true, ['gw']]);
    assert.deepEqual(await write(deleteRecord('gw', 'never seen', START_MS)), { unknown_endpoint: 1 });
    assert.equal(await graph.endpoint('never seen'), undefined);
  });

  it('moves an endpoint to the server it registers with, and lets the old server end nothing', async () => {
    await write(newRecord('gwA', 'mover'));
    await write(newRecord('gwB', 'mover', { regDate: START_MS + 5, lastUp: START_MS + 5 }));
    assert.deepEqual((await graph.endpoint('mover'))?.servers, ['gwB']);
    assert.deepEqual(await write(deleteRecord('gwA', 'mover', START_MS + 60_000, true)), { stale: 1 });
    assert.equal((await graph.endpoint('mover'))?.online, true);
  });

  it('strips the root of rooted links, also when an update does not repeat it', async () => {
    await write(
      newRecord('gw', 'rooted', { root: '/lwm2m', links: links('/lwm2m', '/lwm2m/3/0', '/lwm2m/5', '/3303/0') }),
    );
    assert.deepEqual(await graph.objectsOf('rooted'), ['3/0']);
    await write(updateRecord('gw', 'rooted', START_MS + 1, { links: { array: links('/lwm2m/3/0', '/lwm2m/3303/2') } }));
    assert.deepEqual(await graph.objectsOf('rooted'), ['3/0', '3303/2']);
  });

  it('stores names of any spelling as they are', async () => {
    const names = [
      `a'b"c\n\\$d\u0000`,
      'ü😀 :name #12:0',
      '`); DELETE VERTEX Endpoints; --',
      '$' + '{x}',
      ' ',
      '@rid',
      '#12:0',
      '$r',
      '$v',
      '__proto__',
    ];
    const attributes = { map: { '@class': 'Endpoints', '@rid': '#1:1', plain: "'" } };
    await write(...names.map((name) => newRecord(name, name, { attributes })));
    for (const name of names) {
      const endpoint = await graph.endpoint(name);
      assert.equal(endpoint?.name, name);
      assert.deepEqual(endpoint.servers, [name]);
      assert.deepEqual(endpoint.attributes, { plain: "'" });
    }
  });

  it('refuses for good what no index can hold, and stores its neighbours', async () => {
    const tooLong = newRecord('gw', 'x'.repeat(20_000));
    await assert.rejects(write(tooLong), (error) => hasCode(error, 'SINK_REFUSED'));
    await write(newRecord('gw', 'neighbour'));
    assert.equal((await graph.endpoint('neighbour'))?.online, true);
  });

  it('leaves no transaction open that failed halfway: what comes behind it is stored', async () => {
    const session = await OrientSession.open(graph.target, await graph.target.password(), AbortSignal.timeout(20_000));
    try {
      await session.command('CREATE CLASS Notes IF NOT EXISTS EXTENDS V');
      const note = 'FOREACH ($n IN :notes) { CREATE VERTEX Notes SET text = $n; }';
      const results = await Promise.allSettled([
        session.transaction(note, { notes: ['one', 'two'] }),
        session.transaction(`${note} CREATE EDGE hasObject FROM #9999:1 TO #9999:2;`, { notes: ['never'] }),
        session.transaction(note, { notes: ['three'] }),
      ]);
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      await assert.rejects(
        session.transaction(`${note} CREATE EDGE hasObject FROM #9999:1 TO #9999:2;`, { notes: ['nor'] }),
      );
      await session.command("CREATE VERTEX Notes SET text = 'four'");
    } finally {
      session.close();
    }
    const rows = await graph.query('SELECT text FROM Notes ORDER BY text');
    assert.deepEqual(
      rows.map(({ text }) => text),
      ['four', 'one', 'three', 'two'],
    );
  });

  it('lets two writers of the same endpoints end with one vertex and one edge each', async () => {
    const other = new OrientdbSink(graph.target, [DEVICE]);
    await other.connect(signal);
    const batch = Array.from({ length: 100 }, (_, index) => sinkRecord(newRecord('gwC', `shared${index}`)));
    await Promise.all([sink.write(batch, signal), other.write([...batch].reverse(), signal)]);
    await other.close();
    const rows = await graph.query(
      "SELECT name, outE('hasObject').size() AS objects, inE('hasEndpoint').size() AS servers FROM Endpoints WHERE name LIKE 'shared%'",
    );
    assert.equal(rows.length, 100);
    for (const { name, objects, servers } of rows) assert.deepEqual([name, objects, servers], [name, 2, 1]);
  });
});

describe('registrations on their way to OrientDB', () => {
  let cloud: CloudUnderTest;
  let graph: Graph;
  let worker: WorkerUnderTest;
  let folder: string;
  let produced = 0;

  const produce = async (...values: readonly { ep: string; value: AvroRegistrationResponse }[]) => {
    produced += values.length;
    await cloud.produce('registrations', values);
  };

  before(async () => {
    const stack = await useStack('kafka-cloud', 'registry', 'orientdb');
    cloud = new CloudUnderTest(stack, `orient${process.pid}`);
    graph = await Graph.make(stack, `flow${process.pid}`);
    await cloud.enrol();
    await cloud.makeTopics();
    const { host, port, database, user } = graph.target;
    const { passwordFile } = stack.credentials.orientdb;
    const name = `${cloud.gatewayId}-graph`;
    const config = {
      'connector.class': 'OrientSinkConnector',
      topics: `${cloud.topic('registrations')},iot.not-there-yet.registrations`,
      'batch.records': '1000',
      'connect.orient.url': `remote:${host}:${port}/${database}`,
      'connect.orient.user': user,
      'connect.orient.password': `$\{directory:${dirname(passwordFile)}:${basename(passwordFile)}}`,
      'connect.orient.retry.interval': '1000',
    };
    folder = mkdtempSync(join(tmpdir(), 'zeelos-graph-'));
    writeFileSync(join(folder, 'graph.json'), JSON.stringify({ name, config }));
    worker = await WorkerUnderTest.start({
      kafkaBrokers: cloud.brokers,
      registryUrl: cloud.registryUrl,
      groupId: `test-${cloud.gatewayId}`,
      connectorsFolder: folder,
      secretFolders: [dirname(passwordFile)],
    });
  });
  after(async () => {
    await worker.stop();
    await cloud.close();
    rmSync(folder, { recursive: true });
  });

  it('shows registrations and sets poison aside among them', async () => {
    const id = cloud.gatewayId;
    await produce({ ep: 'a', value: newRecord(id, 'a') });
    await cloud.produceBytes('registrations', null, Buffer.from([1, 2]));
    await cloud.produceBytes('registrations', Buffer.from('a'), null);
    produced += 2;
    await produce({ ep: 'long', value: newRecord(id, 'n'.repeat(20_000)) }, { ep: 'b', value: newRecord(id, 'b') });
    await produce({ ep: 'a', value: updateRecord(id, 'a', START_MS + 9, { lt: { long: 99 } }) });
    await produce({ ep: 'b', value: deleteRecord(id, 'b', START_MS + 9, true) });
    await eventually(produced, async () => (await worker.metrics()).sum('zeelos_connector_records_in_total'));
    assert.equal((await graph.endpoint('a'))?.lt, 99);
    assert.equal((await graph.endpoint('b'))?.expired, true);
    const letters = await cloud.deadLetters('registrations');
    const codes = letters.map(({ headers }) => String(headers?.['zeelos.dlq.code'])).sort();
    assert.deepEqual(codes, ['AVRO_FRAME', 'SINK_REFUSED']);
    (await worker.metrics()).assertBalanced(produced);
  });

  it('shows everything once when the store was down while records came', async function () {
    this.timeout(90_000);
    const id = cloud.gatewayId;
    const before = await graph.count('Endpoints');
    await cloud.stack.stop('orientdb');
    const values = Array.from({ length: 300 }, (_, index) => `down${index}`);
    await produce(...values.map((ep) => ({ ep, value: newRecord(id, ep) })));
    await sleep(5_000);
    assert.ok((await worker.metrics()).sum('zeelos_connector_retries_total', 'SINK_UNAVAILABLE') > 0);
    await cloud.stack.start('orientdb');
    await cloud.stack.ready('orientdb');
    await eventually(produced, async () => (await worker.metrics()).sum('zeelos_connector_records_in_total'));
    assert.equal(await graph.count('Endpoints'), before + 300);
    const edges = await graph.query("SELECT count(*) AS n FROM hasObject WHERE out.name LIKE 'down%'");
    assert.equal(edges[0]?.n, 600);
    (await worker.metrics()).assertBalanced(produced);
  });
});
