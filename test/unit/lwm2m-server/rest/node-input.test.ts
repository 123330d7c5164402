import assert from 'node:assert/strict';
import { hasCode } from '../../../../common/errors.ts';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import { parsePath } from '../../../../lwm2m/path.ts';
import { nodeFromAvro } from '../../../../lwm2m-server/bridge/avro-nodes.ts';
import { nodeJson } from '../../../../lwm2m-server/rest/legacy/node-json.ts';
import { CHOSEN_BY_DEVICE, NodeInput } from '../../../../lwm2m-server/rest/node-input.ts';
import { typedNodeJson } from '../../../../lwm2m-server/rest/v1/node-json.ts';
import { valueOfType } from '../../../../lwm2m-server/rest/value-input.ts';
import type { AvroType } from '../../../../schemas/generated/records.ts';

const models = coreObjectModels();
const input = (opaque: 'hex' | 'base64' = 'base64') => new NodeInput({ models, opaque });
const refused = (error: unknown) => hasCode(error, 'LWM2M_REQUEST');

describe('REST: nodes in JSON', () => {
  it('takes the type from the object model: a whole number for a FLOAT is one', () => {
    const node = nodeFromAvro(input().write(parsePath('/3303/0/5700'), { value: 20 }));
    assert.deepEqual(node, { kind: 'resource', id: 5700, value: { type: 'FLOAT', value: 20 } });
  });

  it('guesses where no model knows the resource, unless the body names the type', () => {
    const at = parsePath('/65000/0/1');
    const typeOf = (body: object) => (nodeFromAvro(input().write(at, body)) as { value: { type: string } }).value.type;
    const types = [{ value: 1 }, { value: 1.5 }, { value: true }, { value: 'x' }, { value: 1, type: 'FLOAT' }].map(
      typeOf,
    );
    assert.deepEqual(types, ['INTEGER', 'FLOAT', 'BOOLEAN', 'STRING', 'FLOAT']);
  });

  it('reads what it writes, of every type', () => {
    const body = {
      id: 3,
      resources: [
        { id: 1, type: 'STRING', value: 'a ✓' },
        { id: 2, type: 'INTEGER', value: -5 },
        { id: 3, type: 'INTEGER', value: '9007199254740993' },
        { id: 4, type: 'FLOAT', value: 0.1 },
        { id: 5, type: 'BOOLEAN', value: false },
        { id: 6, type: 'OPAQUE', value: 'AQL/' },
        { id: 7, type: 'TIME', value: '2026-01-31T12:00:00.000Z' },
        { id: 8, type: 'OBJLNK', value: '65535:65535' },
        { id: 9, type: 'INTEGER', values: { 0: 7, 5: 8 } },
      ],
    };
    const written = input().write(parsePath('/65000/3'), body);
    assert.deepEqual(typedNodeJson(written), body);
  });

  it('writes opaque values in hex and times in seconds on the legacy paths', () => {
    const node = input('hex').write(parsePath('/65000/0'), {
      id: 0,
      resources: [
        { id: 1, type: 'OPAQUE', value: '01fF' },
        { id: 2, type: 'TIME', value: 1_000 },
      ],
    });
    assert.deepEqual(nodeJson(node), {
      id: 0,
      resources: [
        { id: 1, value: '01ff' },
        { id: 2, value: '1970-01-01T00:00:01Z' },
      ],
    });
  });

  it('leaves the instance id to the device when nobody names one', () => {
    assert.equal(input().instance(parsePath('/3303'), { resources: [] }).id, CHOSEN_BY_DEVICE);
    assert.equal(input().instance(parsePath('/3303'), { id: 4, resources: [] }).id, 4);
    assert.equal(input().instance(parsePath('/3303/5'), { resources: [] }).id, 5);
  });

  for (const [path, body] of [
    ['/3/0/1', null],
    ['/3/0/1', []],
    ['/3/0/1', 'x'],
    ['/3/0/1', {}],
    ['/3/0/1', { id: 2, value: 'x' }],
    ['/3/0/1', { id: -1, value: 'x' }],
    ['/3/0/1', { value: 'x', type: 'NUMBER' }],
    ['/3/0/1', { value: 'x', type: '__proto__' }],
    ['/3303/0/5700', { value: 'warm' }],
    ['/3303/0/5700', { value: null }],
    ['/3303/0', { resources: {} }],
    ['/3303/0', { resources: [{ value: 1 }] }],
    [
      '/3303/0',
      {
        resources: [
          { id: 1, value: 1 },
          { id: 1, value: 2 },
        ],
      },
    ],
    ['/3303/0', { id: 1, resources: [] }],
    ['/65000/0', { resources: [{ id: 1, values: { 70000: 1 } }] }],
    ['/65000/0', { resources: [{ id: 1, values: { x: 1 } }] }],
    ['/65000/0', { resources: [{ id: 1, values: {} }] }],
    ['/65000/0', { resources: Array.from({ length: 5_001 }, (_, id) => ({ id, value: 1 })) }],
    ['/', { value: 1 }],
  ] as const)
    it(`refuses ${JSON.stringify(body)?.slice(0, 60)} at ${path}`, () =>
      assert.throws(() => input().write(parsePath(path), body), refused));
});

describe('REST: values', () => {
  const good: [AvroType, unknown, object][] = [
    ['INTEGER', '12', { long: 12 }],
    ['INTEGER', '-9223372036854775808', { long: -(2n ** 63n) }],
    ['FLOAT', '1e3', { double: 1_000 }],
    ['FLOAT', '.5', { double: 0.5 }],
    ['BOOLEAN', 'true', { boolean: true }],
    ['BOOLEAN', '0', { boolean: false }],
    ['TIME', '2026-01-31T12:00:00+01:00', { long: Date.UTC(2026, 0, 31, 11) }],
    ['TIME', '1000', { long: 1_000 }],
    ['OPAQUE', '', { string: '' }],
    ['OBJLNK', '3:0', { string: '3:0' }],
  ];
  for (const [type, value, read] of good)
    it(`reads ${JSON.stringify(value)} as ${type}`, () =>
      assert.deepEqual(valueOfType(type, value, 'base64', '/'), read));

  const bad: [AvroType, unknown][] = [
    ['INTEGER', 1.5],
    ['INTEGER', 2 ** 53],
    ['INTEGER', '9223372036854775808'],
    ['INTEGER', '1e3'],
    ['INTEGER', true],
    ['FLOAT', 'NaN'],
    ['FLOAT', '1e999'],
    ['FLOAT', ''],
    ['BOOLEAN', 'yes'],
    ['BOOLEAN', 1],
    ['BOOLEAN', 'constructor'],
    ['TIME', 'yesterday'],
    ['TIME', '2026-13-01T00:00:00Z'],
    ['OPAQUE', 'AQ'],
    ['OPAQUE', 5],
    ['OBJLNK', '3'],
    ['STRING', 5],
  ];
  for (const [type, value] of bad)
    it(`does not read ${JSON.stringify(value)} as ${type}`, () =>
      assert.throws(() => valueOfType(type, value, 'base64', '/'), refused));
});
