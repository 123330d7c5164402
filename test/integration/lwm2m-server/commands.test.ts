import assert from 'node:assert/strict';
import { sleep } from '../../../common/lifecycle.ts';
import { decodeContent, encodeContent } from '../../../lwm2m/content/codec.ts';
import type { ObjectInstance } from '../../../lwm2m/content/node.ts';
import { coreObjectModels } from '../../../lwm2m/model/core-objects.ts';
import { parsePath } from '../../../lwm2m/path.ts';
import type {
  AvroRequest,
  AvroRequestKind,
  AvroRequestPayload,
  AvroResponse,
  AvroResponseObserve,
  AvroWriteRequest,
} from '../../../schemas/generated/records.ts';
import { startGateway } from '../../rig/edge.ts';
import { eventually, type Replies, type Seen, type TestGateway } from '../../rig/gateway.ts';
import { AnsweringDevice } from './answering-device.ts';

const SINGLE = 'io.zeelos.leshan.avro.resource.AvroResource';
const INSTANCE = 'io.zeelos.leshan.avro.resource.AvroInstanceResource';
const OBJECT = 'io.zeelos.leshan.avro.resource.AvroObjectResource';
const WRITE = 'io.zeelos.leshan.avro.request.AvroWriteRequest';
const CREATE = 'io.zeelos.leshan.avro.request.AvroCreateRequest';
const EXECUTE = 'io.zeelos.leshan.avro.request.AvroExecuteRequest';
const ATTRIBUTES = 'io.zeelos.leshan.avro.request.AvroWriteAttributesRequest';
const TLV = 11542;

const SENSOR: ObjectInstance = {
  kind: 'instance',
  id: 0,
  resources: [
    { kind: 'resource', id: 5700, value: { type: 'FLOAT', value: 21.5 } },
    { kind: 'resource', id: 5701, value: { type: 'STRING', value: 'Cel' } },
  ],
};

type Body = AvroRequestPayload['body'];
const value = (id: number, type: 'FLOAT' | 'STRING' | 'BOOLEAN', held: object) =>
  ({ id, path: `/3303/0/${id}`, kind: 'SINGLE_RESOURCE', type, value: held }) as never;
const write = (node: AvroWriteRequest['node'], mode: 'REPLACE' | 'UPDATE' = 'REPLACE'): Body => ({
  [WRITE]: { mode, node },
});
const writeFloat = (id: number, double: number, mode: 'REPLACE' | 'UPDATE' = 'REPLACE'): Body =>
  write({ [SINGLE]: value(id, 'FLOAT', { double }) }, mode);
const plain = (anything: unknown) => JSON.parse(JSON.stringify(anything));

describe('commands through Kafka', function () {
  this.timeout(60_000);
  let gateway: TestGateway;
  let replies: Replies;
  let seen: Seen<AvroResponseObserve>[];
  const devices: AnsweringDevice[] = [];
  let tickets = 0;

  before(async () => {
    gateway = await startGateway({ requestTimeoutMs: 3_000 });
    replies = await gateway.follow<AvroResponse>('replies');
    seen = await gateway.follow<AvroResponseObserve>('observations');
  });
  after(async () => {
    for (const device of devices) await device.close();
    await gateway?.close();
  });

  async function device(ep: string, answer?: AnsweringDevice['answer'], links?: string): Promise<AnsweringDevice> {
    const started = await AnsweringDevice.start(gateway.coapPort, ep, answer, links);
    devices.push(started);
    return started;
  }

  function request(
    ep: string,
    kind: AvroRequestKind,
    path: string,
    more: Partial<AvroRequest & AvroRequestPayload> = {},
  ): AvroRequest {
    const { contentFormat = 'TLV', body = null, ...rest } = more;
    const ticket = `ticket-${++tickets}`;
    return { serverId: gateway.gatewayId, ep, ticket, ...rest, payload: { kind, path, contentFormat, body } };
  }

  const repliesTo = (ticket: string) => replies.filter((reply) => reply.value?.ticket === ticket);

  async function ask(asked: AvroRequest): Promise<AvroResponse> {
    await gateway.command(asked);
    await eventually(
      `a reply to ${asked.payload.kind} ${asked.payload.path}`,
      () => repliesTo(asked.ticket).length > 0,
      15_000,
    );
    const [{ value: reply, ep }] = repliesTo(asked.ticket) as [Replies[number]];
    assert.deepEqual(
      [ep, reply!.ep, reply!.serverId, reply!.path, reply!.rep.kind],
      [asked.ep, asked.ep, gateway.gatewayId, asked.payload.path, asked.payload.kind],
    );
    return reply!;
  }

  function messageOf(reply: AvroResponse): string {
    const body = reply.rep.body as Record<string, { message: string }> | null;
    return body?.['io.zeelos.leshan.avro.response.AvroGenericResponse']?.message ?? '';
  }

  function contentOf(reply: AvroResponse): Record<string, unknown> {
    const body = plain(reply.rep.body)['io.zeelos.leshan.avro.response.AvroReadResponseBody'];
    return body.content;
  }

  it('read: resource, instance and object', async () => {
    await device('reader', ({ path, accept }, respond) => {
      if (path.length === 3) return respond({ code: '2.05', contentFormat: 0, payload: Buffer.from('21.5') });
      assert.equal(accept, TLV);
      const payload =
        path.length === 2
          ? encodeContent(TLV, SENSOR, { objectId: 3303, instanceId: 0 })
          : encodeContent(TLV, { kind: 'object', id: 3303, instances: [SENSOR] }, { objectId: 3303 });
      respond({ code: '2.05', contentFormat: TLV, payload });
    });
    const resource = await ask(request('reader', 'read', '/3303/0/5700'));
    assert.equal(resource.rep.code, 'CONTENT');
    const single = { id: 5700, path: '/3303/0/5700', kind: 'SINGLE_RESOURCE', type: 'FLOAT', value: { double: 21.5 } };
    assert.deepEqual(contentOf(resource), { [SINGLE]: single });
    const instance = await ask(request('reader', 'read', '/3303/0'));
    const unit = { id: 5701, path: '/3303/0/5701', kind: 'SINGLE_RESOURCE', type: 'STRING', value: { string: 'Cel' } };
    const whole = { id: 0, kind: 'INSTANCE', resources: [single, unit], multipleResources: null };
    assert.deepEqual(contentOf(instance), { [INSTANCE]: whole });
    const object = await ask(request('reader', 'read', '/3303'));
    assert.deepEqual(contentOf(object), { [OBJECT]: { id: 3303, kind: 'OBJECT', instances: [whole] } });
  });

  it('write, execute, create, delete, discover and writeAttributes reach the device as they should', async () => {
    const target = await device('doer', ({ method, path }, respond) => {
      if (method === 'GET')
        respond({ code: '2.05', contentFormat: 40, payload: Buffer.from('</3303>,</3303/0>;pmin=10') });
      else if (method === 'POST' && path.length === 1) respond({ code: '2.01', locationPath: ['3303', '7'] });
      else respond({ code: method === 'DELETE' ? '2.02' : '2.04' });
    });
    const cases: [AvroRequest, string, RegExp | string][] = [
      [request('doer', 'write', '/3303/0/5700', { body: writeFloat(5700, 3) }), 'CHANGED', 'CHANGED'],
      [
        request('doer', 'write', '/3303/0', {
          body: write(
            { [INSTANCE]: { id: 0, kind: 'INSTANCE', resources: [value(5700, 'FLOAT', { double: 4 })] } },
            'UPDATE',
          ),
        }),
        'CHANGED',
        'CHANGED',
      ],
      [
        request('doer', 'execute', '/3303/0/5605', { body: { [EXECUTE]: { parameters: "0='1'" } } }),
        'CHANGED',
        'CHANGED',
      ],
      [request('doer', 'delete', '/3303/0'), 'DELETED', 'DELETED'],
      [
        request('doer', 'writeAttributes', '/3303/0/5700', {
          body: { [ATTRIBUTES]: { observeSpec: 'pmin=1&pmax=10' } },
        }),
        'CHANGED',
        'CHANGED',
      ],
    ];
    for (const [asked, code, message] of cases) {
      const reply = await ask(asked);
      assert.equal(reply.rep.code, code, messageOf(reply));
      assert.equal(messageOf(reply), message);
    }
    const created = await ask(
      request('doer', 'create', '/3303', {
        body: { [CREATE]: { instance: { id: 7, kind: 'INSTANCE', resources: [value(5700, 'FLOAT', { double: 1 })] } } },
      }),
    );
    assert.equal(created.rep.code, 'CREATED');
    assert.deepEqual(plain(created.rep.body), {
      'io.zeelos.leshan.avro.response.AvroCreateResponse': { location: '/3303/7' },
    });
    const found = await ask(request('doer', 'discover', '/3303'));
    assert.deepEqual(plain(found.rep.body), {
      'io.zeelos.leshan.avro.response.AvroDiscoverResponse': { objectLinks: '[</3303>, </3303/0>;pmin=10]' },
    });
    const lines = target.requests.map(({ method, path, query }) => [method, `/${path.join('/')}`, ...query].join(' '));
    assert.deepEqual(lines, [
      'PUT /3303/0/5700',
      'POST /3303/0',
      'POST /3303/0/5605',
      'DELETE /3303/0',
      'PUT /3303/0/5700 pmin=1 pmax=10',
      'POST /3303',
      'GET /3303',
    ]);
    assert.equal(target.requests[2]!.payload.toString(), "0='1'");
    const [written] = target.requests;
    const read = decodeContent(written!.contentFormat, written!.payload, parsePath('/3303/0/5700'), coreObjectModels());
    assert.deepEqual(read, { kind: 'resource', id: 5700, value: { type: 'FLOAT', value: 3 } });
  });

  it('observe: the first value in the reply, the following ones on the topic under its ticket, until it is cancelled', async () => {
    let token: Buffer | undefined;
    const observed = await device('observed', (incoming, respond) => {
      token = incoming.token;
      const relation = incoming.observe === 0 ? { observe: 4 } : {};
      respond({ code: '2.05', contentFormat: 0, payload: Buffer.from('1'), ...relation });
    });
    const asked = request('observed', 'observe', '/3303/0/5700');
    const reply = await ask(asked);
    assert.equal(reply.rep.code, 'CONTENT');
    assert.equal(await observed.notify(token!, 5, '2'), 'acknowledged');
    await eventually('the notification', () => seen.some(({ ep }) => ep === 'observed'));
    const [record] = seen.filter(({ ep }) => ep === 'observed');
    assert.equal(record!.value!.ticket, asked.ticket);
    assert.equal(record!.value!.observationId, token!.toString('hex'));

    const cancelled = await ask(request('observed', 'observeCancel', '/3303/0/5700'));
    assert.equal(cancelled.rep.code, 'CONTENT');
    assert.equal(observed.requests.at(-1)!.observe, 1);
    assert.deepEqual(observed.requests.at(-1)!.token, token);
    assert.equal(await observed.notify(token!, 6, '3'), 'reset');
    const again = await ask(request('observed', 'observeCancel', '/3303/0/5700'));
    assert.equal(again.rep.code, 'NOT_FOUND');
    assert.equal((await gateway.state()).has('observation/observed /3303/0/5700'), false);
  });

  it('keeps no observation that the device refused or answered like a read', async () => {
    await device('unwilling', ({ path }, respond) => {
      if (path[2] === '5700') respond({ code: '4.05' });
      else respond({ code: '2.05', contentFormat: 0, payload: Buffer.from('1') });
    });
    assert.equal((await ask(request('unwilling', 'observe', '/3303/0/5700'))).rep.code, 'METHOD_NOT_ALLOWED');
    assert.equal((await ask(request('unwilling', 'observe', '/3303/0/5701'))).rep.code, 'CONTENT');
    const state = await gateway.state();
    assert.deepEqual(
      [...state.keys()].filter((key) => key.startsWith('observation/unwilling')),
      [],
    );
    assert.equal((await ask(request('unwilling', 'observeCancel', '/3303/0/5701'))).rep.code, 'NOT_FOUND');
  });

  it('answers every kind of bad request once, and sends nothing to the device', async () => {
    const target = await device('untouched', (_, respond) => respond({ code: '2.04' }));
    const body = { [EXECUTE]: { parameters: '' } };
    const instance = (id: number) => ({ [INSTANCE]: { id, kind: 'INSTANCE' as const, resources: [] } });
    const string = write({ [SINGLE]: value(5700, 'FLOAT', { string: 'hot' }) });
    const bad: [string, AvroRequest][] = [
      ['no path', request('untouched', 'read', '')],
      ['words', request('untouched', 'read', '/three/0')],
      ['id too large', request('untouched', 'read', '/65535/0')],
      ['too deep', request('untouched', 'read', '/1/2/3/4/5')],
      ['dots', request('untouched', 'read', '/3/0/../1')],
      ['root', request('untouched', 'read', '/')],
      ['delete of everything', request('untouched', 'delete', '/')],
      ['delete of an object', request('untouched', 'delete', '/3303')],
      ['delete of a resource', request('untouched', 'delete', '/3303/0/5700')],
      ['discover of a resource instance', request('untouched', 'discover', '/3/0/6/0')],
      ['observe of the root', request('untouched', 'observe', '/')],
      ['cancel of nonsense', request('untouched', 'observeCancel', '//')],
      ['write without body', request('untouched', 'write', '/3303/0/5700')],
      ['execute without body', request('untouched', 'execute', '/3303/0/5605')],
      ['create without body', request('untouched', 'create', '/3303')],
      ['attributes without body', request('untouched', 'writeAttributes', '/3303/0')],
      ['write with the body of execute', request('untouched', 'write', '/3303/0/5700', { body })],
      ['execute of an instance', request('untouched', 'execute', '/3303/0', { body })],
      [
        'create on an instance',
        request('untouched', 'create', '/3303/0', { body: { [CREATE]: { instance: instance(0)[INSTANCE] } } }),
      ],
      ['value of another type', request('untouched', 'write', '/3303/0/5700', { body: string })],
      ['id of another resource', request('untouched', 'write', '/3303/0/5700', { body: writeFloat(5701, 1) })],
      ['instance at a resource', request('untouched', 'write', '/3303/0/5700', { body: write(instance(5700)) })],
      [
        'update of a resource, which would execute it',
        request('untouched', 'write', '/3303/0/5605', { body: writeFloat(5605, 1, 'UPDATE') }),
      ],
      [
        'create without an id in a format that cannot say so',
        request('untouched', 'create', '/3303', {
          contentFormat: 'SENML_CBOR',
          body: { [CREATE]: { instance: instance(-1)[INSTANCE] } },
        }),
      ],
      [
        'attributes that contradict each other',
        request('untouched', 'writeAttributes', '/3303/0', {
          body: { [ATTRIBUTES]: { observeSpec: 'pmin=10&pmax=5' } },
        }),
      ],
      [
        'a threshold for an instance',
        request('untouched', 'writeAttributes', '/3303/0', { body: { [ATTRIBUTES]: { observeSpec: 'gt=1' } } }),
      ],
      [
        'format that carries no instance',
        request('untouched', 'write', '/3303/0', { contentFormat: 'TEXT_CODE', body: write(instance(0)) }),
      ],
      [
        'unknown attribute',
        request('untouched', 'writeAttributes', '/3303/0', { body: { [ATTRIBUTES]: { observeSpec: 'pmin=often' } } }),
      ],
      ['no time', request('untouched', 'read', '/3/0', { timeoutMs: { long: 0 } })],
      ['endless time', request('untouched', 'read', '/3/0', { timeoutMs: { long: 3_600_001 } })],
    ];
    for (const [name, asked] of bad) {
      const reply = await ask(asked);
      assert.equal(reply.rep.code, 'BAD_REQUEST', `${name}: ${messageOf(reply)}`);
      assert.match(messageOf(reply), /^LWM2M_[A-Z_]+: /, name);
    }
    assert.deepEqual(target.requests, []);
    for (const [name, asked] of bad) assert.equal(repliesTo(asked.ticket).length, 1, name);
  });

  it('answers for devices that are unknown and commands that are late', async () => {
    const unknown = await ask(request('nobody', 'read', '/3/0'));
    assert.equal(unknown.rep.code, 'NOT_FOUND');
    const target = await device('late', (_, respond) => respond({ code: '2.04' }));
    const late = await ask(request('late', 'read', '/3/0', { expiresAt: { long: Date.now() - 1 } }));
    assert.equal(late.rep.code, 'PRECONDITION_FAILED');
    assert.match(messageOf(late), /^EXPIRED/);
    assert.deepEqual(target.requests, []);
  });

  it('passes on what the device refuses, with its words', async () => {
    const codes = {
      '4.00': 'BAD_REQUEST',
      '4.01': 'UNAUTHORIZED',
      '4.03': 'FORBIDDEN',
      '4.04': 'NOT_FOUND',
      '4.05': 'METHOD_NOT_ALLOWED',
      '4.06': 'NOT_ACCEPTABLE',
      '4.12': 'PRECONDITION_FAILED',
      '4.15': 'UNSUPPORTED_CONTENT_FORMAT',
      '5.00': 'INTERNAL_SERVER_ERROR',
      '5.01': 'UNKNOWN',
      '4.29': 'UNKNOWN',
    };
    let code = '';
    await device('refuser', (_, respond) => respond({ code, payload: Buffer.from(`because ${code}`) }));
    for (const [given, name] of Object.entries(codes)) {
      code = given;
      const reply = await ask(request('refuser', 'read', '/3/0/0'));
      assert.equal(reply.rep.code, name);
      assert.equal(messageOf(reply), `because ${given}`);
    }
    code = '5.03';
    await device('mute-refuser', (_, respond) => respond({ code: '5.03' }));
    assert.equal(messageOf(await ask(request('mute-refuser', 'read', '/3/0/0'))), 'UNKNOWN 5.03');
  });

  it('says so when the answer of a device cannot be read', async () => {
    let payload: Buffer = Buffer.alloc(0);
    let contentFormat = TLV;
    await device('mumbler', (_, respond) => respond({ code: '2.05', contentFormat, payload }));
    const answers: [AvroRequestKind, string, number, Buffer][] = [
      ['read', '/3303/0', TLV, Buffer.from('c8ff', 'hex')],
      ['read', '/3303/0/5700', 0, Buffer.from('warm')],
      ['read', '/3303/0/5700', 0, Buffer.from([0xff, 0xfe])],
      ['read', '/3303/0', 0, Buffer.from('1')],
      ['read', '/3303/0', 65000, Buffer.from('?')],
      ['read', '/3/0/13', 0, Buffer.from('99999999999999999')],
      ['discover', '/3303', 40, Buffer.from('<<<')],
    ];
    for (const [kind, path, format, bytes] of answers) {
      [contentFormat, payload] = [format, bytes];
      const reply = await ask(request('mumbler', kind, path));
      assert.equal(reply.rep.code, 'INTERNAL_SERVER_ERROR', `${path} ${bytes.toString('hex')}`);
      assert.match(messageOf(reply), /^LWM2M_[A-Z_]+: /);
    }
  });

  it('answers for a silent device after its time, in order, and holds up no other', async () => {
    await device('silent');
    await device('lively', (_, respond) => respond({ code: '2.05', contentFormat: 0, payload: Buffer.from('1') }));
    const first = request('silent', 'read', '/3/0/0', { timeoutMs: { long: 1_500 } });
    const second = request('silent', 'execute', '/3/0/4', {
      timeoutMs: { long: 500 },
      body: { [EXECUTE]: { parameters: '' } },
    });
    const others = Array.from({ length: 20 }, () => request('lively', 'read', '/3303/0/5700'));
    await gateway.command(first, second, ...others);
    await eventually(
      'all of the lively device',
      () => others.every(({ ticket }) => repliesTo(ticket).length === 1),
      5_000,
    );
    assert.equal(repliesTo(first.ticket).length, 0);
    await eventually('the silent device', () => repliesTo(second.ticket).length === 1, 10_000);
    const timeouts = [first, second].map(({ ticket }) => repliesTo(ticket)[0]!.value!);
    for (const reply of timeouts) {
      assert.equal(reply.rep.code, 'INTERNAL_SERVER_ERROR');
      assert.match(messageOf(reply), /^COAP_TIMEOUT: /);
    }
    const order = replies.map(({ value: reply }) => reply!.ticket);
    assert.ok(order.indexOf(first.ticket) < order.indexOf(second.ticket));
    const lively = order.filter((ticket) => others.some((other) => other.ticket === ticket));
    assert.deepEqual(
      lively,
      others.map(({ ticket }) => ticket),
    );
  });

  it('runs the same ticket and operation once, another operation under the ticket as well', async () => {
    const target = await device('once', (_, respond) => respond({ code: '2.04' }));
    const execute = request('once', 'execute', '/3/0/4', { body: { [EXECUTE]: { parameters: '' } } });
    const other = { ...execute, payload: { ...execute.payload, path: '/3/0/5' } };
    await gateway.command(execute, execute, other);
    await eventually('both replies', () => repliesTo(execute.ticket).length === 2);
    await gateway.command(execute);
    const last = await ask(request('once', 'execute', '/3/0/6', { body: { [EXECUTE]: { parameters: '' } } }));
    assert.equal(last.rep.code, 'CHANGED');
    assert.deepEqual(
      target.requests.map(({ path }) => path.join('/')),
      ['3/0/4', '3/0/5', '3/0/6'],
    );
    assert.deepEqual(
      repliesTo(execute.ticket).map(({ value: reply }) => reply!.path),
      ['/3/0/4', '/3/0/5'],
    );
  });

  it('takes a null key', async () => {
    await device('keyless', (_, respond) => respond({ code: '2.04' }));
    const asked = request('keyless', 'execute', '/3/0/4', { body: { [EXECUTE]: { parameters: '' } } });
    await gateway.produce(gateway.requestRecord(asked, { withKey: false }));
    await eventually('the reply', () => repliesTo(asked.ticket).length === 1);
  });

  it('dead-letters what cannot be read, with the reason, and runs what comes after', async () => {
    await device('after-rubbish', (_, respond) => respond({ code: '2.04' }));
    const good = request('after-rubbish', 'execute', '/3/0/4', { body: { [EXECUTE]: { parameters: '' } } });
    const record = gateway.requestRecord(good);
    const topic = gateway.topicOf('requests');
    const unknownSchema = Buffer.from(record.value!);
    unknownSchema.writeUInt32BE(987_654, 1);
    const rubbish: [string, Buffer | null][] = [
      ['AVRO_FRAME', null],
      ['AVRO_FRAME', Buffer.alloc(0)],
      ['AVRO_FRAME', Buffer.from('{"ticket":1}')],
      ['AVRO_INVALID', record.value!.subarray(0, record.value!.length - 3)],
      ['AVRO_INVALID', Buffer.concat([record.value!, Buffer.from([0])])],
      ['AVRO_UNKNOWN_SCHEMA', unknownSchema],
    ];
    await gateway.produce(...rubbish.map(([, bytes]) => ({ topic, key: 'any', value: bytes })), record);
    await eventually('the good one', () => repliesTo(good.ticket).length === 1, 15_000);
    const dead = await gateway.read<Buffer>(`${topic}.dlq`);
    assert.deepEqual(
      dead.map(({ headers }) => String(headers!.code)),
      rubbish.map(([code]) => code),
    );
    assert.deepEqual(
      dead.map(({ value: bytes }) => bytes),
      rubbish.map(([, bytes]) => bytes),
    );
    for (const { headers } of dead) assert.ok(String(headers!.reason).length > 0);
  });

  it('answers a command whose device answers more than a record can hold', async () => {
    const text = Buffer.alloc(950_000, 'y');
    await device('talker', (_, respond) => respond({ code: '2.05', contentFormat: 0, payload: text }));
    const reply = await ask(request('talker', 'read', '/3/0/0', { timeoutMs: { long: 20_000 } }));
    assert.equal(reply.rep.code, 'INTERNAL_SERVER_ERROR');
    assert.match(messageOf(reply), /^KAFKA_REFUSED: /);
  });

  it('answers a command that is too large to be kept', async () => {
    const target = await device('large', (_, respond) => respond({ code: '2.04' }));
    const parameters = 'x'.repeat(950_000);
    const huge = request('large', 'execute', '/3/0/4', { body: { [EXECUTE]: { parameters } } });
    const { kafka } = gateway;
    const producer = kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    const { topic, key, value: bytes } = gateway.requestRecord(huge);
    await producer.send({ topic, messages: [{ key, value: bytes }] });
    await producer.disconnect();
    await eventually('the refusal', () => repliesTo(huge.ticket).length === 1, 15_000);
    assert.equal(repliesTo(huge.ticket)[0]!.value!.rep.code, 'BAD_REQUEST');
    const next = await ask(request('large', 'execute', '/3/0/5', { body: { [EXECUTE]: { parameters: '' } } }));
    assert.equal(next.rep.code, 'CHANGED');
    assert.equal(target.requests.length, 1);
  });

  it('asks a device that moved again at its new address, when asking changes nothing', async () => {
    const old = await device('mover');
    const asked = request('mover', 'read', '/3303/0/5700');
    await gateway.command(asked);
    await eventually('the request at the old address', () => old.requests.length === 1);
    const moved = await AnsweringDevice.start(gateway.coapPort, 'mover-helper', (_, respond) =>
      respond({ code: '2.05', contentFormat: 0, payload: Buffer.from('9') }),
    );
    devices.push(moved);
    await moved.update(old.location);
    await eventually('the reply', () => repliesTo(asked.ticket).length === 1);
    assert.equal(repliesTo(asked.ticket)[0]!.value!.rep.code, 'CONTENT');
  });

  it('answers what waits when the device leaves or registers from elsewhere', async () => {
    const leaving = await device('leaving');
    const asked = request('leaving', 'read', '/3303/0/5700');
    const waiting = request('leaving', 'read', '/3303/0/5701');
    await gateway.command(asked, waiting);
    await eventually('the request', () => leaving.requests.length === 1);
    await leaving.deregister();
    await eventually('both replies', () => [asked, waiting].every(({ ticket }) => repliesTo(ticket).length === 1));
    assert.match(messageOf(repliesTo(asked.ticket)[0]!.value!), /^COAP_CANCELLED/);
    assert.equal(repliesTo(waiting.ticket)[0]!.value!.rep.code, 'NOT_FOUND');
  });

  it('never wrote a second reply', async () => {
    await sleep(300);
    const counts = new Map<string, number>();
    for (const { value: reply } of replies) {
      const id = JSON.stringify([reply!.ticket, reply!.rep.kind, reply!.path]);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    assert.deepEqual(
      [...counts].filter(([, count]) => count !== 1),
      [],
    );
    const state = await gateway.state();
    assert.deepEqual(
      [...state.keys()].filter((key) => key.startsWith('command/')),
      [],
    );
  });
});
