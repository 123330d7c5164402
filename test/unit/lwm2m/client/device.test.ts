import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Lwm2mDevice, type Lwm2mDeviceOptions } from '../../../../lwm2m/client/device.ts';
import {
  constant,
  type DeviceInstance,
  type DeviceObject,
  type DeviceResource,
  instanceMap,
  type Reading,
  resourceMap,
} from '../../../../lwm2m/client/object-tree.ts';
import { refusal } from '../../../../lwm2m/client/refusal.ts';
import type { CoapResponse } from '../../../../lwm2m/coap/endpoint.ts';
import { decodeContent, encodeContent } from '../../../../lwm2m/content/codec.ts';
import { CONTENT_FORMATS } from '../../../../lwm2m/content/content-formats.ts';
import type { Lwm2mNode, MultipleResource, ObjectInstance, ResourceValue } from '../../../../lwm2m/content/node.ts';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import { parsePath } from '../../../../lwm2m/path.ts';
import { RegisteringServer, until } from './registering-server.ts';

const models = coreObjectModels();
const { TEXT, TLV, OPAQUE, LINK } = CONTENT_FORMATS;
const TIMING = { requestTimeoutMs: 400, firstPauseMs: 50, longestPauseMs: 200 };
const EP = 'device-under-test';

/** A device with a temperature that can be set, a writable text, a counter of executions and an object with instances. */
class Fixture {
  temperature = 20;
  applicationType = 'cellar';
  readonly executed: string[] = [];
  readonly multiple = new Map<number, ResourceValue>([[0, { type: 'INTEGER', value: 7 }]]);
  readonly lists = new Map<number, DeviceInstance>();
  server!: RegisteringServer;
  device!: Lwm2mDevice;

  async start(options: Partial<Lwm2mDeviceOptions> = {}): Promise<void> {
    this.server ??= await RegisteringServer.open();
    this.device = await Lwm2mDevice.start({
      endpointName: EP,
      server: this.server.address,
      objects: [this.#temperature(), this.#device(), this.#modbus()],
      models,
      timing: TIMING,
      ...options,
    });
    await this.server.registered(EP);
  }

  async stop(): Promise<void> {
    await this.device?.stop();
    await this.server?.close();
  }

  get(path: string, more: { accept?: number; observe?: 0 | 1; token?: Buffer } = {}): Promise<CoapResponse> {
    return this.server.request(EP, { method: 'GET', path, ...more });
  }

  put(path: string, contentFormat: number, payload: Uint8Array | string): Promise<CoapResponse> {
    return this.server.request(EP, { method: 'PUT', path, contentFormat, payload: Buffer.from(payload) });
  }

  async setTemperature(value: number): Promise<void> {
    this.temperature = value;
    this.device.changed({ objectId: 3303, instanceId: 0, resourceId: 5700 });
  }

  async observe(path: string, accept?: number): Promise<{ token: Buffer; response: CoapResponse }> {
    const token = randomBytes(8);
    return { token, response: await this.get(path, { observe: 0, token, ...(accept !== undefined && { accept }) }) };
  }

  #temperature(): DeviceObject {
    const resources = resourceMap([
      { id: 5700, read: async () => ({ type: 'FLOAT', value: this.temperature }) },
      constant(5701, { type: 'STRING', value: 'Cel' }),
      { id: 5605, execute: (text) => void this.executed.push(text) },
      this.#text(),
      {
        id: 5601,
        read: () => {
          throw refusal('4.04', 'not measured');
        },
      },
    ]);
    return { id: 3303, instances: instanceMap([{ id: 0, resources }]) };
  }

  #text(): DeviceResource {
    const write = (reading: Reading): void => {
      if (!('value' in reading) || reading.type !== 'STRING') throw refusal('4.00', 'text is expected');
      if (reading.value === 'crash') throw new Error('a fault of the object code');
      this.applicationType = reading.value;
    };
    return { id: 5750, read: () => ({ type: 'STRING', value: this.applicationType }), write };
  }

  #device(): DeviceObject {
    const resources = resourceMap([
      constant(0, { type: 'STRING', value: 'zeelos' }),
      constant(4, { type: 'OPAQUE', value: Buffer.from([1, 2, 3]) }),
      {
        id: 5,
        read: () => {
          throw new Error('a fault of the object code');
        },
      },
      {
        id: 6,
        read: () => {
          throw refusal('5.04', 'the bus is away');
        },
      },
    ]);
    return { id: 33000, version: '1.2', instances: instanceMap([{ id: 0, resources }]) };
  }

  #modbus(): DeviceObject {
    const write = (reading: Reading, mode: string): void => {
      assert.ok('values' in reading);
      if (mode === 'replace') this.multiple.clear();
      for (const [id, value] of reading.values) this.multiple.set(id, value);
    };
    const list: DeviceResource = {
      id: 26255,
      read: () => ({ type: 'INTEGER', values: new Map(this.multiple) }),
      write,
      dimension: () => this.multiple.size,
    };
    this.lists.set(0, { id: 0, resources: resourceMap([list]) });
    return {
      id: 26241,
      instances: this.lists,
      create: ({ instanceId = 1, values }) => {
        const resources = [...values].map(([id, value]) => constant(id, value));
        this.lists.set(instanceId, { id: instanceId, resources: resourceMap(resources) });
        return instanceId;
      },
      delete: (id) => void this.lists.delete(id),
    };
  }
}

function decoded(response: CoapResponse, path: string): Lwm2mNode {
  return decodeContent(response.contentFormat, response.payload, parsePath(path), models);
}

function instanceTlv(resources: ObjectInstance['resources'], path: string): Buffer {
  const node: ObjectInstance = { kind: 'instance', id: 0, resources };
  return encodeContent(TLV.number, node, parsePath(path));
}

describe('LwM2M device', () => {
  let f: Fixture;
  beforeEach(() => {
    f = new Fixture();
  });
  afterEach(async () => {
    await f.stop();
  });

  describe('registration', () => {
    it('registers with its name, lifetime, version, binding and instances', async () => {
      await f.start({ lifetimeSeconds: 77 });
      const { query, links } = await f.server.registered(EP);
      assert.deepEqual(query, [`ep=${EP}`, 'lt=77', 'lwm2m=1.0', 'b=U']);
      assert.equal(links, '</>;rt="oma.lwm2m";ct=11542,</1/0>,</3303/0>,</33000>;ver=1.2,</33000/0>,</26241/0>');
    });

    it('updates before its lifetime ends', async () => {
      await f.start({ lifetimeSeconds: 1 });
      await until(() => f.server.updates.length >= 2, 'two updates', 3_000);
      assert.equal(f.server.registrations.length, 1);
      assert.deepEqual(f.server.updates[0], { query: [], links: '' });
    });

    it('tells a changed lifetime and changed instances in an update', async () => {
      await f.start();
      assert.equal((await f.put('/1/0/1', TEXT.number, '500')).code, '2.04');
      await until(() => f.server.updates.length === 1, 'an update');
      assert.deepEqual(f.server.updates[0]!.query, ['lt=500']);
      f.lists.set(5, { id: 5, resources: new Map() });
      f.device.objectsChanged();
      await until(() => f.server.updates.length === 2, 'an update');
      assert.match(f.server.updates[1]!.links, /<\/26241\/5>/);
      assert.deepEqual(f.server.updates[1]!.query, []);
    });

    it('registers anew when the server has forgotten it, and drops its observations', async () => {
      await f.start({ lifetimeSeconds: 1 });
      await f.observe('/3303/0/5700');
      assert.equal(f.device.observations, 1);
      f.server.known.clear();
      await f.server.registered(EP, 2);
      assert.equal(f.device.observations, 0);
    });

    it('finds a server that was away and forgot everything', async () => {
      await f.start({ lifetimeSeconds: 1 });
      const { port } = f.server;
      await f.server.close();
      await until(() => f.device.state === 'registering', 'the silence to be noticed');
      f.server = await RegisteringServer.open(port);
      await f.server.registered(EP);
      assert.equal((await f.get('/3303/0/5701')).payload.toString(), 'Cel');
    });

    it('keeps its observations when the server was away for a moment and remembers', async () => {
      await f.start({ lifetimeSeconds: 2 });
      const { token } = await f.observe('/3303/0/5700');
      const { port, known } = f.server;
      await f.server.close();
      f.server = await RegisteringServer.open(port);
      for (const [location, entry] of known) f.server.known.set(location, entry);
      await until(() => f.server.updates.length > 0, 'an update');
      await f.setTemperature(30);
      assert.equal((await f.server.notification(token)).payload.toString(), '30');
      assert.equal(f.server.registrations.length, 0);
    });

    it('keeps trying when it is refused', async () => {
      f.server = await RegisteringServer.open();
      f.server.refuseWith = '4.03';
      const started = f.start();
      await until(() => f.device?.state === 'registering', 'the first attempt');
      f.server.refuseWith = undefined;
      await started;
    });

    it('deregisters when it stops', async () => {
      await f.start();
      await f.device.stop();
      assert.deepEqual(f.server.deregistered, [EP]);
      assert.equal(f.device.state, 'unregistered');
    });

    it('stops in time though the server is away', async () => {
      await f.start();
      await f.server.close();
      const startedAt = performance.now();
      await f.device.stop();
      assert.ok(performance.now() - startedAt < 4_000);
    });

    it('refuses an endpoint name or lifetime out of range', async () => {
      const server = { host: '127.0.0.1', port: 1 };
      const base = { server, objects: [], models };
      await assert.rejects(Lwm2mDevice.start({ ...base, endpointName: '' }), { code: 'CONFIG_INVALID' });
      const lifetimeSeconds = 0;
      await assert.rejects(Lwm2mDevice.start({ ...base, endpointName: 'a', lifetimeSeconds }), {
        code: 'CONFIG_INVALID',
      });
    });
  });

  describe('read', () => {
    beforeEach(() => f.start());

    it('answers a resource in text, and in TLV when asked', async () => {
      const text = await f.get('/3303/0/5700');
      assert.deepEqual([text.code, text.contentFormat, text.payload.toString()], ['2.05', TEXT.number, '20']);
      const tlv = await f.get('/3303/0/5700', { accept: TLV.number });
      assert.deepEqual(decoded(tlv, '/3303/0/5700'), {
        kind: 'resource',
        id: 5700,
        value: { type: 'FLOAT', value: 20 },
      });
    });

    it('answers an instance and an object in TLV, without what has no value', async () => {
      const instance = decoded(await f.get('/3303/0'), '/3303/0') as ObjectInstance;
      assert.deepEqual(
        instance.resources.map(({ id }) => id),
        [5700, 5701, 5750],
      );
      const object = await f.get('/26241');
      assert.equal(object.contentFormat, TLV.number);
      assert.equal(decoded(object, '/26241').kind, 'object');
    });

    it('answers opaque and multiple resources, and single resource instances', async () => {
      const opaque = await f.get('/33000/0/4');
      assert.deepEqual([opaque.contentFormat, opaque.payload], [OPAQUE.number, Buffer.from([1, 2, 3])]);
      assert.equal((await f.get('/26241/0/26255')).contentFormat, TLV.number);
      assert.equal((await f.get('/26241/0/26255/0')).payload.toString(), '7');
    });

    for (const [what, path, accept, code] of [
      ['an unknown object', '/9', undefined, '4.04'],
      ['an unknown instance', '/3303/9', undefined, '4.04'],
      ['an unknown resource', '/3303/0/9', undefined, '4.04'],
      ['an unknown resource instance', '/26241/0/26255/9', undefined, '4.04'],
      ['what is no LwM2M path', '/3303/zero', undefined, '4.04'],
      ['the root', '/', undefined, '4.05'],
      ['what can only be executed', '/3303/0/5605', undefined, '4.05'],
      ['an instance as text', '/3303/0', TEXT.number, '4.06'],
      ['text as opaque', '/3303/0/5701', OPAQUE.number, '4.06'],
      ['an unknown format', '/3303/0/5701', 65_000, '4.06'],
      ['what refuses on purpose', '/33000/0/6', undefined, '5.04'],
      ['what has a fault', '/33000/0/5', undefined, '5.00'],
      ['an instance with a resource that fails', '/33000/0', undefined, '5.00'],
    ] as const) {
      it(`answers ${what} with ${code}`, async () => {
        const response = await f.get(path, accept === undefined ? {} : { accept });
        assert.equal(response.code, code);
      });
    }
  });

  describe('write, execute, create, delete', () => {
    beforeEach(() => f.start());

    it('writes a resource as text and as TLV', async () => {
      assert.equal((await f.put('/3303/0/5750', TEXT.number, 'attic')).code, '2.04');
      assert.equal(f.applicationType, 'attic');
      const value = { kind: 'resource', id: 5750, value: { type: 'STRING', value: 'roof' } } as const;
      assert.equal(
        (await f.put('/3303/0/5750', TLV.number, encodeContent(TLV.number, value, parsePath('/3303/0/5750')))).code,
        '2.04',
      );
      assert.equal(f.applicationType, 'roof');
    });

    it('replaces and updates an instance', async () => {
      const payload = instanceTlv([{ kind: 'resource', id: 5750, value: { type: 'STRING', value: 'x' } }], '/3303/0');
      assert.equal((await f.put('/3303/0', TLV.number, payload)).code, '2.04');
      assert.equal(f.applicationType, 'x');
      const again = instanceTlv([{ kind: 'resource', id: 5750, value: { type: 'STRING', value: 'y' } }], '/3303/0');
      const post = await f.server.request(EP, {
        method: 'POST',
        path: '/3303/0',
        contentFormat: TLV.number,
        payload: again,
      });
      assert.deepEqual([post.code, f.applicationType], ['2.04', 'y']);
    });

    it('writes nothing of an instance when a part cannot be written', async () => {
      const payload = instanceTlv(
        [
          { kind: 'resource', id: 5750, value: { type: 'STRING', value: 'x' } },
          { kind: 'resource', id: 5700, value: { type: 'FLOAT', value: 1 } },
        ],
        '/3303/0',
      );
      assert.equal((await f.put('/3303/0', TLV.number, payload)).code, '4.05');
      assert.equal(f.applicationType, 'cellar');
    });

    it('tells replacing from updating a multiple resource', async () => {
      const node: MultipleResource = {
        kind: 'multipleResource',
        id: 26255,
        type: 'INTEGER',
        values: new Map([[2, { type: 'INTEGER', value: 9 }]]),
      };
      const payload = encodeContent(TLV.number, node, parsePath('/26241/0/26255'));
      await f.server.request(EP, { method: 'POST', path: '/26241/0/26255', contentFormat: TLV.number, payload });
      assert.deepEqual([...f.multiple.keys()], [0, 2]);
      assert.equal((await f.put('/26241/0/26255/1', TEXT.number, '5')).code, '2.04');
      assert.deepEqual([...f.multiple.keys()], [0, 2, 1]);
      await f.put('/26241/0/26255', TLV.number, payload);
      assert.deepEqual([...f.multiple.keys()], [2]);
    });

    it('executes with arguments', async () => {
      const response = await f.server.request(EP, {
        method: 'POST',
        path: '/3303/0/5605',
        payload: Buffer.from("0='a'"),
      });
      assert.deepEqual([response.code, f.executed], ['2.04', ["0='a'"]]);
    });

    it('creates and deletes an instance and tells the server', async () => {
      const node: ObjectInstance = {
        kind: 'instance',
        id: 4,
        resources: [{ kind: 'resource', id: 26251, value: { type: 'INTEGER', value: 1 } }],
      };
      const payload = encodeContent(TLV.number, node, parsePath('/26241'));
      const created = await f.server.request(EP, {
        method: 'POST',
        path: '/26241',
        contentFormat: TLV.number,
        payload,
      });
      assert.deepEqual([created.code, created.locationPath], ['2.01', ['26241', '4']]);
      await until(() => f.server.updates.some(({ links }) => links.includes('</26241/4>')), 'an update');
      assert.equal(
        (await f.server.request(EP, { method: 'POST', path: '/26241', contentFormat: TLV.number, payload })).code,
        '4.00',
      );
      assert.equal((await f.server.request(EP, { method: 'DELETE', path: '/26241/4' })).code, '2.02');
      assert.equal((await f.get('/26241/4')).code, '4.04');
    });

    for (const [what, method, path, contentFormat, payload, code] of [
      ['a write to a read-only resource', 'PUT', '/3303/0/5700', TEXT.number, '1', '4.05'],
      ['a write to an unknown resource', 'PUT', '/3303/0/1', TEXT.number, '1', '4.04'],
      ['a write to an object', 'PUT', '/3303', TLV.number, '', '4.05'],
      ['a write in an unknown format', 'PUT', '/3303/0/5750', 65_000, 'x', '4.15'],
      ['a broken TLV', 'PUT', '/3303/0', TLV.number, '\x48', '4.00'],
      ['a number that is none', 'PUT', '/1/0/1', TEXT.number, 'soon', '4.00'],
      ['a lifetime of 0', 'PUT', '/1/0/1', TEXT.number, '0', '4.00'],
      ['a write that fails by a fault', 'PUT', '/3303/0/5750', TEXT.number, 'crash', '5.00'],
      ['an execute of what is none', 'POST', '/3303/0/5700', undefined, '', '4.05'],
      ['execute arguments in TLV', 'POST', '/3303/0/5605', TLV.number, 'x', '4.15'],
      ['a create where none is offered', 'POST', '/3303', TLV.number, '', '4.05'],
      ['a delete where none is offered', 'DELETE', '/3303/0', undefined, '', '4.05'],
      ['a delete of an object', 'DELETE', '/26241', undefined, '', '4.05'],
      ['a FETCH', 'FETCH', '/3303/0', undefined, '', '4.05'],
    ] as const) {
      it(`answers ${what} with ${code}`, async () => {
        const format = contentFormat === undefined ? {} : { contentFormat };
        const response = await f.server.request(EP, {
          method,
          path,
          ...format,
          payload: Buffer.from(payload, 'latin1'),
        });
        assert.equal(response.code, code);
      });
    }

    it('answers a stranger with 4.01', async () => {
      const { peer } = await f.server.registered(EP);
      const stranger = await RegisteringServer.open();
      stranger.registrations.push({ endpointName: EP, query: [], links: '', peer });
      const response = await stranger.request(EP, { method: 'GET', path: '/3303/0/5700' });
      await stranger.close();
      assert.equal(response.code, '4.01');
    });
  });

  describe('discover and attributes', () => {
    beforeEach(() => f.start());
    const attributes = (path: string, ...query: string[]): Promise<CoapResponse> =>
      f.server.request(EP, { method: 'PUT', path, query });

    it('lists resources with their attributes, and inherited ones at the resource', async () => {
      assert.equal((await attributes('/3303', 'pmin=5')).code, '2.04');
      assert.equal((await attributes('/3303/0/5700', 'pmax=60', 'gt=25.5')).code, '2.04');
      const object = await f.get('/3303', { accept: LINK.number });
      assert.equal(object.contentFormat, LINK.number);
      assert.equal(
        object.payload.toString(),
        '</3303>;pmin=5,</3303/0>,</3303/0/5700>;pmax=60;gt=25.5,</3303/0/5701>,</3303/0/5605>,</3303/0/5750>,</3303/0/5601>',
      );
      const resource = await f.get('/3303/0/5700', { accept: LINK.number });
      assert.equal(resource.payload.toString(), '</3303/0/5700>;pmin=5;pmax=60;gt=25.5');
      assert.equal(
        (await f.get('/26241/0', { accept: LINK.number })).payload.toString(),
        '</26241/0>,</26241/0/26255>;dim=1',
      );
    });

    it('takes an attribute away', async () => {
      await attributes('/3303/0', 'pmin=5', 'pmax=9');
      await attributes('/3303/0', 'pmin');
      const instance = await f.get('/3303/0', { accept: LINK.number });
      assert.match(instance.payload.toString(), /^<\/3303\/0>;pmax=9,/);
    });

    for (const [what, path, query, code] of [
      ['a value that is no number', '/3303/0', ['pmin=x'], '4.00'],
      ['an unknown attribute', '/3303/0', ['speed=1'], '4.00'],
      ['lt above gt', '/3303/0/5700', ['lt=5', 'gt=4'], '4.00'],
      ['steps too wide for lt and gt', '/3303/0/5700', ['lt=1', 'gt=2', 'st=0.5'], '4.00'],
      ['an unknown path', '/3303/7', ['pmin=1'], '4.04'],
      ['the root', '/', ['pmin=1'], '4.05'],
    ] as const) {
      it(`answers ${what} with ${code}`, async () => {
        assert.equal((await attributes(path, ...query)).code, code);
      });
    }
  });

  describe('observe', () => {
    beforeEach(() => f.start());

    it('notifies each change with a growing number, in the format of the first answer', async () => {
      const { token, response } = await f.observe('/3303/0/5700');
      let last = response.observe!;
      for (const value of [21, 22.5, 23]) {
        await f.setTemperature(value);
        const notification = await f.server.notification(token);
        assert.equal(notification.payload.toString(), String(value));
        assert.equal(notification.contentFormat, TEXT.number);
        assert.equal(notification.confirmable, true);
        assert.ok(notification.observe! > last);
        last = notification.observe!;
      }
    });

    it('notifies observers of the instance and the object too', async () => {
      const instance = await f.observe('/3303/0');
      const object = await f.observe('/3303', TLV.number);
      await f.setTemperature(25);
      const first = await f.server.notification(instance.token);
      assert.equal(decodeContent(first.contentFormat, first.payload, parsePath('/3303/0'), models).kind, 'instance');
      const second = await f.server.notification(object.token);
      assert.equal(decodeContent(second.contentFormat, second.payload, parsePath('/3303'), models).kind, 'object');
    });

    it('notifies what the server itself writes', async () => {
      const { token } = await f.observe('/3303/0/5750');
      await f.put('/3303/0/5750', TEXT.number, 'roof');
      assert.equal((await f.server.notification(token)).payload.toString(), 'roof');
    });

    it('ends an observation by Observe 1', async () => {
      const { token } = await f.observe('/3303/0/5700');
      const response = await f.get('/3303/0/5700', { observe: 1, token });
      assert.deepEqual([response.code, response.observe], ['2.05', undefined]);
      assert.equal(f.device.observations, 0);
    });

    it('ends an observation by a reset', async () => {
      await f.observe('/3303/0/5700');
      f.server.onNotification = (notification) => notification.reject();
      await f.setTemperature(40);
      await until(() => f.device.observations === 0, 'the observation to end');
    });

    it('sends the latest value when several changed while one was under way', async () => {
      const { token } = await f.observe('/3303/0/5700');
      f.server.onNotification = () => undefined; // unanswered for now
      await f.setTemperature(1);
      const first = await f.server.notification(token);
      for (let value = 2; value <= 50; value++) await f.setTemperature(value);
      f.server.onNotification = (notification) => notification.acknowledge();
      first.acknowledge();
      assert.equal((await f.server.notification(token)).payload.toString(), '50');
      assert.equal(f.device.notificationsSent, 2);
    });

    it('leaves no observation behind an error', async () => {
      assert.equal((await f.observe('/3303/9')).response.code, '4.04');
      assert.equal(f.device.observations, 0);
    });

    it('answers like a read when no more observations fit', async () => {
      await f.stop();
      f = new Fixture();
      await f.start({ maxObservations: 1 });
      assert.notEqual((await f.observe('/3303/0/5700')).response.observe, undefined);
      const { response } = await f.observe('/3303/0/5701');
      assert.deepEqual([response.code, response.observe], ['2.05', undefined]);
    });

    it('honours attributes: nothing below a step of st, then the crossing of it', async () => {
      const { token } = await f.observe('/3303/0/5700');
      await f.server.request(EP, { method: 'PUT', path: '/3303/0/5700', query: ['st=2'] });
      await f.setTemperature(21);
      await f.setTemperature(21.9);
      await f.setTemperature(22);
      assert.equal((await f.server.notification(token)).payload.toString(), '22');
    });

    it('sends non-confirmable notifications when told to', async () => {
      await f.stop();
      f = new Fixture();
      await f.start({ confirmable: false });
      const { token } = await f.observe('/3303/0/5700');
      await f.setTemperature(5);
      assert.equal((await f.server.notification(token)).confirmable, false);
    });
  });
}).timeout(10_000);
