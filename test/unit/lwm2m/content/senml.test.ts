import assert from 'node:assert/strict';
import type { PlatformError } from '../../../../common/errors.ts';
import {
  decodeContent,
  decodeCreateContent,
  encodeContent,
  encodeCreateContent,
} from '../../../../lwm2m/content/codec.ts';
import {
  MAX_CONTENT_BYTES,
  MAX_CONTENT_FAULTS,
  MAX_CONTENT_RECORDS,
} from '../../../../lwm2m/content/content-limits.ts';
import type { ResourceType } from '../../../../lwm2m/content/node.ts';
import { decodeTimedContent, type TimedContent } from '../../../../lwm2m/content/timed-content.ts';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import { ObjectModels } from '../../../../lwm2m/model/object-models.ts';
import { parsePath } from '../../../../lwm2m/path.ts';
import { flatNode, resourceIdOf, TEST_MODELS, TEST_OBJECT } from '../../../vectors/lwm2m-vectors.ts';

const JSON_FORMAT = 110;
const CBOR_FORMAT = 112;
const OLD_JSON = 11543;
const NOW_MS = 1_700_000_000_000;
const models = coreObjectModels();
const none = new ObjectModels([]);
const utf8 = (text: string) => Buffer.from(text);
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

function read(text: string, path: string, known = models, format = JSON_FORMAT): TimedContent {
  return decodeTimedContent(format, utf8(text), parsePath(path), known, NOW_MS);
}
const rows = ({ values }: TimedContent) =>
  values.flatMap(({ node, path, timestampMs }) => flatNode(node, path).map((row) => [timestampMs, ...row]));
const codes = (faults: readonly PlatformError[]) => faults.map(({ code }) => code);

/** Runs and says how long it took, so that work which grows too fast shows. */
function timed<T>(call: () => T): { result: T; milliseconds: number } {
  const from = performance.now();
  const result = call();
  return { result, milliseconds: performance.now() - from };
}

describe('SenML', () => {
  it('counts times below 2^28 from now, others from 1970 (RFC 8428 §4.5.3)', () => {
    const at = (fields: string) => read(`[{"n":"/3303/0/5700","v":1${fields}}]`, '/3303/0/5700').values[0]?.timestampMs;
    assert.equal(at(''), undefined);
    assert.equal(at(',"t":0'), NOW_MS);
    assert.equal(at(',"t":-2.5'), NOW_MS - 2500);
    assert.equal(at(',"t":268435455'), NOW_MS + 268_435_455_000);
    assert.equal(at(',"t":268435456'), 268_435_456_000);
    assert.equal(at(',"bt":268435457,"t":-1'), 268_435_456_000);
    assert.equal(at(',"bt":268435456,"t":-1'), NOW_MS + 268_435_455_000);
    assert.equal(at(',"bt":1.7e9'), 1_700_000_000_000);
  });

  it('gives one node per time, oldest first, and those without one last', () => {
    const text = '[{"n":"/3303/0/5700","v":1},{"n":"/3303/0/5700","t":-1,"v":2},{"n":"/3303/0/5700","t":-2,"v":3}]';
    assert.deepEqual(rows(read(text, '/3303/0/5700')), [
      [NOW_MS - 2000, '/3303/0/5700', 'FLOAT', 3],
      [NOW_MS - 1000, '/3303/0/5700', 'FLOAT', 2],
      [undefined, '/3303/0/5700', 'FLOAT', 1],
    ]);
  });

  it('read at one path gives the newest of each value', () => {
    const text =
      '[{"bn":"/3303/0/","n":"5700","t":-1,"v":2},{"n":"5700","t":-2,"v":3},{"n":"5701","t":-9,"vs":"Cel"},{"n":"5601","t":300000000,"v":4}]';
    const node = decodeContent(JSON_FORMAT, utf8(text), parsePath('/3303/0'), models);
    assert.deepEqual(flatNode(node, parsePath('/3303/0')), [
      ['/3303/0/5700', 'FLOAT', 2],
      ['/3303/0/5701', 'STRING', 'Cel'],
      ['/3303/0/5601', 'FLOAT', 4],
    ]);
  });

  it('keeps what is good beside what is bad, and says what was bad', () => {
    const text = JSON.stringify([
      { n: '/3303/0/5700', v: 1 },
      { n: '/3303/0/5701', v: 7 },
      { n: '/3303/0/5601' },
      { n: '/3303/0/5602', v: 1, vs: '1' },
      { n: '/3303/0/5603', v: null },
      { n: '/3303/x/5604', v: 1 },
      { n: '/3303/1/5700', v: 1 },
      { n: '/3303/0', v: 1 },
      { v: 1 },
      7,
      { n: '/3303/0/5700', v: 2 },
      { n: '/3303/0/5700/0', v: 2 },
      { n: '/3303/0/5604', t: 1e300, v: 2 },
      { n: 5, v: 2 },
      { n: '/3303/0/5518', t: '1', v: 2 },
      { n: '/3303/0/5604', bv: '1' },
      { n: `/3303/0/${'0'.repeat(600)}`, v: 2 },
    ]);
    const content = read(text, '/3303/0');
    assert.deepEqual(rows(content), [[undefined, '/3303/0/5700', 'FLOAT', 1]]);
    assert.deepEqual(codes(content.faults), Array(16).fill('LWM2M_CONTENT'));
    assert.throws(() => decodeContent(JSON_FORMAT, utf8(text), parsePath('/3303/0'), models), {
      code: 'LWM2M_CONTENT',
    });
  });

  it('throws when nothing at all can be read', () => {
    for (const text of ['[{"n":"/3303/0/5700","v":true}]', '[{"n":"/9/0/5700","v":1}]', '[{"v":1}]', '[7]']) {
      assert.throws(() => read(text, '/3303/0/5700'), { code: 'LWM2M_CONTENT' }, text);
    }
  });

  it('base fields hold until they are set anew, also those of a bad record', () => {
    const text =
      '[{"bn":"/3303/0/","bt":300000000},{"n":"5700","v":1},{"bn":"/3303/1/","n":"5700"},{"n":"5701","vs":"x"}]';
    const content = read(text, '/3303');
    assert.deepEqual(rows(content), [
      [300_000_000_000, '/3303/0/5700', 'FLOAT', 1],
      [300_000_000_000, '/3303/1/5701', 'STRING', 'x'],
    ]);
    assert.equal(content.faults.length, 1);
  });

  it('adds base values exactly, also beyond 2^53', () => {
    const value = (text: string) => rows(read(text, '/1000/0/1', TEST_MODELS))[0]?.[3];
    assert.equal(value('[{"bn":"/1000/0/1","bv":9007199254740993,"v":1}]'), '9007199254740994');
    assert.equal(value('[{"bn":"/1000/0/1","n":"","bv":5}]'), 5);
    assert.equal(value('[{"bn":"/1000/0/1","bv":-9223372036854775808,"v":0}]'), '-9223372036854775808');
    assert.throws(() => value('[{"bn":"/1000/0/1","bv":9223372036854775807,"v":1}]'), { code: 'LWM2M_CONTENT' });
  });

  it('does not read sums', () => {
    const content = read('[{"n":"/3303/0/5700","s":5},{"n":"/3303/0/5700","bs":1,"s":5,"v":2}]', '/3303/0/5700');
    assert.deepEqual(rows(content), [[undefined, '/3303/0/5700', 'FLOAT', 2]]);
    assert.deepEqual(content.faults, []);
  });

  it('reads an empty pack where nothing may be: object, instance, multiple resource', () => {
    for (const [format, payload] of [
      [JSON_FORMAT, utf8('[]')],
      [JSON_FORMAT, utf8('')],
      [CBOR_FORMAT, bytes('80')],
      [CBOR_FORMAT, bytes('9f ff')],
      [CBOR_FORMAT, bytes('')],
    ] as const) {
      const at = (path: string) => decodeTimedContent(format, payload, parsePath(path), models, NOW_MS).values[0]?.node;
      assert.deepEqual(at('/3'), { kind: 'object', id: 3, instances: [] });
      assert.deepEqual(at('/3/0'), { kind: 'instance', id: 0, resources: [] });
      assert.deepEqual(at('/3/0/7'), { kind: 'multipleResource', id: 7, type: 'INTEGER', values: new Map() });
      assert.throws(() => at('/3/0/9'), { code: 'LWM2M_CONTENT' });
      assert.throws(() => at('/'), { code: 'LWM2M_CONTENT_FORMAT' });
    }
  });

  it('without a model tells types by what it says itself', () => {
    const text =
      '[{"bn":"/9/9/","n":"0","v":1},{"n":"1","v":1.0},{"n":"2","v":1e2},{"n":"3","vb":true},{"n":"4","vs":"a"},{"n":"5","vd":"_-8"},{"n":"6","vlo":"1:2"},{"n":"7","v":18446744073709551615}]';
    assert.deepEqual(
      rows(read(text, '/9/9', none)).map(([, , type, value]) => [type, value]),
      [
        ['INTEGER', 1],
        ['FLOAT', 1],
        ['FLOAT', 100],
        ['BOOLEAN', true],
        ['STRING', 'a'],
        ['OPAQUE', 'ffef'],
        ['OBJLNK', '1:2'],
        ['INTEGER', '18446744073709551615'],
      ],
    );
  });

  it('without a model makes integers among floats of one resource floats', () => {
    const { values, faults } = read(
      '[{"bn":"/9/9/1/","n":"0","v":1},{"n":"1","v":1.5},{"n":"2","vs":"x"}]',
      '/9/9/1',
      none,
    );
    assert.deepEqual(values[0]?.node, {
      kind: 'multipleResource',
      id: 1,
      type: 'FLOAT',
      values: new Map([
        [0, { type: 'FLOAT', value: 1 }],
        [1, { type: 'FLOAT', value: 1.5 }],
      ]),
    });
    assert.deepEqual(codes(faults), ['LWM2M_CONTENT']);
  });

  const convertible: readonly [ResourceType | 'UNSIGNED', string, unknown][] = [
    ['FLOAT', '"v":1', 1],
    ['FLOAT', '"v":-0', -0],
    ['INTEGER', '"v":1.0', 1],
    ['INTEGER', '"v":1E3', 1000],
    ['INTEGER', '"v":-0', 0],
    ['INTEGER', '"v":9223372036854775807', '9223372036854775807'],
    ['INTEGER', '"v":-9223372036854775808', '-9223372036854775808'],
    ['UNSIGNED', '"v":18446744073709551615', '18446744073709551615'],
    ['BOOLEAN', '"v":1', true],
    ['TIME', '"v":1.5', 1500],
    ['OBJLNK', '"vs":"3:0"', '3:0'],
    ['OPAQUE', '"vd":"+/8="', 'fbff'],
    ['OPAQUE', '"vd":"-_8"', 'fbff'],
    ['OPAQUE', '"vd":""', ''],
    ['STRING', '"vs":"\\u00fc"', 'ü'],
  ];
  for (const [type, field, value] of convertible) {
    it(`takes ${field} for ${type}`, () => {
      const path = `/${TEST_OBJECT}/0/${resourceIdOf(type)}`;
      assert.deepEqual(rows(read(`[{"n":"${path}",${field}}]`, path, TEST_MODELS))[0]?.[3], value);
    });
  }

  const inconvertible: readonly [ResourceType | 'UNSIGNED', string][] = [
    ['FLOAT', '"vs":"1"'],
    ['FLOAT', '"v":1e999'],
    ['INTEGER', '"v":1.5'],
    ['INTEGER', '"v":9223372036854775808'],
    ['INTEGER', '"v":100000000000000000000000'],
    ['UNSIGNED', '"v":-1'],
    ['BOOLEAN', '"vs":"true"'],
    ['BOOLEAN', '"v":2'],
    ['BOOLEAN', '"v":1.0'],
    ['TIME', '"v":1e300'],
    ['OBJLNK', '"vlo":"3:65536"'],
    ['OBJLNK', '"vlo":"3"'],
    ['OPAQUE', '"vd":"a"'],
    ['OPAQUE', '"vd":"ab==c"'],
    ['OPAQUE', '"vd":"a b"'],
    ['OPAQUE', '"vd":"ab="'],
    ['OPAQUE', '"vs":"ab"'],
    ['STRING', '"v":1'],
    ['STRING', '"vlo":"3:0"'],
    ['STRING', '"vd":"ab"'],
  ];
  for (const [type, field] of inconvertible) {
    it(`refuses ${field} for ${type}`, () => {
      const path = `/${TEST_OBJECT}/0/${resourceIdOf(type)}`;
      assert.throws(() => read(`[{"n":"${path}",${field}}]`, path, TEST_MODELS), { code: 'LWM2M_CONTENT' });
    });
  }

  it('takes CBOR labels as text too', () => {
    const payload = bytes('81 a2 62 626e 6c 2f333330332f302f35373030 61 76 f9 3e00');
    assert.deepEqual(rows(decodeTimedContent(CBOR_FORMAT, payload, parsePath('/3303/0/5700'), models, NOW_MS)), [
      [undefined, '/3303/0/5700', 'FLOAT', 1.5],
    ]);
  });

  it('refuses a field that stands twice in a CBOR record, and keeps the others', () => {
    const name = '00 68 2f392f392f302f30';
    for (const twice of ['02 01 02 02', '02 01 03 61 78', `${name} 02 01`, '21 60 21 60 02 01', '06 01 06 01 02 01']) {
      const pairs =
        { '02 01 02 02': 3, '02 01 03 61 78': 3, '21 60 21 60 02 01': 4, '06 01 06 01 02 01': 4 }[twice] ?? 3;
      const payload = bytes(`82 a${pairs} ${name} ${twice} a2 00 68 2f392f392f302f31 02 05`);
      const content = decodeTimedContent(CBOR_FORMAT, payload, parsePath('/9/9/0'), none, NOW_MS);
      assert.deepEqual(rows(content), [[undefined, '/9/9/0/1', 'INTEGER', 5]], twice);
      assert.deepEqual(codes(content.faults), ['LWM2M_CONTENT'], twice);
    }
  });

  it('passes over what it does not know in a CBOR record', () => {
    const payload = bytes('81 a5 00 68 2f392f392f302f30 02 05 09 81 81 01 61 78 a1 01 02 63 666f6f c1 01');
    const content = decodeTimedContent(CBOR_FORMAT, payload, parsePath('/9/9/0/0'), none, NOW_MS);
    assert.deepEqual(rows(content), [[undefined, '/9/9/0/0', 'INTEGER', 5]]);
  });

  it('reads the CBOR example of RFC 8428 §6 record by record: well-formed, but no LwM2M names', () => {
    const example =
      '87a721781b75726e3a6465763a6f773a3130653230373361303130383030363a22fb41d303a15b00106223614120050067766f6c7461676501615602fb405e066666666666a3006763757272656e74062402fb3ff3333333333333a3006763757272656e74062302fb3ff4cccccccccccda3006763757272656e74062202fb3ff6666666666666a3006763757272656e74062102f93e00a3006763757272656e74062002fb3ff999999999999aa3006763757272656e74060002fb3ffb333333333333';
    const good = 'a3 21 60 00 68 2f392f392f302f30 02 05';
    const payload = bytes(`88${example.slice(2)}${good}`);
    const content = decodeTimedContent(CBOR_FORMAT, payload, parsePath('/9/9/0/0'), none, NOW_MS);
    assert.deepEqual(rows(content), [[1_276_020_076_001, '/9/9/0/0', 'INTEGER', 5]]); // its base time still holds
    assert.equal(content.faults.length, 7);
  });

  it('resolves the second example of RFC 8428 §5.1.2, its names replaced by paths', () => {
    const example =
      '[{"bn":"/9/9/","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"0","u":"V","v":120.1},{"n":"1","t":-5,"v":1.2},{"n":"1","t":-4,"v":1.3},{"n":"1","t":-3,"v":1.4},{"n":"1","t":-2,"v":1.5},{"n":"1","t":-1,"v":1.6},{"n":"1","v":1.7}]';
    const at = 1_276_020_076_001;
    assert.deepEqual(rows(read(example, '/9/9', none)), [
      [at - 5000, '/9/9/1', 'FLOAT', 1.2],
      [at - 4000, '/9/9/1', 'FLOAT', 1.3],
      [at - 3000, '/9/9/1', 'FLOAT', 1.4],
      [at - 2000, '/9/9/1', 'FLOAT', 1.5],
      [at - 1000, '/9/9/1', 'FLOAT', 1.6],
      [at, '/9/9/0', 'FLOAT', 120.1],
      [at, '/9/9/1', 'FLOAT', 1.7],
    ]);
  });

  const hostile: Readonly<Record<string, string>> = {
    'no JSON': '{',
    'no array': '{"n":"/3/0/9","v":1}',
    'a number': '5',
    'nesting without end': '['.repeat(500_000),
    'nesting that ends, with a number to keep exact': `${'['.repeat(200_000)}1.0${']'.repeat(200_000)}`,
    'a version that is text': '[{"bver":"x","n":"/3/0/9","v":1}]',
    'a field that must be understood': '[{"x_":1,"n":"/3/0/9","v":1}]',
    'prototype keys': '[{"__proto__":{"n":"/3/0/9","v":1}},{"constructor":1}]',
  };
  for (const [name, text] of Object.entries(hostile)) {
    it(`refuses ${name}`, () => {
      assert.throws(() => read(text, '/3/0/9'), { code: 'LWM2M_CONTENT' });
    });
  }

  it('refuses 100,000 records, duplicate names by the thousand and too many bytes in bounded time', () => {
    const many = `[${Array(100_000).fill('{"n":"/9/9"}').join(',')}]`;
    assert.ok(many.length > MAX_CONTENT_BYTES);
    assert.throws(() => read(many, '/9', none), { code: 'LWM2M_CONTENT' });
    const cborMany = Buffer.concat([bytes('9a 000186a0'), Buffer.alloc(100_000, 0xa0)]);
    const call = () => decodeTimedContent(CBOR_FORMAT, cborMany, parsePath('/9'), none, NOW_MS);
    assert.throws(call, { code: 'LWM2M_CONTENT' });
    const twice = Array(30_000).fill('{"n":"/9/9/9","v":1}').join(',');
    const { result, milliseconds } = timed(() => read(`[${twice}]`, '/9', none));
    assert.equal(rows(result).length, 1);
    assert.equal(result.faults.length, MAX_CONTENT_FAULTS + 1);
    assert.equal(result.faults.at(-1)?.details.records, 29_999 - MAX_CONTENT_FAULTS);
    assert.ok(milliseconds < 2000, `${milliseconds} ms`);
  });

  it('reads as many records as it allows, each of another path', () => {
    const records = Array.from({ length: MAX_CONTENT_RECORDS / 2 }, (_, id) => `{"n":"/9/9/${id}","v":1}`);
    const { result, milliseconds } = timed(() => read(`[${records.join(',')}]`, '/9', none));
    assert.equal(rows(result).length, records.length);
    assert.ok(milliseconds < 2000, `${milliseconds} ms`);
  });

  it('is written strictly: base64url without padding, floats as such, links as vlo', () => {
    const one = (type: ResourceType, value: unknown) => {
      const node = { kind: 'resource', id: 1, value: { type, value } } as Parameters<typeof encodeContent>[1];
      return encodeContent(JSON_FORMAT, node, parsePath('/9/9/1')).toString().slice('[{"bn":"/9/9/1",'.length, -2);
    };
    assert.equal(one('OPAQUE', Buffer.of(0xfb, 0xff)), '"vd":"-_8"');
    assert.equal(one('FLOAT', 21), '"v":21.0');
    assert.equal(one('FLOAT', -0), '"v":-0.0');
    assert.equal(one('FLOAT', 1e300), '"v":1e+300');
    assert.equal(one('INTEGER', 2n ** 63n), '"v":9223372036854775808');
    assert.equal(one('OBJLNK', { objectId: 3, instanceId: 0 }), '"vlo":"3:0"');
    assert.equal(one('STRING', 'a"\u0001'), '"vs":"a\\"\\u0001"');
    assert.equal(one('BOOLEAN', false), '"vb":false');
    assert.equal(one('TIME', 1999), '"v":1');
  });
});

describe('old JSON', () => {
  it('names without a base are relative to the path that was asked for', () => {
    assert.deepEqual(rows(read('{"e":[{"n":"9","v":5}]}', '/3/0', models, OLD_JSON)), [
      [undefined, '/3/0/9', 'INTEGER', 5],
    ]);
    assert.deepEqual(rows(read('{"e":[{"v":5}]}', '/3/0/9', models, OLD_JSON)), [[undefined, '/3/0/9', 'INTEGER', 5]]);
    assert.deepEqual(rows(read('{"e":[{"n":"/3/0/9","v":5}]}', '/3/0', models, 1543)).length, 1);
  });

  it('counts times above zero from 1970, others from now', () => {
    const at = (fields: string) =>
      read(`{"bn":"/3303/0/5700","e":[{"v":1,"t":-5}]${fields}}`, '/3303/0/5700', models, OLD_JSON).values[0]
        ?.timestampMs;
    assert.equal(at(''), NOW_MS - 5000);
    assert.equal(at(',"bt":100'), 95_000);
  });

  it('carries opaque bytes as base64 in sv', () => {
    const node = { kind: 'resource', id: 4, value: { type: 'OPAQUE', value: Buffer.of(0xfb, 0xff, 1) } } as const;
    const path = parsePath(`/${TEST_OBJECT}/0/4`);
    const text = encodeContent(OLD_JSON, node, path).toString();
    assert.equal(text, `{"bn":"/${TEST_OBJECT}/0/4","e":[{"sv":"+/8B"}]}`);
    assert.deepEqual(decodeContent(OLD_JSON, utf8(text), path, TEST_MODELS), node);
    assert.deepEqual(rows(read(text, `/${TEST_OBJECT}/0/4`, none, OLD_JSON))[0], [
      undefined,
      `/${TEST_OBJECT}/0/4`,
      'STRING',
      '+/8B',
    ]);
  });

  for (const text of [
    '[]',
    '{"e":5}',
    '{"bn":5,"e":[]}',
    '{"bt":"x","e":[]}',
    '{"e":[5]}',
    '{"e":[{"v":"5"}]}',
    '{"e":[{"v":5,"sv":"5"}]}',
    '{"e":[{"bv":1}]}',
    '{"e":[{"n":1,"v":5}]}',
    '{"e":[{"t":"1","v":5}]}',
  ]) {
    it(`refuses ${text}`, () => {
      assert.throws(() => read(text, '/3/0/9', models, OLD_JSON), { code: 'LWM2M_CONTENT' });
    });
  }
});

describe('Create', () => {
  const resources = [{ kind: 'resource', id: 1, value: { type: 'INTEGER', value: 5 } }] as const;
  const object = { objectId: TEST_OBJECT };

  it('reads back as it was written, with an instance id in every format, without one in TLV', () => {
    for (const format of [11542, JSON_FORMAT, CBOR_FORMAT, OLD_JSON, 11544]) {
      const content = { instanceId: 7, resources };
      const payload = encodeCreateContent(format, content, object);
      assert.deepEqual(decodeCreateContent(format, payload, object, TEST_MODELS), content);
    }
    const payload = encodeCreateContent(11542, { resources }, object);
    assert.deepEqual(decodeCreateContent(11542, payload, object, TEST_MODELS), { resources });
    assert.throws(() => encodeCreateContent(JSON_FORMAT, { resources }, object), { code: 'LWM2M_CONTENT_FORMAT' });
  });

  it('takes one instance, on an object path', () => {
    const two = utf8('[{"n":"/1000/0/1","v":1},{"n":"/1000/1/1","v":1}]');
    assert.throws(() => decodeCreateContent(JSON_FORMAT, two, object, TEST_MODELS), { code: 'LWM2M_CONTENT' });
    assert.throws(() => decodeCreateContent(JSON_FORMAT, utf8('[]'), object, TEST_MODELS), { code: 'LWM2M_CONTENT' });
    assert.throws(() => decodeCreateContent(0, utf8('1'), object, TEST_MODELS), { code: 'LWM2M_CONTENT_FORMAT' });
    const instance = { ...object, instanceId: 0 };
    assert.throws(() => decodeCreateContent(JSON_FORMAT, two, instance, TEST_MODELS), { code: 'LWM2M_CONTENT_FORMAT' });
    const call = () => encodeCreateContent(11542, { resources }, instance);
    assert.throws(call, { code: 'LWM2M_CONTENT_FORMAT' });
  });
});
