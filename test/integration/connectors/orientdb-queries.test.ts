import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GraphObjectModel } from '../../../connectors/orientdb/model-vertices.ts';
import { SAVED_QUERIES, type SavedQueryName } from '../../../connectors/orientdb/queries/queries.ts';
import { type QueryAnswer, runSavedQuery, valuesFrom } from '../../../connectors/orientdb/queries/saved-query.ts';
import { readServerGraph } from '../../../connectors/orientdb/queries/server-graph.ts';
import { OrientSession } from '../../../connectors/orientdb/session.ts';
import { OrientdbSink } from '../../../connectors/orientdb/sink.ts';
import type { SinkRecord } from '../../../connectors/sink.ts';
import { avroType } from '../../../schemas/avro-types.ts';
import type { AvroRegistrationNew } from '../../../schemas/generated/records.ts';
import type { Stack } from '../../../stack/stack.ts';
import { useStack } from '../../rig/rig.ts';

const START_MS = 1_790_000_000_000;
const REGISTRATION = avroType('io.zeelos.leshan.avro.registration.AvroRegistrationResponse');
const BRANCH = 'io.zeelos.leshan.avro.registration.AvroRegistration';
const COMMAND = fileURLToPath(new URL('../../../bin/zeelos.ts', import.meta.url));
const COMMAND_MS = 60_000;

/** A name that would be another statement if it were put into one, and one that looks like a record id. */
const QUOTES = `x' OR '1'='1`;
const RECORD_ID = '#12:0';
const STEERING = 'red\u001b[31m';

/** As it comes from the topic: encoded with the schema and decoded again. */
function record(kind: 'New' | 'Update' | 'Delete', body: object): SinkRecord {
  const value = REGISTRATION.fromBuffer(
    REGISTRATION.toBuffer({ kind: kind.toUpperCase(), body: { [`${BRANCH}${kind}`]: body } } as never),
  );
  return { from: 'registrations', value, topic: 't', partition: 0, offset: '0', timestampMs: 0 };
}

function registered(
  serverId: string,
  ep: string,
  paths: readonly string[],
  change: Partial<AvroRegistrationNew> = {},
): SinkRecord {
  return record('New', {
    ...{ ep, serverId, regDate: START_MS, lastUp: START_MS, regId: 'r1', lt: 30, bnd: 'U', ver: '1.1' },
    ...{
      address: '127.0.0.1',
      port: 40_000,
      regAddr: '127.0.0.1',
      regPort: 5683,
      sms: null,
      attributes: null,
      root: '/',
    },
    ...{ gatewayEp: null, gatewayRegId: null, prefix: null, deviceId: null },
    links: paths.map((url) => ({ url, at: {} })),
    ...change,
  });
}

function child(serverId: string, ep: string, paths: readonly string[]): SinkRecord {
  const [gateway = ''] = ep.split('/');
  const behind = { gatewayEp: { string: gateway }, gatewayRegId: { string: 'r1' }, prefix: { string: 'd1' } };
  const rooted = paths.map((path) => `/d1${path}`);
  return registered(serverId, ep, rooted, { ...behind, root: '/d1', lt: 0 } as Partial<AvroRegistrationNew>);
}

function ended(serverId: string, ep: string, expired: boolean): SinkRecord {
  return record('Delete', { ep, serverId, expired, lastUp: START_MS + 7, endedRegId: { string: 'r1' } });
}

const MANY = Array.from({ length: 12 }, (_, instance) => `/27000/${instance}`);

const RECORDS = [
  registered('gw1', 'sensor-1', ['/1/0', '/3/0', '/3303/0', '/3303/1']),
  registered('gw1', 'sensor-1', ['/3/0', '/3303/1', '/3303/0'], {
    regId: 'r2',
    regDate: START_MS + 5,
    lastUp: START_MS + 5,
  }),
  registered('gw1', 'site', ['/25/0'], { lt: 300, bnd: 'UQ' }),
  child('gw1', 'site/urn:dev:1', ['/3/0', ...MANY]),
  registered('gw1', 'sleepy', ['/3/0'], { lt: 86_400, bnd: 'UQ' }),
  ended('gw1', 'sleepy', true),
  registered('gw1', 'empty', []),
  ended('gw1', 'empty', false),
  registered('gw2', 'sensor-9', ['/3303/7']),
  child('gw2', 'hub/urn:dev:2', ['/3303/0']),
  registered('gw2', QUOTES, ['/3/0'], { regId: 'quotes' }),
  registered('gw2', RECORD_ID, ['/3/0'], { regId: 'rid' }),
  registered('gw2', STEERING, ['/3/0']),
];

function model(id: number, name: string, resources: readonly [number, string, string, string, string][]) {
  const common = { description: '', multiple: false, mandatory: false, range: '' };
  const described = resources.map(([resource, title, operations, type, units]) => {
    return { ...common, id: resource, name: title, operations, type, units };
  });
  return { ...common, id, name, resources: described } satisfies GraphObjectModel;
}

const MODELS = [
  model(1, 'LwM2M Server', []),
  model(3, 'Device', [[0, 'Manufacturer', 'R', 'STRING', '']]),
  model(25, 'LwM2M Gateway', []),
  model(3303, 'Temperature', [
    [5700, 'Sensor Value', 'R', 'FLOAT', 'Cel'],
    [5605, 'Reset', 'E', '', ''],
  ]),
];

describe('saved queries of the graph', () => {
  const database = `queries${process.pid}`;
  const signal = AbortSignal.timeout(600_000);
  let stack: Stack;
  let session: OrientSession;
  let folder: string;

  before(async function () {
    this.timeout(120_000);
    stack = await useStack('orientdb');
    const { user, passwordFile } = stack.credentials.orientdb;
    const password = readFileSync(passwordFile, 'utf8').trim();
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    for (const name of [database, `${database}empty`]) {
      const url = `http://127.0.0.1:${stack.ports.orientdbHttp}/database/${name}/plocal`;
      assert.equal((await fetch(url, { method: 'POST', headers: { authorization } })).status, 200);
    }
    const target = { host: '127.0.0.1', port: stack.ports.orientdbBinary, database, user };
    const sink = new OrientdbSink({ ...target, password: async () => password }, MODELS);
    await sink.connect(signal);
    assert.deepEqual(await sink.write(RECORDS, signal), {});
    await sink.close();
    session = await OrientSession.open(target, password, signal);
    folder = mkdtempSync(join(tmpdir(), 'zeelos-graph-'));
    mkdirSync(join(folder, 'secrets'));
    copyFileSync(passwordFile, join(folder, 'secrets', 'orientdb-password'));
    writeFileSync(join(folder, 'addresses.json'), JSON.stringify({ orientPort: stack.ports.orientdbBinary }));
  });
  after(() => {
    session.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function ask(name: SavedQueryName, given: Record<string, string> = {}, limit = 100): Promise<QueryAnswer> {
    const query = SAVED_QUERIES[name];
    const { values, faults } = valuesFrom(query, new Map(Object.entries(given)));
    assert.deepEqual(faults, []);
    return await runSavedQuery(session, query, values, limit);
  }

  async function cells(name: SavedQueryName, given: Record<string, string>, ...columns: readonly string[]) {
    return (await ask(name, given)).rows.map((row) => columns.map((column) => row[column]));
  }

  it('offline: devices that are away, by gateway', async () => {
    const sleepy = {
      ...{ server: 'gw1', endpoint: 'sleepy', behind: null, expired: true },
      ...{ lastUpdateMs: START_MS + 7, lifetimeSeconds: 86_400 },
    };
    const { rows, hasMore } = await ask('offline');
    assert.deepEqual(rows, [{ ...sleepy, endpoint: 'empty', expired: false, lifetimeSeconds: 30 }, sleepy]);
    assert.equal(hasMore, false);
    assert.deepEqual((await ask('offline', { server: 'gw1' })).rows, rows);
    assert.deepEqual((await ask('offline', { server: 'gw2' })).rows, []);
  });

  it('has-object: who has an object, with its instances in order', async () => {
    assert.deepEqual((await ask('has-object', { object: '3303' })).rows, [
      { server: 'gw1', endpoint: 'sensor-1', online: true, instances: [0, 1] },
      { server: 'gw2', endpoint: 'hub/urn:dev:2', online: true, instances: [0] },
      { server: 'gw2', endpoint: 'sensor-9', online: true, instances: [7] },
    ]);
    assert.deepEqual((await ask('has-object', { object: '3304' })).rows, []);
  });

  it('server-graph: each instance of each device, and a device without any', async () => {
    const rows = await cells('server-graph', { server: 'gw1' }, 'endpoint', 'behind', 'object', 'instance');
    assert.deepEqual(
      rows.filter(([, , object]) => object !== 27_000),
      [
        ['empty', null, null, null],
        ['sensor-1', null, 3, 0],
        ['sensor-1', null, 3303, 0],
        ['sensor-1', null, 3303, 1],
        ['site', null, 25, 0],
        ['site/urn:dev:1', 'site', 3, 0],
        ['sleepy', null, 3, 0],
      ],
    );
    assert.equal(rows.length, 7 + MANY.length);
  });

  it('unmodelled: objects outside the models, with devices and instances', async () => {
    assert.deepEqual((await ask('unmodelled')).rows, [{ object: 27_000, endpoints: 1, instances: MANY.length }]);
  });

  it('lifetimes: devices by lifetime and binding; one that only others name is none', async () => {
    assert.deepEqual((await ask('lifetimes', { server: 'gw1' })).rows, [
      { lifetimeSeconds: 0, binding: 'U', endpoints: 1, online: 1 },
      { lifetimeSeconds: 30, binding: 'U', endpoints: 2, online: 1 },
      { lifetimeSeconds: 300, binding: 'UQ', endpoints: 1, online: 1 },
      { lifetimeSeconds: 86_400, binding: 'UQ', endpoints: 1, online: 0 },
    ]);
    const all = await cells('lifetimes', {}, 'endpoints');
    assert.equal(
      all.flat().reduce<number>((sum, count) => sum + (count as number), 0),
      10,
    );
  });

  it('endpoints: by lifetime, binding and gateway, and when each is due', async () => {
    const due = (given: Record<string, string>) => cells('endpoints', { server: 'gw1', ...given }, 'endpoint', 'dueMs');
    assert.deepEqual(await due({ maxLifetime: '30' }), [
      ['empty', null],
      ['sensor-1', START_MS + 5 + 30_000],
      ['site/urn:dev:1', null],
    ]);
    assert.deepEqual(await due({ binding: 'UQ' }), [
      ['site', START_MS + 300_000],
      ['sleepy', null],
    ]);
    assert.deepEqual(await due({ minLifetime: '301', binding: 'UQ' }), [['sleepy', null]]);
    assert.deepEqual(await cells('endpoints', { minLifetime: '0', maxLifetime: '0' }, 'server', 'endpoint', 'behind'), [
      ['gw1', 'site/urn:dev:1', 'site'],
      ['gw2', 'hub/urn:dev:2', 'hub'],
    ]);
  });

  it('registrations: those of one device, the newest first', async () => {
    assert.deepEqual((await ask('registrations', { endpoint: 'sensor-1' })).rows, [
      { regId: 'r2', server: 'gw1', sinceMs: START_MS + 5, endedMs: null, end: null },
      { regId: 'r1', server: 'gw1', sinceMs: START_MS, endedMs: START_MS + 5, end: 'replaced' },
    ]);
    assert.deepEqual((await ask('registrations', { endpoint: 'sleepy' })).rows, [
      { regId: 'r1', server: 'gw1', sinceMs: START_MS, endedMs: START_MS + 7, end: 'expired' },
    ]);
    assert.deepEqual((await ask('registrations', { endpoint: 'hub' })).rows, []);
  });

  it('takes a value for itself, whatever it looks like', async () => {
    for (const [endpoint, regId] of [
      [QUOTES, 'quotes'],
      [RECORD_ID, 'rid'],
    ] as const)
      assert.deepEqual(await cells('registrations', { endpoint }, 'regId'), [[regId]]);
    const wicked = [
      `gw1' OR '1'='1`,
      ':server',
      'gw1"',
      "gw1' --",
      '\\',
      '#12:0',
      '%',
      '$current',
      '{"@class":"V"}',
      'ε\n',
    ];
    for (const server of wicked) {
      assert.deepEqual((await ask('endpoints', { server })).rows, []);
      assert.deepEqual((await ask('server-graph', { server })).rows, []);
      const depth = { depth: 'objects', limitEndpoints: 10 } as const;
      assert.equal(await readServerGraph(session, server, depth), undefined);
    }
  });

  it('ends at the limit and says that there is more, never when there is none', async () => {
    const some = await ask('server-graph', { server: 'gw1' }, 3);
    assert.deepEqual([some.rows.length, some.hasMore], [3, true]);
    const all = await ask('unmodelled', {}, 1);
    assert.deepEqual([all.rows.length, all.hasMore], [1, false]);
  });

  it('names all faults of the parameters at once', () => {
    const { faults } = valuesFrom(
      SAVED_QUERIES.endpoints,
      new Map([
        ['minLifetime', '1e3'],
        ['__proto__', 'x'],
        ['ep', 'x'],
      ]),
    );
    assert.equal(faults.length, 3);
    assert.equal(valuesFrom(SAVED_QUERIES['has-object'], new Map()).faults.length, 1);
    assert.equal(valuesFrom(SAVED_QUERIES['has-object'], new Map([['object', '-1']])).faults.length, 1);
  });

  /** `zeelos graph …` as typed. */
  function zeelosGraph(...words: readonly string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const args = [COMMAND, 'graph', '--data-dir', folder, '--orient-database', database, ...words];
    return new Promise((resolve, reject) => {
      execFile(process.execPath, args, { timeout: COMMAND_MS }, (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') return reject(error);
        resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
  }

  async function refused(...words: readonly string[]): Promise<readonly [exitCode: number, code: string | undefined]> {
    const { exitCode, stdout, stderr } = await zeelosGraph(...words);
    assert.equal(stdout, '');
    return [exitCode, /^zeelos: (\w+):/.exec(stderr)?.[1]];
  }

  it('prints the tree of a gateway, devices behind another below it', async () => {
    const { exitCode, stdout } = await zeelosGraph('gw1');
    assert.equal(exitCode, 0);
    assert.deepEqual(stdout.split('\n'), [
      'gw1: 5 devices, 3 online',
      '├─ empty  left  127.0.0.1:40000  lifetime 30 s  U  LwM2M 1.1',
      '├─ sensor-1  online  127.0.0.1:40000  lifetime 30 s  U  LwM2M 1.1',
      '│  ├─ 3 Device  /3/0',
      '│  └─ 3303 Temperature  /3303/0 /3303/1',
      '├─ site  online  127.0.0.1:40000  lifetime 300 s  UQ  LwM2M 1.1',
      '│  ├─ 25 LwM2M Gateway  /25/0',
      '│  └─ site/urn:dev:1  online  127.0.0.1:40000  U  LwM2M 1.1',
      '│     ├─ 3 Device  /3/0',
      `│     └─ 27000 (no model)  ${MANY.slice(0, 10).join(' ')} … 2 more`,
      '└─ sleepy  expired  127.0.0.1:40000  lifetime 86400 s  UQ  LwM2M 1.1',
      '   └─ 3 Device  /3/0',
      '',
    ]);
  });

  it('says what a limit left out, and goes as deep as it is told', async () => {
    const short = await zeelosGraph('gw1', '--limit', '3', '--depth', 'endpoints');
    assert.deepEqual(
      short.stdout.split('\n').map((line) => line.split('  ')[0]),
      ['gw1: 5 devices, 3 online', '├─ empty', '├─ sensor-1', '├─ site', '│', '└─ … 2 more devices: see --limit', ''],
    );
    assert.match(short.stdout, /│ {2}└─ … 1 more behind it/);
    const deep = await zeelosGraph('gw1', '--limit', '2', '--depth', 'resources');
    assert.match(
      deep.stdout,
      /3303 Temperature {2}\/3303\/0 \/3303\/1\n│ +├─ 5605 Reset {2}E\n│ +└─ 5700 Sensor Value {2}R {2}FLOAT {2}Cel\n/,
    );
  });

  it('shows a device behind one that never registered, and no text that steers the terminal', async () => {
    const { stdout } = await zeelosGraph('gw2', '--depth', 'endpoints');
    assert.match(stdout, /─ hub\/urn:dev:2 {2}online {2}behind hub {2}/);
    assert.match(stdout, /─ red\\u\{1b\}\[31m {2}online/);
    assert.equal(stdout.includes('\u001b'), false);
  });

  it('prints one JSON object', async () => {
    const tree = JSON.parse((await zeelosGraph('gw1', '--json', '--limit', '2', '--depth', 'resources')).stdout);
    assert.deepEqual(
      [tree.server, tree.total, tree.leftOut],
      ['gw1', { endpoints: 5, online: 3 }, { endpoints: 3, instances: false }],
    );
    assert.deepEqual(tree.endpoints[1].objects, [
      { object: 3, name: 'Device', modelled: true, instances: [0] },
      { object: 3303, name: 'Temperature', modelled: true, instances: [0, 1] },
    ]);
    assert.deepEqual(tree.resources['3'], [
      { resource: 0, name: 'Manufacturer', operations: 'R', type: 'STRING', units: '' },
    ]);
    const rows = JSON.parse((await zeelosGraph('--query', 'unmodelled', '--json')).stdout);
    assert.deepEqual(rows, {
      query: 'unmodelled',
      rows: [{ object: 27_000, endpoints: 1, instances: MANY.length }],
      hasMore: false,
    });
  });

  it('prints the rows of a query as a table', async () => {
    const words = ['--query', 'endpoints', '--param', 'server=gw1', '--param', 'binding=UQ'];
    assert.deepEqual((await zeelosGraph(...words)).stdout.split('\n'), [
      'server  endpoint  behind  online  lifetimeSeconds  binding  lastUpdate                due',
      'gw1     site      –       yes                 300  UQ       2026-09-21T14:13:20.000Z  2026-09-21T14:18:20.000Z',
      'gw1     sleepy    –       no                86400  UQ       2026-09-21T14:13:20.007Z  –',
      '',
    ]);
    assert.match((await zeelosGraph(...words, '--limit', '1')).stdout, /\n… more than 1 rows: see --limit\n$/);
    assert.equal((await zeelosGraph('--query', 'has-object', '--param', 'object=9')).stdout, 'no rows\n');
  });

  it('refuses with a code what it cannot answer', async () => {
    assert.deepEqual(await refused('nobody'), [1, 'GRAPH_UNKNOWN']);
    assert.deepEqual(await refused('gw1', '--orient-database', `${database}empty`), [1, 'GRAPH_UNKNOWN']);
    assert.deepEqual(await refused('gw1', '--orient-database', `${database}none`), [1, 'SINK_UNAVAILABLE']);
    assert.deepEqual(await refused('gw1', '--orient-port', '1'), [1, 'SINK_UNAVAILABLE']);
    assert.deepEqual(await refused('gw1', '--data-dir', join(folder, 'none')), [2, 'CONFIG_INVALID']);
    assert.deepEqual(await refused('gw1', '--orient-password-file', join(folder, 'none')), [2, 'CONFIG_INVALID']);
    assert.deepEqual(await refused(), [2, 'USAGE']);
    assert.deepEqual(await refused('--query', '__proto__'), [2, 'USAGE']);
    assert.deepEqual(await refused('--query', 'has-object', '--param', 'object'), [2, 'USAGE']);
    assert.deepEqual(await refused('--query', 'offline', '--param', 'server=a', '--param', 'server=b'), [2, 'USAGE']);
    const { stderr } = await zeelosGraph('nobody');
    assert.match(stderr, /gw1, gw2/);
  }).timeout(120_000);
});
