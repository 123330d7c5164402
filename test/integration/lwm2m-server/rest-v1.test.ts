import assert from 'node:assert/strict';
import { encodeComposite } from '../../../lwm2m/content/timed-content.ts';
import type { AvroResponse } from '../../../schemas/generated/records.ts';
import { startGateway } from '../../rig/edge.ts';
import { eventually, type TestGateway } from '../../rig/gateway.ts';
import { ApiJudge } from './api-judge.ts';
import { EventReader } from './event-reader.ts';
import { RestDevice } from './rest-device.ts';

const DDF = `<?xml version="1.0" encoding="utf-8"?>
<LWM2M><Object ObjectType="MODefinition"><Name>Probe</Name><Description1>d</Description1><ObjectID>33000</ObjectID>
<ObjectURN>urn:oma:lwm2m:x:33000</ObjectURN><MultipleInstances>Multiple</MultipleInstances><Mandatory>Optional</Mandatory>
<Resources><Item ID="1"><Name>Depth</Name><Operations>RW</Operations><MultipleInstances>Single</MultipleInstances>
<Mandatory>Optional</Mandatory><Type>Float</Type><RangeEnumeration></RangeEnumeration><Units>m</Units><Description>d</Description></Item>
</Resources><Description2></Description2></Object></LWM2M>`;

interface Problem {
  readonly code: string;
  readonly status: number;
  readonly retriable: boolean;
  readonly device?: { readonly code: string };
}

describe('REST: /api/v1', function () {
  this.timeout(60_000);
  let gateway: TestGateway;
  let judge: ApiJudge;
  let base: string;
  const devices: RestDevice[] = [];

  before(async () => {
    gateway = await startGateway({ rest: true, awakeWindowMs: 1_000 });
    base = `http://127.0.0.1:${gateway.restPort}`;
    judge = await ApiJudge.of(base);
    devices.push(await RestDevice.start(gateway.coapPort, 'a'), await RestDevice.start(gateway.coapPort, 'b'));
  });
  after(async () => {
    for (const device of devices) await device.close();
    await gateway?.close();
  });

  const A = { endpoint: 'a' };
  const at = (path: string, more: Record<string, string> = {}) => ({ query: { path, ...more } });

  it('lists devices page by page, and filters them', async () => {
    interface Page {
      readonly total: number;
      readonly devices: readonly { readonly endpoint: string }[];
      readonly next?: string;
    }
    const list = async (query: Record<string, string>) => {
      const { body } = await judge.call<Page>('GET', '/devices', {}, { query });
      return [body.total, body.devices.map(({ endpoint }) => endpoint), body.next];
    };
    assert.deepEqual(await list({ limit: '1' }), [2, ['a'], 'a']);
    assert.deepEqual(await list({ limit: '1', after: 'a' }), [2, ['b'], undefined]);
    assert.deepEqual(await list({ prefix: 'b' }), [1, ['b'], undefined]);
    assert.deepEqual(await list({ object: '3303' }), [2, ['a', 'b'], undefined]);
    assert.deepEqual(await list({ object: '9' }), [0, [], undefined]);
    assert.deepEqual(await list({ queueMode: 'true' }), [0, [], undefined]);
    for (const query of [{ limit: '0' }, { limit: 'all' }, { limit: '5000' }, { colour: 'red' }] as Record<
      string,
      string
    >[])
      assert.equal((await judge.call('GET', '/devices', {}, { query })).status, 400);
  });

  it('shows a device with its objects', async () => {
    const { body } = await judge.call<{ objects: unknown[] }>('GET', '/devices/{endpoint}', A);
    assert.deepEqual(body.objects.at(-1), {
      id: 3303,
      name: 'Temperature',
      version: '1.1',
      model: 'exact',
      instances: [0],
    });
    const { status, body: problem } = await judge.call<Problem>('GET', '/devices/{endpoint}', { endpoint: 'nobody' });
    assert.deepEqual([status, problem.code, problem.retriable], [404, 'LWM2M_NOT_REGISTERED', true]);
  });

  it('reads with types', async () => {
    const read = async (path: string, more = {}) =>
      (await judge.call<{ node: unknown }>('GET', '/devices/{endpoint}/resources', A, at(path, more))).body.node;
    assert.deepEqual(await read('/3303/0/5700'), { id: 5700, type: 'FLOAT', value: 21.5 });
    assert.deepEqual(await read('/3/0/6', { format: 'TLV' }), { id: 6, type: 'INTEGER', values: { 0: 1, 1: 5 } });
    assert.deepEqual(await read('/3303/0', { timeoutMs: '2000' }), {
      id: 0,
      resources: [
        { id: 5700, type: 'FLOAT', value: 21.5 },
        { id: 5701, type: 'STRING', value: 'Cel' },
      ],
    });
  });

  it('tells a refusal of the device from a failure on the way', async () => {
    const refused = await judge.call<Problem>('GET', '/devices/{endpoint}/resources', A, at('/3/0/99'));
    assert.deepEqual(
      [refused.status, refused.body.code, refused.body.device?.code],
      [404, 'LWM2M_REFUSED', 'NOT_FOUND'],
    );
    devices[0]!.silent.add('/3/0/20');
    const late = await judge.call<Problem>(
      'GET',
      '/devices/{endpoint}/resources',
      A,
      at('/3/0/20', { timeoutMs: '300' }),
    );
    assert.deepEqual([late.status, late.body.code, late.body.retriable], [504, 'COAP_TIMEOUT', true]);
  });

  it('writes, updates, creates, deletes, executes, discovers and sets attributes', async () => {
    const device = devices[0]!;
    device.log.length = 0;
    const template = '/devices/{endpoint}/resources';
    const write = await judge.call<{ code: string }>('PUT', template, A, { ...at('/1/0/1'), body: { value: 60 } });
    assert.equal(write.body.code, 'CHANGED');
    await judge.call('PATCH', template, A, { ...at('/1/0'), body: { resources: [{ id: 1, value: 61 }] } });
    await judge.call('PUT', template, A, { ...at('/3/0/11'), body: { type: 'INTEGER', values: { 0: 1, 2: 3 } } });
    const created = await judge.call<{ location: string }>('POST', template, A, {
      ...at('/3303'),
      body: { id: 7, resources: [{ id: 5700, value: 1 }] },
    });
    assert.deepEqual([created.status, created.body.location], [201, '/3303/7']);
    await judge.call('DELETE', template, A, at('/3303/7'));
    await judge.call('POST', '/devices/{endpoint}/execute', A, at('/3/0/4'));
    await judge.call('POST', '/devices/{endpoint}/execute', A, { ...at('/3/0/4'), body: { parameters: "0='x'" } });
    assert.equal(device.payloads.at(-1)?.toString(), "0='x'");
    const discovered = await judge.call<{ links: unknown[] }>('GET', '/devices/{endpoint}/discover', A, at('/3303/0'));
    assert.deepEqual(discovered.body.links[0], { url: '/3303/0', attributes: { pmin: '10' } });
    const attributes = { ...at('/3303/0/5700'), body: { pmin: 1, pmax: 60, gt: null } };
    await judge.call('PUT', '/devices/{endpoint}/attributes', A, attributes);
    const asked = [
      'PUT /1/0/1',
      'POST /1/0',
      'POST /3/0',
      'POST /3303',
      'DELETE /3303/7',
      'POST /3/0/4',
      'POST /3/0/4',
    ];
    assert.deepEqual(device.log, [...asked, 'GET /3303/0', 'PUT /3303/0/5700']);
  });

  it('refuses bodies and queries that are none, and asks no device', async () => {
    const device = devices[0]!;
    device.log.length = 0;
    const template = '/devices/{endpoint}/resources';
    const bad: [string, string, Parameters<ApiJudge['call']>[3]][] = [
      ['GET', template, at('/3/x')],
      ['GET', template, at('/3/0', { timeoutMs: '0' })],
      ['GET', template, at('/3/0', { format: 'XML' })],
      ['GET', template, {}],
      ['PUT', template, { ...at('/1/0/1'), body: { value: 'soon' } }],
      ['PUT', template, { ...at('/1/0/1'), body: { value: 1, colour: 'red' } }],
      ['PUT', template, { ...at('/1/0/1'), body: '{"value":' }],
      ['PUT', template, { ...at('/1/0/1'), body: '{"__proto__":{"value":1}}' }],
      ['PUT', template, { ...at('/1/0/1'), body: '[1]' }],
      ['PUT', template, at('/1/0/1')],
      ['POST', '/devices/{endpoint}/execute', at('/3/0')],
      ['PUT', '/devices/{endpoint}/attributes', { ...at('/3303/0/5700'), body: { pmin: 1.5 } }],
      ['PUT', '/devices/{endpoint}/attributes', { ...at('/3303/0/5700'), body: { pause: 1 } }],
      ['POST', '/devices/{endpoint}/read-composite', { body: { paths: [] } }],
      ['POST', '/devices/{endpoint}/observations', { body: { paths: ['/3', '/3'] } }],
    ];
    for (const [method, path, options] of bad) {
      const { status, body } = await judge.call<Problem>(method, path, A, options);
      assert.deepEqual(
        [status, body.status, body.retriable],
        [400, 400, false],
        JSON.stringify([method, path, options]),
      );
    }
    const csv = await judge.call<Problem>('PUT', template, A, { ...at('/1/0/1'), body: 'x', type: 'text/csv' });
    assert.equal(csv.status, 415);
    assert.deepEqual(device.log, []);
  });

  it('reads and writes several paths at once', async () => {
    const paths = ['/3303/0/5700', '/3/0/0', '/9/0/9'];
    const read = await judge.call<{ nodes: unknown[] }>('POST', '/devices/{endpoint}/read-composite', A, {
      body: { paths },
    });
    assert.deepEqual(read.body.nodes, [
      { path: '/3303/0/5700', node: { id: 5700, type: 'FLOAT', value: 21.5 } },
      { path: '/3/0/0', node: { id: 0, type: 'STRING', value: 'maker' } },
    ]);
    const nodes = [
      { path: '/1/0/1', node: { value: 70 } },
      { path: '/3/0/15', node: { value: 'Europe/Athens' } },
    ];
    const written = await judge.call<{ code: string }>('POST', '/devices/{endpoint}/write-composite', A, {
      body: { nodes },
    });
    assert.equal(written.body.code, 'CHANGED');
    assert.equal(devices[0]!.log.at(-1), 'iPATCH /');
  });

  it('starts, lists and ends observations, of one path and of several', async () => {
    const template = '/devices/{endpoint}/observations';
    const list = async () => {
      const { body } = await judge.call<{ observations: { path: string; state: string }[] }>('GET', template, A);
      return body.observations.map(({ path, state }) => [path, state]);
    };
    const one = await judge.call<{ observed: boolean; nodes: unknown[] }>('POST', template, A, {
      body: { paths: ['/3303/0/5700'] },
    });
    assert.deepEqual(
      [one.body.observed, one.body.nodes],
      [true, [{ path: '/3303/0/5700', node: { id: 5700, type: 'FLOAT', value: 21.5 } }]],
    );
    const two = await judge.call<{ observed: boolean }>('POST', template, A, {
      body: { paths: ['/3303/0/5700', '/3/0/0'] },
    });
    assert.equal(two.body.observed, true);
    const composite = '/3/0/0,/3303/0/5700';
    assert.deepEqual(await list(), [
      ['/3303/0/5700', 'active'],
      [composite, 'active'],
    ]);
    for (const path of ['/3303/0/5700', composite])
      assert.equal((await judge.call('DELETE', template, A, at(path))).status, 200);
    assert.deepEqual(await list(), []);
    assert.equal((await judge.call('DELETE', template, A, at('/3303/0/5700'))).status, 404);
  });

  it('lets a command wait for a device that is away, shows it, and takes it back', async () => {
    const away = { endpoint: 'away' };
    const write = { ...at('/1/0/1', { queue: 'true' }), body: { value: 1 } };
    const waiting = await judge.call<{ ticket: string }>('PUT', '/devices/{endpoint}/resources', away, write);
    assert.equal(waiting.status, 202);
    const { ticket } = waiting.body;
    const url = `/api/v1/devices/away/queue/${ticket}`;
    assert.equal(waiting.headers.get('location'), url);
    const one = { ...away, ticket };
    const shown = await judge.call<Record<string, unknown>>('GET', '/devices/{endpoint}/queue/{ticket}', one);
    assert.deepEqual(
      [shown.body.kind, shown.body.path, shown.body.state, shown.body.waits],
      ['write', '/1/0/1', 'queued', true],
    );
    for (const [path, parameters] of [
      ['/queue', {}],
      ['/devices/{endpoint}/queue', away],
    ] as const) {
      const { body } = await judge.call<{ commands: { ticket: string }[] }>('GET', path, parameters);
      assert.deepEqual(
        body.commands.map((command) => command.ticket),
        [ticket],
      );
    }
    assert.equal((await judge.call('DELETE', '/devices/{endpoint}/queue/{ticket}', one)).status, 200);
    assert.equal((await judge.call('GET', '/devices/{endpoint}/queue/{ticket}', one)).status, 404);
    assert.equal((await judge.call('DELETE', '/devices/{endpoint}/queue/{ticket}', one)).status, 404);
  });

  it('queues for a device that sleeps, and runs it when the device speaks', async () => {
    const events = await EventReader.open(`${base}/api/v1/events?endpoint=sleeper`);
    const replies = await gateway.follow<AvroResponse>('replies');
    const sleeper = await RestDevice.start(gateway.coapPort, 'sleeper', 'Q');
    devices.push(sleeper);
    const show = async () =>
      (await judge.call<{ queueMode: boolean; awake: boolean }>('GET', '/devices/{endpoint}', { endpoint: 'sleeper' }))
        .body;
    assert.deepEqual([(await show()).queueMode, (await show()).awake], [true, true]);
    await eventually('it sleeps', async () => !(await show()).awake);
    const waiting = await judge.call<{ ticket: string }>(
      'GET',
      '/devices/{endpoint}/resources',
      { endpoint: 'sleeper' },
      at('/3/0/0'),
    );
    assert.equal(waiting.status, 202);
    assert.deepEqual(sleeper.log, []);
    const legacy = await fetch(`${base}/api/clients/sleeper/3/0/0`);
    assert.deepEqual([legacy.status, (await legacy.text()).split(':')[0]], [400, 'Invalid request']);
    await sleeper.update();
    await eventually('the reply', () => replies.some(({ value }) => value!.ticket === waiting.body.ticket));
    assert.equal(replies.find(({ value }) => value!.ticket === waiting.body.ticket)!.value!.rep.code, 'CONTENT');
    await eventually('events of its sleep', () => events.names.includes('SLEEPING') && events.names.includes('AWAKE'));
    await events.close();
  });

  it('tells of values that a device sends of its own accord', async () => {
    const events = await EventReader.open(`${base}/api/v1/events?endpoint=a`);
    const node = { kind: 'resource', id: 5700, value: { type: 'FLOAT', value: 9.5 } } as const;
    const path = { objectId: 3303, instanceId: 0, resourceId: 5700 };
    assert.equal(await devices[0]!.send(encodeComposite(112, [{ path, timestampMs: undefined, node }])), '2.04');
    await eventually('the event', () => events.names.includes('SEND'));
    const [sent] = events.of('SEND');
    assert.deepEqual([sent!.res, sent!.val], ['/3303/0/5700', { id: 5700, value: 9.5 }]);
    await events.close();
  });

  it('takes object models in and out, and uses them at once', async () => {
    const uploaded = await judge.call<{ models: { id: number; source: string }[] }>(
      'POST',
      '/models',
      {},
      { body: DDF, type: 'application/xml' },
    );
    assert.deepEqual(
      [uploaded.status, uploaded.body.models[0]!.id, uploaded.body.models[0]!.source],
      [201, 33000, 'uploaded'],
    );
    const { body: listed } = await judge.call<{ models: { id: number }[] }>('GET', '/models');
    assert.ok(listed.models.some(({ id }) => id === 33000));
    const one = { id: '33000', version: '1.0' };
    const { body: model } = await judge.call<{ resources: { units: string }[] }>('GET', '/models/{id}/{version}', one);
    assert.equal(model.resources[0]!.units, 'm');
    const write = { ...at('/33000/0/1', { format: 'TEXT_CODE' }), body: { value: 3 } };
    assert.equal((await judge.call('PUT', '/devices/{endpoint}/resources', A, write)).status, 200);
    assert.equal((await judge.call('DELETE', '/models/{id}/{version}', one)).status, 204);
    assert.equal((await judge.call('DELETE', '/models/{id}/{version}', one)).status, 404);
    for (const body of ['<LWM2M/>', 'no xml', '<!DOCTYPE a [<!ENTITY b "c">]><LWM2M>&b;</LWM2M>']) {
      const refused = await judge.call<Problem>('POST', '/models', {}, { body, type: 'application/xml' });
      assert.deepEqual([refused.status, refused.body.code], [400, 'LWM2M_MODEL']);
    }
  });

  it('traces a device', async () => {
    const template = '/devices/{endpoint}/trace';
    assert.equal((await judge.call('GET', template, A)).status, 404);
    assert.equal((await judge.call('PUT', template, A)).status, 204);
    await judge.call('GET', '/devices/{endpoint}/resources', A, at('/3303/0/5700'));
    await judge.call('PUT', '/devices/{endpoint}/resources', A, {
      ...at('/0/1/5'),
      body: { type: 'OPAQUE', value: 'c2VjcmV0' },
    });
    const { body } = await judge.call<{ messages: { code: string; payload: string }[] }>('GET', template, A);
    assert.ok(body.messages.some(({ code }) => code === 'GET'));
    assert.match(body.messages.find(({ code }) => code === 'PUT')!.payload, /^\(not shown/);
    assert.equal((await judge.call('DELETE', template, A)).status, 204);
    assert.equal((await judge.call('DELETE', template, A)).status, 404);
  });

  it('tells of itself and of its error codes', async () => {
    const { body } = await judge.call<{ gatewayId: string; registrations: number }>('GET', '/server');
    assert.deepEqual([body.gatewayId, body.registrations], [gateway.gatewayId, 3]);
    const { body: errors } = await judge.call<{ errors: { code: string }[] }>('GET', '/errors');
    assert.ok(errors.errors.some(({ code }) => code === 'LWM2M_REFUSED'));
  });

  it('counts what went on, under labels of fixed sets', async () => {
    const text = await (await fetch(`http://127.0.0.1:${gateway.healthPort}/metrics`)).text();
    const value = (line: RegExp) => Number(line.exec(text)?.[1]);
    assert.ok(
      value(/^coap_messages_total\{direction="out",type="CON",code="GET",service="lwm2m-server"\} (\d+)$/m) > 3,
    );
    assert.ok(value(/^lwm2m_command_seconds_count\{service="lwm2m-server"\} (\d+)$/m) > 10);
    assert.ok(value(/^kafka_commit_seconds_count\{service="lwm2m-server"\} (\d+)$/m) > 0);
    assert.equal(value(/^lwm2m_registrations_by_state\{state="reachable",service="lwm2m-server"\} (\d+)$/m), 2);
    assert.equal(value(/^lwm2m_decode_errors_total\{format="TLV",service="lwm2m-server"\} (\d+)$/m), 0);
    assert.equal(value(/^lwm2m_commands_oldest_seconds\{service="lwm2m-server"\} (\d+)$/m), 0);
    assert.ok(text.includes('coap_held{what="transfers",service="lwm2m-server"} 0'));
  });

  it('had every operation of its document answered as the document says', () => {
    const missing = judge.operations.filter((operation) => !judge.succeeded.has(operation));
    assert.deepEqual(missing, ['streamEvents']);
  });
});
