import assert from 'node:assert/strict';
import { decodeContent, decodeCreateContent, encodeContent } from '../../../../lwm2m/content/codec.ts';
import type { Lwm2mNode, ResourceValue } from '../../../../lwm2m/content/node.ts';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import { ObjectModels } from '../../../../lwm2m/model/object-models.ts';
import { parsePath } from '../../../../lwm2m/path.ts';
import { readVectors, type TlvVector, vectorModels, vectorNode } from '../../../vectors/lwm2m-vectors.ts';

const TLV = 11542;
const models = coreObjectModels();
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const read = (path: string, hex: string, known = models) => decodeContent(TLV, bytes(hex), parsePath(path), known);
const integer = (value: number): ResourceValue => ({ type: 'INTEGER', value });
const battery = { kind: 'resource', id: 9, value: integer(100) } as const;
const voltages = {
  kind: 'multipleResource',
  id: 7,
  type: 'INTEGER',
  values: new Map([
    [0, integer(5)],
    [1, integer(3800)],
  ]),
} as const;
const opaque = (hex: string): ResourceValue => ({ type: 'OPAQUE', value: bytes(hex) });

describe('TLV content', () => {
  for (const vector of readVectors<TlvVector[]>('tlv')) {
    it(`reads ${vector.name} (${vector.source})`, () => {
      assert.deepEqual(read(vector.path, vector.hex, vectorModels(vector)), vectorNode(vector));
    });
    it(`writes ${vector.name}`, () => {
      assert.equal(encodeContent(TLV, vectorNode(vector), parsePath(vector.path)).toString('hex'), vector.hex);
    });
  }

  it('reads the number of the drafts too', () => {
    assert.deepEqual(decodeContent(1542, bytes('c1 09 64'), parsePath('/3/0/9'), models), battery);
  });

  const lenient: readonly [string, string, string, Lwm2mNode][] = [
    ['a resource', '/3/0/9', 'c1 09 64', battery],
    ['a resource in its instance', '/3/0/9', '03 00 c1 09 64', battery],
    ['a multiple resource', '/3/0/7', '87 07 41 00 05 42 01 0ed8', voltages],
    ['a multiple resource in its instance', '/3/0/7', '08 00 09 87 07 41 00 05 42 01 0ed8', voltages],
    ['resource instances without their resource', '/3/0/7', '41 00 05 42 01 0ed8', voltages],
    ['a resource instance', '/3/0/7/1', '42 01 0ed8', { kind: 'resource', id: 1, value: integer(3800) }],
    [
      'a resource instance in its resource',
      '/3/0/7/1',
      '84 07 42 01 0ed8',
      { kind: 'resource', id: 1, value: integer(3800) },
    ],
    [
      'a resource instance in resource and instance',
      '/3/0/7/1',
      '06 00 84 07 42 01 0ed8',
      { kind: 'resource', id: 1, value: integer(3800) },
    ],
    ['an instance of bare resources', '/3/0', 'c1 09 64', { kind: 'instance', id: 0, resources: [battery] }],
    ['an instance in its own entry', '/3/0', '03 00 c1 09 64', { kind: 'instance', id: 0, resources: [battery] }],
    ['an instance without resources', '/3/0', '', { kind: 'instance', id: 0, resources: [] }],
    [
      'an object by instances',
      '/3',
      '03 00 c1 09 64',
      { kind: 'object', id: 3, instances: [{ kind: 'instance', id: 0, resources: [battery] }] },
    ],
    [
      'a single-instance object of bare resources',
      '/3',
      'c1 09 64',
      { kind: 'object', id: 3, instances: [{ kind: 'instance', id: 0, resources: [battery] }] },
    ],
    ['an object without instances', '/3303', '', { kind: 'object', id: 3303, instances: [] }],
    [
      'a single where the model says multiple',
      '/3/0/7',
      'c2 07 0ed8',
      { kind: 'resource', id: 7, value: integer(3800) },
    ],
    [
      'a multiple where the model says single',
      '/3/0/9',
      '83 09 41 00 64',
      { kind: 'multipleResource', id: 9, type: 'INTEGER', values: new Map([[0, integer(100)]]) },
    ],
    [
      'a multiple resource without instances',
      '/3/0/7',
      '80 07',
      { kind: 'multipleResource', id: 7, type: 'INTEGER', values: new Map() },
    ],
    ['an empty string', '/3/0/0', 'c0 00', { kind: 'resource', id: 0, value: { type: 'STRING', value: '' } }],
    [
      'a resource that the model does not have',
      '/3/0/99',
      'c2 63 0102',
      { kind: 'resource', id: 99, value: opaque('0102') },
    ],
    [
      'a resource that has no value by its model',
      '/3/0/4',
      'c1 04 01',
      { kind: 'resource', id: 4, value: opaque('01') },
    ],
    [
      'an unsigned integer',
      '/0/1/16',
      '84 10 42 00 c0a8',
      { kind: 'multipleResource', id: 16, type: 'INTEGER', values: new Map([[0, integer(0xc0a8)]]) },
    ],
  ];
  for (const [name, path, hex, node] of lenient) {
    it(`reads ${name}`, () => assert.deepEqual(read(path, hex), node));
  }

  it('reads objects that nobody defined, as opaque values', () => {
    const none = new ObjectModels([]);
    const resources = [
      { kind: 'resource', id: 1, value: opaque('2a') },
      { kind: 'multipleResource', id: 2, type: 'OPAQUE', values: new Map([[0, opaque('')]]) },
    ] as const;
    assert.deepEqual(read('/9999/4', 'c1 01 2a 82 02 40 00', none), { kind: 'instance', id: 4, resources });
    const instances = [{ kind: 'instance', id: 0, resources }] as const;
    assert.deepEqual(read('/9999', 'c1 01 2a 82 02 40 00', none), { kind: 'object', id: 9999, instances });
  });

  const refused: readonly [string, string, string][] = [
    ['nothing for a resource', '/3/0/9', ''],
    ['an empty instance for a resource', '/3/0/9', '00 00'],
    ['another resource', '/3/0/9', 'c1 0a 64'],
    ['a resource in another instance', '/3/0/9', '03 01 c1 09 64'],
    ['more than the resource', '/3/0/9', 'c1 09 64 c1 0a 0f'],
    ['an instance beside a resource', '/3/0/9', 'c1 09 64 00 00'],
    ['another instance', '/3/0', '03 01 c1 09 64'],
    ['two instances for one', '/3303/0', '00 00 00 01'],
    ['a resource instance for an instance', '/3/0', '41 00 05'],
    ['a resource instance for an object', '/3', '41 00 05'],
    ['instances and resources mixed', '/3', '00 00 c1 09 64'],
    ['resources of a multi-instance object without their instance', '/3303', 'c1 00 01'],
    ['a resource for a resource instance', '/3/0/7/1', 'c2 01 0ed8'],
    ['another resource instance', '/3/0/7/1', '42 00 0ed8'],
    ['the resource instance of another resource', '/3/0/7/1', '84 08 42 01 0ed8'],
    ['a multiple resource without the instance', '/3/0/7/1', '80 07'],
    ['the same resource twice', '/3/0', 'c1 09 64 c1 09 64'],
    ['the same resource instance twice', '/3/0/7', '86 07 41 00 05 41 00 05'],
    ['the same instance twice', '/3303', '00 00 00 00'],
    ['a reserved resource id', '/3/0', 'e1 ffff 64'],
    ['a reserved resource instance id', '/3/0/7', '84 07 61 ffff 05'],
    ['a reserved instance id', '/3303', '20 ffff'],
    ['an integer without bytes', '/3/0/9', 'c0 09'],
    ['an integer of three bytes', '/3/0/9', 'c3 09 000064'],
    ['a boolean of 2', '/1/0/6', 'c1 06 02'],
    ['a boolean without bytes', '/1/0/6', 'c0 06'],
    ['a boolean of two bytes', '/1/0/6', 'c2 06 0001'],
    ['a float of two bytes', '/3303/0/5700', 'e2 1644 3c00'],
    ['a string that is not UTF-8', '/3/0/0', 'c2 00 c328'],
    ['an object link of two bytes', '/1/0/10', 'c2 0a 0003'],
    ['a time beyond all clocks', '/3/0/13', 'c8 0d 08 7fffffffffffffff'],
  ];
  for (const [name, path, hex] of refused) {
    it(`refuses ${name}`, () => assert.throws(() => read(path, hex), { code: 'LWM2M_CONTENT' }));
  }

  it('names path and offset, and never the value', () => {
    assert.throws(
      () => read('/3', '08 00 08 c1 09 64 c3 0a 736563'),
      (error: Error & { details?: unknown }) => {
        assert.deepEqual(error.details, { path: '/3/0/10', offset: 6 });
        return !error.message.includes('sec') && !error.message.includes('736563');
      },
    );
  });

  it('passes a fault of the bytes on', () => {
    assert.throws(() => read('/3/0/9', 'c2 09 64'), { code: 'LWM2M_TLV', details: { offset: 0 } });
  });

  it('has no answer for the root path', () => {
    assert.throws(() => read('/', ''), { code: 'LWM2M_CONTENT_FORMAT' });
  });

  describe('Create', () => {
    const create = (hex: string) => decodeCreateContent(TLV, bytes(hex), parsePath('/3303'), models);
    const units = { kind: 'resource', id: 5701, value: { type: 'STRING', value: 'Cel' } } as const;

    it('reads bare resources: the device chooses the instance', () => {
      assert.deepEqual(create('e3 1645 43656c'), { resources: [units] });
    });
    it('reads one instance with its id', () => {
      assert.deepEqual(create('06 07 e3 1645 43656c'), { instanceId: 7, resources: [units] });
    });
    it('writes an instance at the path of its object with its id', () => {
      const node = { kind: 'instance', id: 7, resources: [units] } as const;
      assert.equal(encodeContent(TLV, node, parsePath('/3303')).toString('hex'), '0607e3164543656c');
    });
    it('refuses two instances, other formats and other paths', () => {
      assert.throws(() => create('00 00 00 01'), { code: 'LWM2M_CONTENT' });
      for (const [format, path] of [
        [0, '/3303'],
        [undefined, '/3303'],
        [TLV, '/3303/0'],
        [TLV, '/'],
      ] as const) {
        const call = () => decodeCreateContent(format, bytes(''), parsePath(path), models);
        assert.throws(call, { code: 'LWM2M_CONTENT_FORMAT' });
      }
    });
  });
});
