import assert from 'node:assert/strict';
import { assertWritable, attributeSegments, formatAttributes, parseAttributes } from '../../../lwm2m/attributes.ts';
import { parsePath } from '../../../lwm2m/path.ts';

describe('notification attributes', () => {
  const both = [
    ['pmin=10&pmax=60', { pmin: 10, pmax: 60 }],
    ['pmin=0', { pmin: 0 }],
    ['gt=-1.5&lt=25.25&st=0.5', { gt: -1.5, lt: 25.25, st: 0.5 }],
    ['epmin=1&epmax=2&edge=1&con=0&hqmax=5', { epmin: 1, epmax: 2, edge: 1, con: 0, hqmax: 5 }],
    ['pmin&gt=3', { pmin: null, gt: 3 }],
    ['pmax=4294967295', { pmax: 4294967295 }],
  ] as const;
  for (const [text, attributes] of both) {
    it(`reads and writes ${text}`, () => {
      assert.deepEqual(parseAttributes(text), attributes);
      assert.equal(formatAttributes(attributes), text);
    });
  }

  it('takes any order and any decimal, and writes its own', () => {
    assert.deepEqual(parseAttributes('gt=1e3&pmin=007'), { gt: 1000, pmin: 7 });
    assert.deepEqual(attributeSegments({ st: 1e-7, pmin: 1 }), ['pmin=1', 'st=0.0000001']);
  });

  const refused = [
    '',
    '&',
    'pmin=',
    'pmin=-1',
    'pmin=1.5',
    'pmin= 1',
    'pmin=0x10',
    'pmin=4294967296',
    'pmin=1=2',
    '=1',
  ];
  const alsoRefused = [
    'pmin=1&pmin=2',
    'pmin=1&',
    'PMIN=1',
    'dim=2',
    'ver=1.0',
    'toString=1',
    'gt=',
    'gt=NaN',
    'gt=1e999',
  ];
  for (const text of [
    ...refused,
    ...alsoRefused,
    'gt=,5',
    'st=-1',
    'edge=2',
    'con=true',
    'pmin=1;pmax=2',
    '__proto__=1',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseAttributes(text), { code: 'LWM2M_ATTRIBUTES' });
    });
  }

  it('refuses a text of any length at once', () => {
    assert.throws(() => parseAttributes('pmin=1&'.repeat(1_000_000)), { code: 'LWM2M_ATTRIBUTES' });
    assert.throws(() => parseAttributes(`gt=${'9'.repeat(10_000_000)}`), { code: 'LWM2M_ATTRIBUTES' });
  }).timeout(1000);

  it('does not write a value out of range', () => {
    for (const attributes of [{ pmin: -1 }, { pmax: 1.5 }, { gt: Number.NaN }, { edge: 2 }]) {
      assert.throws(() => formatAttributes(attributes), { code: 'LWM2M_ATTRIBUTES' });
    }
  });

  const writable = [
    ['/3303', 'pmin=10&pmax=10'],
    ['/3303/0', 'epmin=1&epmax=2&con=1&hqmax=0'],
    ['/3303/0', 'gt&lt&st&edge'],
    ['/3303/0/5700', 'lt=1&gt=4&st=1.4'],
    ['/3303/0/5700', 'gt=-2&lt=-5&st=1'],
    ['/3303/0/5700', 'gt=1&st=100'],
    ['/3303/0/5500/0', 'edge=1'],
    ['/3303/0/5700', 'pmin=60&pmax'],
  ] as const;
  for (const [path, text] of writable) {
    it(`lets ${text} be written to ${path}`, () => assertWritable(parseAttributes(text), parsePath(path)));
  }

  const contradictions = [
    ['/3303', 'pmin=10&pmax=9'],
    ['/3303/0/5700', 'epmin=2&epmax=1'],
    ['/3303/0/5700', 'lt=4&gt=4'],
    ['/3303/0/5700', 'lt=5&gt=4'],
    ['/3303/0/5700', 'lt=1&gt=4&st=1.5'],
    ['/3303/0', 'gt=1'],
    ['/3303', 'edge=0'],
  ] as const;
  for (const [path, text] of contradictions) {
    it(`does not let ${text} be written to ${path}`, () => {
      assert.throws(() => assertWritable(parseAttributes(text), parsePath(path)), { code: 'LWM2M_ATTRIBUTES' });
    });
  }
});
