import assert from 'node:assert/strict';
import { hasCode } from '../../../../common/errors.ts';
import type { Lwm2mNode, ResourceValue } from '../../../../lwm2m/content/node.ts';
import { instanceFromAvro, nodeFromAvro, nodeToAvro } from '../../../../lwm2m-server/bridge/avro-nodes.ts';
import { avroType } from '../../../../schemas/avro-types.ts';
import type { AvroReadResponseBody, AvroResource, AvroWriteRequest } from '../../../../schemas/generated/records.ts';

const SINGLE = 'io.zeelos.leshan.avro.resource.AvroResource';
const INSTANCE = 'io.zeelos.leshan.avro.resource.AvroInstanceResource';
const OBJECT = 'io.zeelos.leshan.avro.resource.AvroObjectResource';

const VALUES: [ResourceValue, AvroResource['value']][] = [
  [{ type: 'STRING', value: 'ä\u0000' }, { string: 'ä\u0000' }],
  [{ type: 'STRING', value: '' }, { string: '' }],
  [{ type: 'FLOAT', value: 21.5 }, { double: 21.5 }],
  [{ type: 'FLOAT', value: 3 }, { double: 3 }],
  [{ type: 'FLOAT', value: Number.NaN }, { double: Number.NaN }],
  [{ type: 'FLOAT', value: Number.NEGATIVE_INFINITY }, { double: Number.NEGATIVE_INFINITY }],
  [{ type: 'INTEGER', value: -7 }, { long: -7 }],
  [{ type: 'INTEGER', value: Number.MAX_SAFE_INTEGER }, { long: Number.MAX_SAFE_INTEGER }],
  [{ type: 'INTEGER', value: 2n ** 63n - 1n }, { long: 2n ** 63n - 1n }],
  [{ type: 'INTEGER', value: -(2n ** 63n) }, { long: -(2n ** 63n) }],
  [{ type: 'BOOLEAN', value: false }, { boolean: false }],
  [{ type: 'OPAQUE', value: Buffer.from([0, 255, 16]) }, { string: 'AP8Q' }],
  [{ type: 'OPAQUE', value: Buffer.alloc(0) }, { string: '' }],
  [{ type: 'TIME', value: 1_700_000_000_000 }, { long: 1_700_000_000_000 }],
  [{ type: 'OBJLNK', value: { objectId: 3303, instanceId: 65_535 } }, { string: '3303:65535' }],
];

/** Through the bytes of a record, as it goes through Kafka. */
function overTheWire(content: AvroReadResponseBody['content']): AvroReadResponseBody['content'] {
  const type = avroType('io.zeelos.leshan.avro.response.AvroReadResponseBody');
  return (type.fromBuffer(type.toBuffer({ content })) as AvroReadResponseBody).content;
}

const single = (type: AvroResource['type'], value: AvroResource['value'], id = 1): AvroResource => ({
  id,
  path: '/1/0/1',
  kind: 'SINGLE_RESOURCE',
  type,
  value,
});

function refused(node: AvroWriteRequest['node']): void {
  assert.throws(
    () => nodeFromAvro(node),
    (error) => hasCode(error, 'LWM2M_REQUEST'),
  );
}

describe('lwm2m-server/bridge/avro-nodes', () => {
  it('carries every type both ways, through the bytes', () => {
    for (const [value, avro] of VALUES) {
      const node: Lwm2mNode = { kind: 'resource', id: 1, value };
      const written = nodeToAvro(node, '/1/0/1');
      assert.deepEqual(written, { [SINGLE]: single(value.type, avro) });
      assert.deepEqual(nodeFromAvro(overTheWire(written) as AvroWriteRequest['node']), node);
    }
  });

  it('gives every value of an object its own path', () => {
    const multiple = new Map<number, ResourceValue>([
      [0, { type: 'INTEGER', value: 1 }],
      [7, { type: 'INTEGER', value: 2 }],
    ]);
    const node: Lwm2mNode = {
      kind: 'object',
      id: 3,
      instances: [
        {
          kind: 'instance',
          id: 2,
          resources: [
            { kind: 'multipleResource', id: 6, type: 'INTEGER', values: multiple },
            { kind: 'resource', id: 0, value: { type: 'STRING', value: 'x' } },
          ],
        },
        { kind: 'instance', id: 4, resources: [] },
      ],
    };
    const avro = nodeToAvro(node, '/3');
    const [first, second] = (avro as { [OBJECT]: { instances: readonly unknown[] } })[OBJECT].instances;
    assert.deepEqual(first, {
      id: 2,
      kind: 'INSTANCE',
      resources: [{ id: 0, path: '/3/2/0', kind: 'SINGLE_RESOURCE', type: 'STRING', value: { string: 'x' } }],
      multipleResources: {
        array: [
          {
            id: 6,
            path: '/3/2/6',
            kind: 'MULTIPLE_RESOURCE',
            type: 'INTEGER',
            resources: {
              0: { id: 0, path: '/3/2/6/0', kind: 'SINGLE_RESOURCE', type: 'INTEGER', value: { long: 1 } },
              7: { id: 7, path: '/3/2/6/7', kind: 'SINGLE_RESOURCE', type: 'INTEGER', value: { long: 2 } },
            },
          },
        ],
      },
    });
    assert.deepEqual(second, { id: 4, kind: 'INSTANCE', resources: [], multipleResources: null });
    const back = nodeFromAvro(overTheWire(avro) as AvroWriteRequest['node']);
    assert.deepEqual(back.kind === 'object' && back.instances[0]!.resources.map(({ id }) => id), [0, 6]);
  });

  it('takes numbers as producers write them by hand: a long for FLOAT, a whole double for INTEGER', () => {
    const valueTaken = (type: AvroResource['type'], value: AvroResource['value']) => {
      const node = nodeFromAvro({ [SINGLE]: single(type, value) });
      return node.kind === 'resource' ? node.value.value : undefined;
    };
    assert.equal(valueTaken('FLOAT', { long: 3 }), 3);
    assert.equal(valueTaken('FLOAT', { long: 2n ** 60n }), 2 ** 60);
    assert.equal(valueTaken('INTEGER', { double: 3 }), 3);
  });

  it('refuses a value of another type instead of bending it', () => {
    const wrong: [AvroResource['type'], AvroResource['value']][] = [
      ['STRING', { long: 1 }],
      ['STRING', { boolean: true }],
      ['FLOAT', { string: '1.5' }],
      ['FLOAT', { boolean: true }],
      ['INTEGER', { double: 1.5 }],
      ['INTEGER', { double: 2 ** 53 }],
      ['INTEGER', { double: Number.NaN }],
      ['INTEGER', { string: '1' }],
      ['BOOLEAN', { long: 1 }],
      ['BOOLEAN', { string: 'true' }],
      ['OPAQUE', { string: 'not base64' }],
      ['OPAQUE', { string: 'AP8' }],
      ['OPAQUE', { string: 'A===' }],
      ['OPAQUE', { string: '=AAA' }],
      ['TIME', { long: 2n ** 62n }],
      ['TIME', { double: 1 }],
      ['TIME', { string: '2020-01-01' }],
      ['OBJLNK', { string: '1' }],
      ['OBJLNK', { string: '1:2:3' }],
      ['OBJLNK', { string: '-1:2' }],
      ['OBJLNK', { long: 1 }],
    ];
    for (const [type, value] of wrong) refused({ [SINGLE]: single(type, value) });
  });

  it('refuses a multiple resource whose ids or types do not fit', () => {
    const instance = (resources: Record<string, AvroResource>) => ({
      id: 0,
      kind: 'INSTANCE' as const,
      resources: [],
      multipleResources: {
        array: [{ id: 6, path: '/3/0/6', kind: 'MULTIPLE_RESOURCE' as const, type: 'INTEGER' as const, resources }],
      },
    });
    const good = instance({ 5: single('INTEGER', { long: 1 }, 5) });
    assert.deepEqual(instanceFromAvro(good).resources, [
      { kind: 'multipleResource', id: 6, type: 'INTEGER', values: new Map([[5, { type: 'INTEGER', value: 1 }]]) },
    ]);
    for (const id of ['x', '-1', '1.5', '', '123456', '1 '])
      refused({ [INSTANCE]: instance({ [id]: single('INTEGER', { long: 1 }) }) });
    refused({ [INSTANCE]: instance({ 0: single('STRING', { string: '1' }) }) });
  });

  it('takes an instance of a writer that leaves out the multiple resources', () => {
    const node = nodeFromAvro({ [INSTANCE]: { id: 0, kind: 'INSTANCE', resources: [single('INTEGER', { long: 1 })] } });
    assert.equal(node.kind === 'instance' && node.resources.length, 1);
  });
});
