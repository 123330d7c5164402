import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { type Health, openHealth } from '../../../../common/health.ts';
import { Access } from '../../../../common/http/access.ts';
import { createLog } from '../../../../common/log.ts';
import { createLaneMetrics } from '../../../../replicator/copy/lane-metrics.ts';
import { LanePositions } from '../../../../replicator/copy/positions.ts';
import { flowsRoutes } from '../../../../replicator/flows/routes.ts';
import { Gateway } from '../../../../replicator/gateway.ts';
import { gatewayOf } from '../../../../replicator/gateway-config.ts';
import { eventually } from '../../../rig/eventually.ts';
import { replicatorSettings } from '../replicator-settings.ts';

const TOKEN = 'correct-horse-battery-staple';
const log = createLog('test', 'silent');

describe('replicator/flows', () => {
  let gateway: Gateway;
  let health: Health;
  let ending: AbortController;
  let ended: Promise<void>;

  /** A gateway neither side of which answers. */
  beforeEach(async () => {
    const settings = replicatorSettings('--gateway-id', 'gw1', '--edge-brokers', '127.0.0.1:1', '--rate-schedule', '');
    gateway = new Gateway(gatewayOf(settings), { metrics: createLaneMetrics(new Registry()), log });
    ending = new AbortController();
    ended = gateway.run(ending.signal);
    await eventually('the lanes are there', () => gateway.lanes.length === 3);
    health = await open(new Access({ address: '127.0.0.1', tokenFile: undefined }));
  });

  afterEach(async () => {
    ending.abort();
    await ended;
    await health.close();
  });

  const open = (access: Access) => {
    const routes = flowsRoutes(() => ({ gateways: [gateway] }), access, log);
    return openHealth({ service: 'test', address: '127.0.0.1', port: 0, routes });
  };

  const ask = async (method: string, path: string, body?: string, headers: Record<string, string> = {}) => {
    const init = { method, headers, ...(body === undefined ? {} : { body }) };
    const response = await fetch(`http://127.0.0.1:${health.port}${path}`, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  };

  it('shows every lane: phase, lag, positions, modes, what stands still, and the last failure', async () => {
    const bulk = gateway.replicator!.lane('up-bulk')!;
    const topic = 'iot.gw1.observations';
    bulk.committed = new LanePositions('c');
    bulk.committed.set(topic, 'id', 2, { offset: 41, epoch: 0 });
    Object.assign(bulk.progressOf(topic), {
      records: 10,
      bytesIn: 1_000,
      lagRecords: 5,
      lagBytes: 500,
      lagSeconds: 1.5,
    });
    bulk.modes.set('raw', 3).set('coalesce', 1);
    bulk.stop({ topic, partition: 0, offset: 3, code: 'KAFKA_REFUSED', reason: 'too large', sinceMs: 0 });
    await eventually('nobody answers', () => bulk.lastFailure !== undefined);
    const { status, body } = await ask('GET', '/flows');
    assert.equal(status, 200);
    assert.deepEqual(
      body.gateways.map((one: { gatewayId: string; phase: string }) => [one.gatewayId, one.phase]),
      [['gw1', 'running']],
    );
    const lanes = body.gateways[0].lanes as Record<string, unknown>[];
    assert.deepEqual(
      lanes.map(({ lane, from, to }) => [lane, from, to]),
      [
        ['up-urgent', 'edge', 'cloud'],
        ['up-bulk', 'edge', 'cloud'],
        ['down', 'cloud', 'edge'],
      ],
    );
    const { lag, copied, modes, topics, stopped, lastFailure } = lanes[1]!;
    assert.deepEqual(lag, { records: 5, bytes: 500, seconds: 1.5 });
    assert.deepEqual(copied, { records: 10, bytes: 1_000 });
    assert.deepEqual(modes, { raw: 0.75, coalesce: 0.25, translate: 0, record: 0 });
    assert.deepEqual(topics, [{ topic, lag: { records: 5, bytes: 500, seconds: 1.5 }, committed: { 2: 41 } }]);
    assert.deepEqual(stopped, [
      { topic, partition: 0, offset: 3, code: 'KAFKA_REFUSED', reason: 'too large', since: '1970-01-01T00:00:00.000Z' },
    ]);
    assert.equal((lastFailure as { code: string }).code, 'KAFKA_UNAVAILABLE');
    assert.deepEqual((await ask('GET', '/flows/gw1')).body.gatewayId, 'gw1');
  });

  it('pauses a lane and lets it go on', async () => {
    const lane = gateway.replicator!.lane('down')!;
    assert.equal((await ask('POST', '/flows/gw1/down/pause')).status, 200);
    assert.equal(lane.isPaused, true);
    assert.equal((await ask('GET', '/flows/gw1')).body.lanes[2].phase, 'paused');
    const { body } = await ask('POST', '/flows/gw1/down/resume');
    assert.deepEqual(body, { gatewayId: 'gw1', lane: 'down', paused: false, until: 'restart' });
    assert.equal(lane.isPaused, false);
  });

  it('sets the rate, and takes it away', async () => {
    const { limit } = gateway.replicator!;
    const { body } = await ask('PUT', '/flows/gw1/rate', '{"bytesPerSecond":1000}');
    assert.deepEqual(body, { gatewayId: 'gw1', bytesPerSecond: 1_000, until: 'restart' });
    assert.equal(limit.bytesPerSecond, 1_000);
    assert.deepEqual((await ask('GET', '/flows/gw1')).body.rate, { bytesPerSecond: 1_000, outsideSchedule: 1_000 });
    await ask('PUT', '/flows/gw1/rate', '{"bytesPerSecond":null}');
    assert.equal(limit.bytesPerSecond, undefined);
  });

  for (const body of [
    '',
    'no JSON',
    '{}',
    '{"bytesPerSecond":-1}',
    '{"bytesPerSecond":"5"}',
    '{"bytesPerSecond":1,"x":2}',
  ])
    it(`refuses the rate ${JSON.stringify(body)}`, async () => {
      const answer = await ask('PUT', '/flows/gw1/rate', body);
      assert.deepEqual([answer.status, answer.body.code], [400, 'HTTP_REQUEST']);
      assert.equal(gateway.replicator!.limit.standing, undefined);
    });

  it('reads no body beyond its limit, of a known length or not', async () => {
    const long = `{"bytesPerSecond":1${' '.repeat(5_000)}}`;
    assert.equal((await ask('PUT', '/flows/gw1/rate', long)).status, 413);
    const stream = new ReadableStream({
      pull: (controller) => controller.enqueue(Buffer.alloc(1_000, ' ')),
    });
    const response = await fetch(`http://127.0.0.1:${health.port}/flows/gw1/rate`, {
      ...{ method: 'PUT', body: stream, duplex: 'half' },
    } as RequestInit).then(
      ({ status }) => status,
      // The port may be closed before the answer is read: nothing more was taken either way.
      () => 413,
    );
    assert.equal(response, 413);
    assert.equal((await ask('GET', '/healthz')).status, 200);
  });

  for (const [method, path, status] of [
    ['GET', '/flows/gw2', 404],
    ['POST', '/flows/gw1/sideways/pause', 404],
    ['POST', '/flows/gw1/down/stop', 404],
    ['POST', '/flows/gw1/down/pause/now', 404],
    ['DELETE', '/flows', 405],
    ['GET', '/flows/gw1/down/pause', 405],
    ['GET', '/flows/gw1/rate', 405],
  ] as const)
    it(`answers ${method} ${path} with ${status}`, async () => {
      const answer = await ask(method, path);
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json');
      assert.equal(answer.body.status, status);
      assert.equal(answer.headers.get('allow') !== null, status === 405);
    });

  it('says that a gateway which has ended cannot be paused', async () => {
    ending.abort();
    await ended;
    assert.equal((await ask('POST', '/flows/gw1/down/pause')).status, 409);
    assert.equal((await ask('PUT', '/flows/gw1/rate', '{"bytesPerSecond":1}')).status, 409);
  });

  it('keeps foreign pages out, and lets nobody in without the token where there is one', async () => {
    assert.equal((await ask('POST', '/flows/gw1/down/pause', undefined, { origin: 'http://elsewhere' })).status, 403);
    assert.equal(gateway.replicator!.lane('down')!.isPaused, false);
    await health.close();
    const folder = mkdtempSync(join(tmpdir(), 'zeelos-flows-'));
    try {
      const tokenFile = join(folder, 'token');
      writeFileSync(tokenFile, TOKEN, { mode: 0o600 });
      health = await open(new Access({ address: '0.0.0.0', tokenFile, flag: '--health' }));
      const refused = await ask('GET', '/flows');
      assert.deepEqual([refused.status, refused.headers.get('www-authenticate')], [401, 'Bearer']);
      assert.equal((await ask('GET', '/flows', undefined, { authorization: `Bearer ${TOKEN}` })).status, 200);
      for (const path of ['/healthz', '/readyz']) assert.equal((await ask('GET', path)).status, 200);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
