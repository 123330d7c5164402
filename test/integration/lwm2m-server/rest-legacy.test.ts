import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import type { AvroResponse } from '../../../schemas/generated/records.ts';
import { startGateway } from '../../rig/edge.ts';
import { eventually, type TestGateway } from '../../rig/gateway.ts';
import { EventReader } from './event-reader.ts';
import { RestDevice } from './rest-device.ts';

describe('REST: legacy paths, events and the registry', function () {
  this.timeout(60_000);
  let gateway: TestGateway;
  let base: string;
  let device: RestDevice;

  before(async () => {
    gateway = await startGateway({ rest: true });
    base = `http://127.0.0.1:${gateway.restPort}`;
    device = await RestDevice.start(gateway.coapPort, 'urn:dev:a/b');
  });
  after(async () => {
    await device?.close();
    await gateway?.close();
  });
  beforeEach(() => {
    device.log.length = 0;
  });

  const EP = encodeURIComponent('urn:dev:a/b');
  async function ask(path: string, init: RequestInit = {}) {
    const answer = await fetch(`${base}${path}`, init);
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true;
    return { status: answer.status, body: isJson && text !== '' ? (JSON.parse(text) as unknown) : text };
  }
  const json = (method: string, body: unknown): RequestInit => ({
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const done = (status: string) => ({ status, valid: true, success: true, failure: false });

  it('lists the devices, and shows one', async () => {
    const one = await ask(`/api/clients/${EP}`);
    const { registrationId, registrationDate, lastUpdate, address, ...rest } = one.body as Record<string, string>;
    assert.match(registrationDate!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.match(address!, /^127\.0\.0\.1:\d+$/);
    assert.ok(registrationId && lastUpdate);
    assert.deepEqual(rest, {
      endpoint: 'urn:dev:a/b',
      lwM2mVersion: '1.1',
      lifetime: 300,
      bindingMode: 'U',
      rootPath: '/',
      objectLinks: [
        { url: '/', attributes: { rt: 'oma.lwm2m', ct: '112' } },
        { url: '/1/0', attributes: {} },
        { url: '/3/0', attributes: {} },
        { url: '/3303', attributes: { ver: '1.1' } },
        { url: '/3303/0', attributes: {} },
      ],
      secure: false,
      additionalRegistrationAttributes: {},
    });
    assert.deepEqual(await ask('/api/clients'), { status: 200, body: [one.body] });
    assert.deepEqual(await ask('/api/clients/nobody'), { status: 400, body: "no registered client with id 'nobody'" });
  });

  it('reads, and answers 200 whatever the device says', async () => {
    assert.deepEqual(await ask(`/api/clients/${EP}/3303/0/5700`), {
      status: 200,
      body: { ...done('CONTENT'), content: { id: 5700, value: 21.5 } },
    });
    assert.deepEqual((await ask(`/api/clients/${EP}/3/0/6?format=TLV`)).body, {
      ...done('CONTENT'),
      content: { id: 6, values: { 0: 1, 1: 5 } },
    });
    assert.deepEqual((await ask(`/api/clients/${EP}/3303/0`)).body, {
      ...done('CONTENT'),
      content: {
        id: 0,
        resources: [
          { id: 5700, value: 21.5 },
          { id: 5701, value: 'Cel' },
        ],
      },
    });
    assert.deepEqual(await ask(`/api/clients/${EP}/3303/0/1`), {
      status: 200,
      body: { status: 'NOT_FOUND', valid: true, success: false, failure: true },
    });
  });

  it('writes, executes, creates, deletes and discovers', async () => {
    const instance = { id: 7, resources: [{ id: 5700, value: 3 }] };
    assert.deepEqual(await ask(`/api/clients/${EP}/1/0/1`, json('PUT', { id: 1, value: 60 })), {
      status: 200,
      body: done('CHANGED'),
    });
    assert.deepEqual((await ask(`/api/clients/${EP}/1/0/1`, { method: 'PUT', body: '61' })).body, done('CHANGED'));
    assert.deepEqual((await ask(`/api/clients/${EP}/3/0/4`, { method: 'POST', body: '0' })).body, done('CHANGED'));
    assert.deepEqual((await ask(`/api/clients/${EP}/3/0/4`, { method: 'POST' })).body, done('CHANGED'));
    assert.deepEqual((await ask(`/api/clients/${EP}/3303`, json('POST', instance))).body, done('CREATED'));
    assert.deepEqual((await ask(`/api/clients/${EP}/3303/7`, { method: 'DELETE' })).body, done('DELETED'));
    assert.deepEqual((await ask(`/api/clients/${EP}/3303/0/discover`)).body, {
      ...done('CONTENT'),
      objectLinks: [
        { url: '/3303/0', attributes: { pmin: '10' } },
        { url: '/3303/0/1', attributes: {} },
      ],
    });
    const asked = [
      'PUT /1/0/1',
      'PUT /1/0/1',
      'POST /3/0/4',
      'POST /3/0/4',
      'POST /3303',
      'DELETE /3303/7',
      'GET /3303/0',
    ];
    assert.deepEqual(device.log, asked);
    assert.equal(device.payloads.at(-5)?.toString(), '0');
  });

  it('says what is wrong with a request', async () => {
    for (const [path, init] of [
      ['/x', {}],
      ['/3/0/1/2/3', {}],
      ['/3/70000', {}],
      ['/3%2f0', {}],
      ['/3/0/..%2f..', {}],
      ['/3/0/1?format=XML', {}],
      ['/3/0/1?format=TLV&format=JSON', {}],
      ['/3', json('PUT', { id: 3, instances: [] })],
      ['/1/0/1', json('PUT', { id: 1, value: 'soon' })],
      ['/1/0/1', json('PUT', [])],
      ['/1/0/1', { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"id":1,' }],
      ['/1/0/1', { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"__proto__":{"x":1}}' }],
    ] as [string, RequestInit][]) {
      const { status, body } = await ask(`/api/clients/${EP}${path}`, init);
      assert.equal(status, 400, `${path} ${body}`);
      assert.match(String(body), /^Invalid request: /, path);
    }
    assert.deepEqual(device.log, []);
  });

  it('gives up on a silent device after 5 s, as ever', async () => {
    device.silent.add('/3/0/1');
    const from = Date.now();
    assert.deepEqual(await ask(`/api/clients/${EP}/3/0/1`), { status: 500, body: 'Request timeout' });
    assert.ok(Math.abs(Date.now() - from - 5_000) < 1_500, String(Date.now() - from));
  });

  it('keeps one order with the commands from Kafka, one at a time, and records every reply', async () => {
    const replies = await gateway.follow<AvroResponse>('replies');
    device.delayMs = 10;
    device.mostUnderWay = 0;
    const execute = (ticket: string) => ({
      ...{ serverId: gateway.gatewayId, ep: 'urn:dev:a/b', ticket },
      payload: {
        kind: 'execute' as const,
        path: '/3/0/4',
        contentFormat: 'TLV' as const,
        body: { 'io.zeelos.leshan.avro.request.AvroExecuteRequest': { parameters: '' } },
      },
    });
    const asked = Array.from({ length: 10 }, () => ask(`/api/clients/${EP}/3/0/4`, { method: 'POST' }));
    await gateway.command(...Array.from({ length: 10 }, (_, n) => execute(`kafka-${n}`)));
    for (const { status } of await Promise.all(asked)) assert.equal(status, 200);
    await eventually('a reply to each', () => replies.length === 20);
    assert.equal(device.mostUnderWay, 1);
    assert.equal(device.log.length, 20);
    const kafka = replies.map(({ value }) => value!.ticket).filter((ticket) => ticket.startsWith('kafka'));
    assert.deepEqual(
      kafka,
      Array.from({ length: 10 }, (_, n) => `kafka-${n}`),
    );
    device.delayMs = 0;
  });

  it('shows the object definitions', async () => {
    const specs = (await ask('/api/objectspecs')).body as { id: number; resourcedefs: { id: number }[] }[];
    const temperature = specs.find(({ id }) => id === 3303) as unknown as Record<string, unknown>;
    assert.deepEqual(
      [temperature.name, temperature.instancetype, temperature.mandatory],
      ['Temperature', 'multiple', false],
    );
    const value = (temperature.resourcedefs as Record<string, unknown>[]).find(({ id }) => id === 5700)!;
    const { name, operations, instancetype, type } = value;
    assert.deepEqual([name, operations, instancetype, type], ['Sensor Value', 'R', 'single', 'float']);
  });

  it('tells of registrations and values, and of CoAP messages in the stream of one device', async () => {
    const [all, one] = [await EventReader.open(`${base}/event`), await EventReader.open(`${base}/event?ep=${EP}`)];
    const other = await RestDevice.start(gateway.coapPort, 'other');
    const observed = await ask(`/api/clients/${EP}/3303/0/5700/observe`, { method: 'POST' });
    assert.deepEqual((observed.body as { content: unknown }).content, { id: 5700, value: 21.5 });
    await device.notify('/3303/0/5700', 2, '22.5');
    await other.update();
    await other.deregister();
    await eventually('the end of the other', () => all.names.includes('DEREGISTRATION'));
    const ofOther = all.events.filter(({ data }) => data.endpoint === 'other').map(({ name }) => name);
    assert.deepEqual(ofOther, ['REGISTRATION', 'UPDATED', 'DEREGISTRATION']);
    const [told] = all.of('NOTIFICATION');
    assert.deepEqual([told!.ep, told!.res, told!.val], ['urn:dev:a/b', '/3303/0/5700', { id: 5700, value: 22.5 }]);
    assert.equal(all.names.includes('COAPLOG'), false);
    assert.equal(one.names.includes('REGISTRATION'), false);
    await eventually('the acknowledgement', () =>
      one.of('COAPLOG').some(({ type, incoming }) => type === 'ACK' && !incoming),
    );
    const [request] = one.of('COAPLOG');
    assert.deepEqual([request!.incoming, request!.type, request!.code], [false, 'CON', 'GET']);
    assert.match(String(request!.options), /Observe: 0, Uri-Path: 3303, Uri-Path: 0, Uri-Path: 5700/);
    const lastId = all.events.at(-1)!.id;
    await Promise.all([all.close(), one.close(), other.close()]);
    const ended = await ask(`/api/clients/${EP}/3303/0/5700/observe`, { method: 'DELETE' });
    assert.deepEqual(ended, { status: 200, body: '' });

    await device.update();
    const again = await EventReader.open(`${base}/event`, { 'last-event-id': lastId });
    await eventually('what came between', () => again.events.length > 0);
    assert.deepEqual(again.names, ['UPDATED']);
    await again.close();
    const lost = await EventReader.open(`${base}/event`, { 'last-event-id': 'another-1' });
    await eventually('a gap', () => lost.events.length > 0);
    assert.deepEqual([lost.names, lost.of('GAP')], [['GAP'], [{ missed: null }]]);
    await lost.close();
    assert.equal((await fetch(`${base}/event`)).status, 405);
  });

  it('opens 32 streams and not one more', async () => {
    const readers = await Promise.all(Array.from({ length: 32 }, () => EventReader.open(`${base}/event`)));
    assert.deepEqual(
      readers.filter(({ status }) => status !== 200),
      [],
    );
    const refused = await fetch(`${base}/event`, { headers: { accept: 'text/event-stream' } });
    assert.equal(refused.status, 429);
    assert.equal(((await refused.json()) as { code: string }).code, 'COAP_QUEUE_FULL');
    await Promise.all(readers.map((reader) => reader.close()));
    await eventually('streams have ended', async () => (await gateway.metric('rest_streams')) === 0);
  });

  describe('for who means no good', () => {
    const raw = (headers: Record<string, string>, path = '/api/clients') =>
      new Promise<number>((resolve, reject) => {
        const sent = httpRequest(`${base}${path}`, { headers }, (answer) => resolve(answer.resume().statusCode!));
        sent.on('error', reject).end();
      });

    it('does not answer under a foreign host or to a foreign page', async () => {
      assert.equal(await raw({ host: 'evil.example' }), 403);
      assert.equal(await raw({ origin: 'http://evil.example' }), 403);
      assert.equal(await raw({ 'sec-fetch-site': 'cross-site' }), 403);
      assert.equal(await raw({ host: `localhost:${gateway.restPort}` }), 200);
      const answer = await fetch(`${base}/api/clients`);
      assert.equal(answer.headers.get('access-control-allow-origin'), null);
      await answer.body?.cancel();
    });

    it('reads no body above its limit', async () => {
      const body = 'x'.repeat(3 * 2 ** 20);
      const { status } = await ask(`/api/clients/${EP}/3/0/4`, { method: 'POST', body });
      assert.equal(status, 400);
      const problem = await fetch(`${base}/api/v1/models`, {
        method: 'POST',
        headers: { 'content-type': 'application/xml' },
        body,
      });
      assert.equal(problem.status, 413);
    });

    it('cuts a client that never finishes its request', async () => {
      const socket = connect(gateway.restPort, '127.0.0.1');
      socket.write('GET /api/clients HTTP/1.1\r\nHost: 127.0.0.1\r\n');
      const from = Date.now();
      await new Promise<void>((resolve) => socket.on('close', () => resolve()).resume());
      assert.ok(Date.now() - from < 12_000);
    });

    it('refuses odd paths and goes on', async () => {
      for (const path of [
        '/%',
        '/api/v1/devices/%zz',
        '/api/v1/../../etc/passwd',
        '/api/clients/%00',
        '/api/clients//3',
        `/api/clients/${'x'.repeat(5_000)}`,
      ])
        assert.ok((await raw({}, path)) >= 400, path);
      assert.equal(await raw({}), 200);
    });
  });

  describe('the registry', () => {
    it('lets a foreign client decode what this gateway writes', async () => {
      const registry = new SchemaRegistry({ host: base });
      const subject = `${gateway.topicOf('registrations')}-value`;
      const id = await registry.getLatestSchemaId(subject);
      assert.equal(id, gateway.snapshot.subjects[subject]);
      assert.equal(await registry.getRegistryId(subject, 1), id);
      const [record] = await gateway.read<Buffer>(gateway.topicOf('registrations'));
      const decoded = (await registry.decode(record!.value as Buffer)) as { kind: string; body: { ep?: string } };
      assert.equal(decoded.kind, 'NEW');
    });

    it('answers as the Confluent API does', async () => {
      const get = async (path: string, init?: RequestInit) => {
        const answer = await fetch(`${base}${path}`, init);
        assert.match(answer.headers.get('content-type') ?? '', /^application\/vnd\.schemaregistry\.v1\+json/);
        return [answer.status, (await answer.json()) as { error_code?: number }] as const;
      };
      const subject = `${gateway.topicOf('state')}-value`;
      const [, subjects] = await get('/subjects');
      assert.ok((subjects as unknown as string[]).includes(subject));
      assert.deepEqual(await get(`/subjects/${subject}/versions`), [200, [1]]);
      const [, latest] = await get(`/subjects/${subject}/versions/latest`);
      const { id, schema, ...rest } = latest as { id: number; schema: string };
      assert.deepEqual(rest, { subject, version: 1 });
      assert.deepEqual(await get(`/schemas/ids/${id}`), [200, { schema }]);
      assert.deepEqual(await get('/config'), [200, { compatibilityLevel: 'BACKWARD_TRANSITIVE' }]);
      const body = JSON.stringify({ schema });
      const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
      assert.deepEqual(await get(`/subjects/${subject}`, { method: 'POST', headers, body }), [200, latest]);
      for (const [path, status, code] of [
        ['/subjects/none/versions', 404, 40401],
        ['/subjects/__proto__/versions', 404, 40401],
        ['/subjects/none/versions/1', 404, 40401],
        [`/subjects/${subject}/versions/2`, 404, 40402],
        [`/subjects/${subject}/versions/first`, 422, 42202],
        ['/schemas/ids/99999999', 404, 40403],
        ['/schemas/ids/x', 404, 40403],
      ] as const) {
        const [answered, { error_code }] = await get(path);
        assert.deepEqual([answered, error_code], [status, code], path);
      }
      const [status, { error_code }] = await get(`/subjects/${subject}/versions`, { method: 'POST', headers, body });
      assert.deepEqual([status, error_code], [422, 42205]);
    });
  });
});
