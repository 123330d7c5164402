import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AttributeStore } from '../../../../lwm2m/client/attribute-store.ts';
import { constant, instanceMap, objectTree, resourceMap } from '../../../../lwm2m/client/object-tree.ts';
import { Operations } from '../../../../lwm2m/client/operations.ts';
import { responseCodeOf } from '../../../../lwm2m/client/refusal.ts';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';

const resources = resourceMap([
  constant(0, { type: 'STRING', value: 'text' }),
  { id: 1, write: () => undefined, read: () => ({ type: 'INTEGER', value: 1 }), dimension: () => 1 },
  { id: 2, execute: () => undefined },
  constant(3, { type: 'OPAQUE', value: Buffer.from([1]) }),
  constant(4, { type: 'FLOAT', values: new Map([[0, { type: 'FLOAT', value: 1.5 }]]) }),
]);
const instances = instanceMap([{ id: 0, resources }]);

function operations(): Operations {
  return new Operations({
    tree: objectTree([{ id: 3, instances, create: () => 0, delete: () => undefined }]),
    models: coreObjectModels(),
    attributes: new AttributeStore(),
    onWritten: () => undefined,
    onAttributes: () => undefined,
    onInstances: () => undefined,
  });
}

describe('operations of a device', () => {
  it('answer any request with a response or a refusal of a known code', async () => {
    const segment = fc.oneof(fc.constantFrom('0', '1', '2', '3', '4'), fc.string({ maxLength: 4 }));
    const format = fc.option(fc.oneof(fc.constantFrom(0, 40, 42, 1542, 11542), fc.nat(0xffff)), { nil: undefined });
    const request = fc.record({
      method: fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'FETCH', 'iPATCH', '0.31'),
      path: fc.array(segment, { maxLength: 6 }),
      query: fc.array(fc.oneof(fc.constantFrom('pmin=1', 'gt=2', 'lt=5', 'st'), fc.string()), { maxLength: 3 }),
      contentFormat: format,
      accept: format,
      payload: fc.uint8Array({ maxLength: 24 }).map((bytes) => Buffer.from(bytes)),
    });
    const device = operations();
    const rest = { peer: udpPeer('127.0.0.1', 1), token: Buffer.alloc(0), confirmable: true, messageId: 1 };
    await fc.assert(
      fc.asyncProperty(request, async ({ contentFormat, accept, ...more }) => {
        const formats = {
          ...(contentFormat !== undefined && { contentFormat }),
          ...(accept !== undefined && { accept }),
        };
        try {
          const { code } = await device.run({ ...rest, ...more, ...formats });
          assert.match(code, /^2\.0[1245]$/);
        } catch (error) {
          assert.match(responseCodeOf(error) ?? `no code: ${error}`, /^4\.\d\d$/);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('attribute store', () => {
  const path = { objectId: 3303, instanceId: 0, resourceId: 5700 };

  it('inherits from the levels above, the nearest counts', () => {
    const store = new AttributeStore();
    store.write({ objectId: 3303 }, { pmin: 1, pmax: 100 });
    store.write({ objectId: 3303, instanceId: 0 }, { pmin: 2 });
    store.write(path, { gt: 5 });
    assert.deepEqual(store.effective(path), { pmin: 2, pmax: 100, gt: 5 });
    assert.deepEqual(store.effective({ objectId: 3303, instanceId: 1 }), { pmin: 1, pmax: 100 });
    assert.deepEqual(store.own(path), { gt: 5 });
  });

  it('leaves everything as it was when the outcome would contradict itself', () => {
    const store = new AttributeStore();
    store.write(path, { gt: 5 });
    assert.throws(() => store.write(path, { lt: 4, st: 1 }), { code: 'LWM2M_ATTRIBUTES' });
    assert.deepEqual(store.own(path), { gt: 5 });
  });

  it('forgets what stands below a path that is gone', () => {
    const store = new AttributeStore();
    store.write(path, { pmin: 1 });
    store.write({ objectId: 33030 }, { pmin: 3 });
    store.forget({ objectId: 3303, instanceId: 0 });
    assert.deepEqual(store.effective(path), {});
    assert.deepEqual(store.own({ objectId: 33030 }), { pmin: 3 });
  });

  it('refuses paths beyond its limit with 5.03', () => {
    const store = new AttributeStore();
    for (let id = 0; id < 1_000; id++) store.write({ objectId: id }, { pmin: 1 });
    store.write({ objectId: 5 }, { pmin: 2 });
    assert.throws(
      () => store.write({ objectId: 1_000 }, { pmin: 1 }),
      (error) => responseCodeOf(error) === '5.03',
    );
  });
});
