import assert from 'node:assert/strict';
import { hasCode } from '../../../common/errors.ts';
import { type Health, openHealth } from '../../../common/health.ts';

describe('common/health', () => {
  const open: Health[] = [];
  const start = async (port = 0) => {
    const health = await openHealth({ service: 'test', address: '127.0.0.1', port });
    open.push(health);
    return health;
  };
  afterEach(async () => {
    for (const health of open.splice(0)) await health.close();
  });
  const get = async (health: Health, path: string) => {
    const response = await fetch(`http://127.0.0.1:${health.port}${path}`);
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
  };

  it('is alive at once, and ready when no part is waiting', async () => {
    const health = await start();
    assert.equal((await get(health, '/healthz')).status, 200);
    assert.equal((await get(health, '/readyz')).status, 200);
    health.setNotReady('kafka', 'not reached');
    health.setNotReady('store', 'away');
    const waiting = await get(health, '/readyz?x=1');
    assert.equal(waiting.status, 503);
    assert.deepEqual(JSON.parse(waiting.body).waiting, { kafka: 'not reached', store: 'away' });
    assert.equal((await get(health, '/healthz')).status, 200);
    assert.match((await get(health, '/metrics')).body, /^zeelos_ready\{service="test"\} 0$/m);
    health.setReady('kafka');
    assert.deepEqual(JSON.parse((await get(health, '/readyz')).body).waiting, { store: 'away' });
    health.setReady('store');
    assert.equal((await get(health, '/readyz')).status, 200);
    assert.match((await get(health, '/metrics')).body, /^zeelos_ready\{service="test"\} 1$/m);
  });

  it('shows metrics in the Prometheus text format with the name of the service', async () => {
    const { status, type, body } = await get(await start(), '/metrics');
    assert.equal(status, 200);
    assert.match(type ?? '', /^text\/plain/);
    assert.match(body, /^process_resident_memory_bytes\{service="test"\} \d+$/m);
  });

  it('keeps two services of one process apart', async () => {
    const [one, other] = [await start(), await start()];
    one.setNotReady('x', 'y');
    assert.equal((await get(other, '/readyz')).status, 200);
  });

  it('knows no other path', async () => {
    const health = await start();
    for (const path of ['/', '/metrics/', '/../etc/passwd']) assert.equal((await get(health, path)).status, 404);
  });

  it('says that a port is taken', async () => {
    const { port } = await start();
    await assert.rejects(start(port), (error) => hasCode(error, 'TRANSPORT_BIND'));
  });
});
