import assert from 'node:assert/strict';
import { decodeContent, encodeContent } from '../../../../lwm2m/content/codec.ts';
import { CONTENT_FORMATS, contentFormatName } from '../../../../lwm2m/content/content-formats.ts';
import type { Lwm2mNode } from '../../../../lwm2m/content/node.ts';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import { parsePath } from '../../../../lwm2m/path.ts';

const { TEXT, OPAQUE, TLV } = CONTENT_FORMATS;
const models = coreObjectModels();
const read = (format: number | undefined, path: string, payload: string) =>
  decodeContent(format, Buffer.from(payload), parsePath(path), models);
const manufacturer = { kind: 'resource', id: 0, value: { type: 'STRING', value: 'x' } } as const;
const velocity = { kind: 'resource', id: 4, value: { type: 'OPAQUE', value: Buffer.from('ab') } } as const;

describe('content formats', () => {
  it('have the numbers that CoAP gives them', () => {
    const numbers = Object.fromEntries(Object.entries(CONTENT_FORMATS).map(([name, row]) => [name, row.number]));
    assert.deepEqual(numbers, {
      TEXT: 0,
      LINK: 40,
      OPAQUE: 42,
      CBOR: 60,
      SENML_JSON: 110,
      SENML_CBOR: 112,
      SENML_ETCH_JSON: 320,
      SENML_ETCH_CBOR: 322,
      TLV: 11542,
      JSON: 11543,
      LWM2M_CBOR: 11544,
    });
    assert.deepEqual([1542, 1543, 11542, 0, 50].map(contentFormatName), ['TLV', 'JSON', 'TLV', 'TEXT', undefined]);
  });

  it('without a codec, unknown, or not a number are refused', () => {
    for (const format of [CONTENT_FORMATS.LINK.number, 50, 65_000, -1, 1.5, Number.NaN]) {
      assert.throws(() => read(format, '/3/0/0', 'x'), { code: 'LWM2M_CONTENT_FORMAT' });
      assert.throws(() => encodeContent(format, manufacturer, parsePath('/3/0/0')), { code: 'LWM2M_CONTENT_FORMAT' });
    }
  });
});

describe('text and opaque content', () => {
  it('reads text for a resource and for a resource instance, also without a content format', () => {
    assert.deepEqual(read(undefined, '/3/0/0', 'x'), manufacturer);
    assert.deepEqual(read(TEXT.number, '/3/0/7/1', '5'), {
      kind: 'resource',
      id: 1,
      value: { type: 'INTEGER', value: 5 },
    });
  });

  it('reads text of a resource without a model as a string', () => {
    const node = { kind: 'resource', id: 1, value: { type: 'STRING', value: '5' } };
    assert.deepEqual(read(TEXT.number, '/9999/0/1', '5'), node);
    assert.deepEqual(read(TEXT.number, '/3/0/4', '5').kind, 'resource');
  });

  it('reads and writes opaque bytes', () => {
    assert.deepEqual(read(OPAQUE.number, '/6/0/4', 'ab'), velocity);
    assert.deepEqual(encodeContent(OPAQUE.number, velocity, parsePath('/6/0/4')), Buffer.from('ab'));
    assert.deepEqual(read(OPAQUE.number, '/9999/0/4', 'ab'), velocity);
  });

  it('refuses opaque content for another type', () => {
    assert.throws(() => read(OPAQUE.number, '/3/0/0', 'x'), { code: 'LWM2M_CONTENT' });
    const call = () => encodeContent(OPAQUE.number, manufacturer, parsePath('/3/0/0'));
    assert.throws(call, { code: 'LWM2M_CONTENT' });
  });

  it('cannot carry more than a single value', () => {
    for (const format of [TEXT.number, OPAQUE.number, undefined]) {
      for (const path of ['/', '/3', '/3/0']) {
        assert.throws(() => read(format, path, 'x'), { code: 'LWM2M_CONTENT_FORMAT' });
      }
    }
    const multiple = { kind: 'multipleResource', id: 7, type: 'INTEGER', values: new Map() } as const;
    const instance = { kind: 'instance', id: 0, resources: [] } as const;
    assert.throws(() => encodeContent(TEXT.number, multiple, parsePath('/3/0/7')), { code: 'LWM2M_CONTENT_FORMAT' });
    assert.throws(() => encodeContent(TEXT.number, instance, parsePath('/3/0')), { code: 'LWM2M_CONTENT_FORMAT' });
  });
});

describe('a node that does not fit its path', () => {
  const instance = { kind: 'instance', id: 0, resources: [manufacturer] } as const;
  const twice = { kind: 'instance', id: 0, resources: [manufacturer, manufacturer] } as const;
  const mixed = {
    kind: 'multipleResource',
    id: 7,
    type: 'INTEGER',
    values: new Map([[0, manufacturer.value]]),
  } as const;
  const outOfRange = {
    kind: 'multipleResource',
    id: 7,
    type: 'STRING',
    values: new Map([[65535, manufacturer.value]]),
  } as const;
  const refused: readonly [string, Lwm2mNode][] = [
    ['/', instance],
    ['/3', manufacturer],
    ['/3', { kind: 'object', id: 4, instances: [] }],
    ['/3', { kind: 'object', id: 3, instances: [instance, instance] }],
    ['/3', { kind: 'object', id: 3, instances: [twice] }],
    ['/3', { kind: 'instance', id: 65535, resources: [] }],
    ['/3/1', instance],
    ['/3/0', twice],
    ['/3/0', manufacturer],
    ['/3/0', { kind: 'object', id: 3, instances: [] }],
    ['/3/0/1', manufacturer],
    ['/3/0/0', instance],
    ['/3/0/7', mixed],
    ['/3/0/7', outOfRange],
    ['/3/0/7/0', mixed],
    ['/3/0/7/1', manufacturer],
  ];
  for (const [path, node] of refused) {
    it(`is not written: ${node.kind} ${node.id} at ${path}`, () => {
      assert.throws(() => encodeContent(TLV.number, node, parsePath(path)), { code: 'LWM2M_CONTENT' });
    });
  }
});
