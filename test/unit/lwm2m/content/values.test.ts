import assert from 'node:assert/strict';
import { decodeContent, encodeContent } from '../../../../lwm2m/content/codec.ts';
import { CONTENT_FORMATS } from '../../../../lwm2m/content/content-formats.ts';
import type { ResourceType, ResourceValue } from '../../../../lwm2m/content/node.ts';
import { decodeTlv, encodeTlv } from '../../../../lwm2m/content/tlv.ts';
import { resourceIdOf, TEST_MODELS, TEST_OBJECT } from '../../../vectors/lwm2m-vectors.ts';

const { TLV, TEXT } = CONTENT_FORMATS;
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const siteOf = (type: ResourceType | 'UNSIGNED') => ({
  objectId: TEST_OBJECT,
  instanceId: 0,
  resourceId: resourceIdOf(type),
});

function readTlv(type: ResourceType | 'UNSIGNED', hex: string): unknown {
  const path = siteOf(type);
  const payload = encodeTlv([{ kind: 'resource', id: path.resourceId, offset: 0, value: bytes(hex) }]);
  return valueIn(decodeContent(TLV.number, payload, path, TEST_MODELS));
}

function readText(type: ResourceType | 'UNSIGNED', text: string | Buffer): unknown {
  return valueIn(decodeContent(TEXT.number, Buffer.from(text), siteOf(type), TEST_MODELS));
}

function valueIn(node: ReturnType<typeof decodeContent>): unknown {
  assert.equal(node.kind, 'resource');
  return node.value.value;
}

function write(format: number, value: ResourceValue): Buffer {
  const path = siteOf(value.type);
  return encodeContent(format, { kind: 'resource', id: path.resourceId, value }, path);
}

const writeText = (value: ResourceValue) => write(TEXT.number, value).toString();
function writeTlv(value: ResourceValue): string {
  const [entry] = decodeTlv(write(TLV.number, value));
  assert.equal(entry?.kind, 'resource');
  return entry.value.toString('hex');
}

describe('values in TLV', () => {
  const integers: readonly [string, number | bigint][] = [
    ['00', 0],
    ['7f', 127],
    ['80', -128],
    ['0080', 128],
    ['ff7f', -129],
    ['7fff', 32767],
    ['00008000', 32768],
    ['ffff7fff', -32769],
    ['7fffffff', 2147483647],
    ['0000000080000000', 2147483648],
    ['ffffffff7fffffff', -2147483649],
    ['001fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['ffe0000000000001', Number.MIN_SAFE_INTEGER],
    ['0020000000000000', 2n ** 53n],
    ['7fffffffffffffff', 2n ** 63n - 1n],
    ['8000000000000000', -(2n ** 63n)],
  ];
  for (const [hex, value] of integers) {
    it(`INTEGER ${value} is ${hex}`, () => {
      assert.equal(readTlv('INTEGER', hex), value);
      assert.equal(writeTlv({ type: 'INTEGER', value }), hex);
    });
  }

  it('reads integers that are longer than need be, and writes a small bigint as the number it is', () => {
    assert.deepEqual(
      ['0001', '00000001', '0000000000000001'].map((hex) => readTlv('INTEGER', hex)),
      [1, 1, 1],
    );
    assert.equal(writeTlv({ type: 'INTEGER', value: 5n }), '05');
  });

  it('reads the bytes of an unsigned integer without a sign', () => {
    const hexes = ['ff', 'ffff', 'ffffffff', 'ffffffffffffffff', '7f'];
    assert.deepEqual(
      hexes.map((hex) => readTlv('UNSIGNED', hex)),
      [255, 65535, 4294967295, 2n ** 64n - 1n, 127],
    );
  });

  const floats: readonly [string, number][] = [
    ['41bc0000', 23.5],
    ['00000000', 0],
    ['80000000', -0],
    ['7f800000', Number.POSITIVE_INFINITY],
    ['7fc00000', Number.NaN],
    ['3fb999999999999a', 0.1],
    ['7fefffffffffffff', Number.MAX_VALUE],
  ];
  for (const [hex, value] of floats) {
    it(`FLOAT ${Object.is(value, -0) ? '-0' : value} is ${hex}`, () => {
      assert.equal(readTlv('FLOAT', hex), value);
      assert.equal(writeTlv({ type: 'FLOAT', value }), hex);
    });
  }

  it('reads a double that a single could hold', () => assert.equal(readTlv('FLOAT', '4037800000000000'), 23.5));

  const others: readonly [string, ResourceValue][] = [
    ['00', { type: 'BOOLEAN', value: false }],
    ['01', { type: 'BOOLEAN', value: true }],
    ['5182428f', { type: 'TIME', value: 1367491215000 }],
    ['ff', { type: 'TIME', value: -1000 }],
    ['00000000f0000000', { type: 'TIME', value: 4026531840000 }],
    ['0042ffff', { type: 'OBJLNK', value: { objectId: 66, instanceId: 65535 } }],
    ['', { type: 'STRING', value: '' }],
    ['efbbbfc3a9f09f9880', { type: 'STRING', value: '\ufeffé😀' }],
    ['', { type: 'OPAQUE', value: bytes('') }],
    ['00ff', { type: 'OPAQUE', value: bytes('00ff') }],
  ];
  for (const [hex, value] of others) {
    it(`${value.type} ${JSON.stringify(value.value)} is "${hex}"`, () => {
      assert.deepEqual(readTlv(value.type, hex), value.value);
      assert.equal(writeTlv(value), hex);
    });
  }

  it('cuts a time to the second it lies in', () => {
    assert.equal(writeTlv({ type: 'TIME', value: 1999 }), '01');
    assert.equal(writeTlv({ type: 'TIME', value: -1 }), 'ff');
  });

  it('writes the bytes of a view and nothing around them', () => {
    assert.equal(writeTlv({ type: 'OPAQUE', value: new Uint8Array([1, 2, 3, 4]).subarray(1, 3) }), '0203');
  });
});

describe('values as text', () => {
  const both: readonly [string, ResourceValue][] = [
    ['0', { type: 'INTEGER', value: 0 }],
    ['-42', { type: 'INTEGER', value: -42 }],
    ['9223372036854775807', { type: 'INTEGER', value: 2n ** 63n - 1n }],
    ['-9223372036854775808', { type: 'INTEGER', value: -(2n ** 63n) }],
    ['23.5', { type: 'FLOAT', value: 23.5 }],
    ['-0', { type: 'FLOAT', value: -0 }],
    ['0.0000001', { type: 'FLOAT', value: 1e-7 }],
    ['-0.00000012345', { type: 'FLOAT', value: -1.2345e-7 }],
    ['1234500000000000000000', { type: 'FLOAT', value: 1.2345e21 }],
    ['0', { type: 'BOOLEAN', value: false }],
    ['1', { type: 'BOOLEAN', value: true }],
    ['1367491215', { type: 'TIME', value: 1367491215000 }],
    ['-1', { type: 'TIME', value: -1000 }],
    ['3:0', { type: 'OBJLNK', value: { objectId: 3, instanceId: 0 } }],
    ['65535:65535', { type: 'OBJLNK', value: { objectId: 65535, instanceId: 65535 } }],
    ['AP8=', { type: 'OPAQUE', value: bytes('00ff') }],
    ['', { type: 'OPAQUE', value: bytes('') }],
    ['', { type: 'STRING', value: '' }],
    [' é\n', { type: 'STRING', value: ' é\n' }],
  ];
  for (const [text, value] of both) {
    it(`${value.type} ${JSON.stringify(text)} both ways`, () => {
      assert.deepEqual(readText(value.type, text), value.value);
      assert.equal(writeText(value), text);
    });
  }

  const readOnly: readonly [ResourceType | 'UNSIGNED', string, unknown][] = [
    ['INTEGER', '007', 7],
    ['INTEGER', '-0', 0],
    ['FLOAT', '1e3', 1000],
    ['FLOAT', '-.5E-1', -0.05],
    ['FLOAT', '5.', 5],
    ['UNSIGNED', '18446744073709551615', 2n ** 64n - 1n],
    ['OBJLNK', '03303:01', { objectId: 3303, instanceId: 1 }],
  ];
  for (const [type, text, value] of readOnly) {
    it(`reads ${type} ${JSON.stringify(text)}`, () => assert.deepEqual(readText(type, text), value));
  }

  const refused: Readonly<Partial<Record<ResourceType | 'UNSIGNED', readonly string[]>>> = {
    INTEGER: [
      '',
      ' 1',
      '1 ',
      '1\n',
      '+1',
      '0x10',
      '1.0',
      '1e3',
      '--1',
      '-',
      '1_000',
      '١',
      '9223372036854775808',
      '9'.repeat(21),
    ],
    UNSIGNED: ['-1', '18446744073709551616'],
    FLOAT: [
      '',
      '.',
      ' 1',
      '1 ',
      '+1',
      '1,5',
      '0x10',
      'NaN',
      'Infinity',
      '-Infinity',
      '1e',
      'e3',
      '1e999',
      '1.2.3',
      '1.5\n',
    ],
    BOOLEAN: ['', 'true', 'false', '2', '01', '1 ', '-1', 'yes'],
    TIME: ['', '1.5', '2020-01-01', '9223372036854775807', ' 1'],
    OBJLNK: ['', '3', '3:', ':0', '3:0:1', '65536:0', '0:65536', '-1:0', '3/0', ' 3:0', '3:0\n'],
    OPAQUE: ['A', 'AP8', 'AP8=\n', 'AP 8=', 'AP8_', 'AP9=AP8=', '====', 'AP9=', 'é'],
  };
  for (const [type, texts] of Object.entries(refused)) {
    for (const text of texts) {
      it(`refuses ${type} ${JSON.stringify(text)}`, () => {
        assert.throws(() => readText(type as ResourceType, text), { code: 'LWM2M_CONTENT' });
      });
    }
  }

  it('refuses bytes that are not UTF-8', () => {
    for (const hex of ['ff', 'c328', 'eda080', 'c0af']) {
      assert.throws(() => readText('STRING', bytes(hex)), { code: 'LWM2M_CONTENT' });
    }
  });

  it('refuses a number of any length at once', () => {
    for (const type of ['INTEGER', 'FLOAT', 'TIME', 'OBJLNK', 'BOOLEAN'] as const) {
      for (const text of ['9'.repeat(4_000_000), `${'9'.repeat(4_000_000)}x`]) {
        assert.throws(() => readText(type, text), { code: 'LWM2M_CONTENT' });
      }
    }
  }).timeout(2000);
});

describe('values that no format can carry', () => {
  const refused: readonly ResourceValue[] = [
    { type: 'INTEGER', value: 1.5 },
    { type: 'INTEGER', value: Number.NaN },
    { type: 'INTEGER', value: 2 ** 53 },
    { type: 'INTEGER', value: 2n ** 63n },
    { type: 'TIME', value: 0.5 },
    { type: 'TIME', value: Number.POSITIVE_INFINITY },
    { type: 'STRING', value: '\ud800' },
    { type: 'OBJLNK', value: { objectId: 65536, instanceId: 0 } },
    { type: 'OBJLNK', value: { objectId: 0, instanceId: -1 } },
  ];
  for (const value of refused) {
    it(`does not write ${value.type} ${typeof value.value === 'object' ? JSON.stringify(value.value) : value.value}`, () => {
      assert.throws(() => writeTlv(value), { code: 'LWM2M_CONTENT' });
      assert.throws(() => writeText(value), { code: 'LWM2M_CONTENT' });
    });
  }

  it('does not write NaN as text', () => {
    assert.throws(() => writeText({ type: 'FLOAT', value: Number.NaN }), { code: 'LWM2M_CONTENT' });
  });
});
