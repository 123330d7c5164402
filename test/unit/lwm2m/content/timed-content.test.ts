import assert from 'node:assert/strict';
import type { Lwm2mNode, ResourceValue } from '../../../../lwm2m/content/node.ts';
import {
  carriesTime,
  decodeComposite,
  decodePaths,
  decodeTimedContent,
  encodeComposite,
  encodePaths,
  type TimedContent,
  type TimedNode,
} from '../../../../lwm2m/content/timed-content.ts';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import { formatPath, parsePath } from '../../../../lwm2m/path.ts';
import { flatNode } from '../../../vectors/lwm2m-vectors.ts';

const [JSON_FORMAT, CBOR_FORMAT, LWM2M_CBOR] = [110, 112, 11544];
const NOW_MS = 1_700_000_000_000;
const models = coreObjectModels();
const utf8 = (text: string) => Buffer.from(text);
const rows = ({ values }: TimedContent) =>
  values.map(({ node, path, timestampMs }) => [formatPath(path), timestampMs, flatNode(node, path)]);

function composite(text: string, paths: readonly string[] | undefined, rootPath?: string): TimedContent {
  return decodeComposite(JSON_FORMAT, utf8(text), paths?.map(parsePath), models, NOW_MS, rootPath);
}

describe('timed content', () => {
  it('of formats without time is one value', () => {
    const battery = { kind: 'resource', id: 9, value: { type: 'INTEGER', value: 100 } } as const;
    const path = parsePath('/3/0/9');
    for (const [format, payload] of [
      [undefined, utf8('100')],
      [0, utf8('100')],
      [60, Buffer.of(0x18, 0x64)],
      [11542, Buffer.of(0xc1, 9, 100)],
      [1542, Buffer.of(0xc1, 9, 100)],
    ] as const) {
      assert.deepEqual(decodeTimedContent(format, payload, path, models, NOW_MS), {
        values: [{ path, timestampMs: undefined, node: battery }],
        faults: [],
      });
    }
    assert.throws(() => decodeTimedContent(0, utf8('x'), path, models, NOW_MS), { code: 'LWM2M_CONTENT' });
    assert.throws(() => decodeTimedContent(65_000, utf8('x'), path, models, NOW_MS), { code: 'LWM2M_CONTENT_FORMAT' });
  });

  it('is carried by SenML and the old JSON', () => {
    assert.deepEqual([110, 112, 320, 322, 11543, 1543].map(carriesTime), Array(6).fill(true));
    assert.deepEqual([0, 40, 42, 60, 11542, 11544, 65_000].map(carriesTime), Array(7).fill(false));
  });
});

describe('a composite', () => {
  const answer =
    '[{"bn":"/3/0/","n":"9","v":95},{"n":"7/0","v":3800},{"n":"7/1","v":5000},{"bn":"/1/0/1","v":86400},{"bn":"/3303/0/5700","t":-1,"v":20.5}]';

  it('is grouped under the asked paths, by time', () => {
    assert.deepEqual(rows(composite(answer, ['/3/0/9', '/3/0/7/1', '/3/0/7/0', '/1', '/3303/0', '/5'])), [
      ['/3303/0', NOW_MS - 1000, [['/3303/0/5700', 'FLOAT', 20.5]]],
      ['/3/0/9', undefined, [['/3/0/9', 'INTEGER', 95]]],
      ['/3/0/7/0', undefined, [['/3/0/7/0', 'INTEGER', 3800]]],
      ['/3/0/7/1', undefined, [['/3/0/7/1', 'INTEGER', 5000]]],
      ['/1', undefined, [['/1/0/1', 'INTEGER', 86_400]]],
    ]);
  });

  it('gives a value to the nearest of the asked paths above it, and only to that', () => {
    const text = '[{"bn":"/3/0/","n":"9","v":95},{"n":"0","vs":"x"}]';
    assert.deepEqual(rows(composite(text, ['/3', '/3/0/9', '/'])), [
      ['/3/0/9', undefined, [['/3/0/9', 'INTEGER', 95]]],
      ['/3', undefined, [['/3/0/0', 'STRING', 'x']]],
    ]);
  });

  it('asked for the root gives objects', () => {
    const content = composite('[{"n":"/3/0/9","v":95},{"n":"/1/0/1","v":1},{"n":"/3/0/0","vs":"x"}]', ['/']);
    assert.deepEqual(rows(content), [
      [
        '/3',
        undefined,
        [
          ['/3/0/9', 'INTEGER', 95],
          ['/3/0/0', 'STRING', 'x'],
        ],
      ],
      ['/1', undefined, [['/1/0/1', 'INTEGER', 1]]],
    ]);
  });

  it('has a fault for each value that nobody asked for', () => {
    const content = composite(answer, ['/3/0/9']);
    assert.deepEqual(rows(content), [['/3/0/9', undefined, [['/3/0/9', 'INTEGER', 95]]]]);
    assert.deepEqual(
      content.faults.map(({ code, details }) => [code, details.path]),
      [
        ['LWM2M_CONTENT', '/3/0/7/0'],
        ['LWM2M_CONTENT', '/3/0/7/1'],
        ['LWM2M_CONTENT', '/1/0/1'],
        ['LWM2M_CONTENT', '/3303/0/5700'],
      ],
    );
    assert.throws(() => composite(answer, ['/5']), { code: 'LWM2M_CONTENT' });
  });

  it('may hold nothing of what was asked for', () => {
    assert.deepEqual(composite('[]', ['/5']), { values: [], faults: [] });
  });

  it('as a Send is one node per resource and time', () => {
    const text =
      '[{"bn":"/3303/0/","bt":1699999990,"n":"5700","v":1},{"n":"5700","t":1,"v":2},{"n":"5701","vs":"Cel"},{"bn":"/3/0/7/","n":"1","v":5},{"n":"0","v":4}]';
    assert.deepEqual(rows(composite(text, undefined)), [
      ['/3303/0/5700', 1_699_999_990_000, [['/3303/0/5700', 'FLOAT', 1]]],
      ['/3303/0/5701', 1_699_999_990_000, [['/3303/0/5701', 'STRING', 'Cel']]],
      [
        '/3/0/7',
        1_699_999_990_000,
        [
          ['/3/0/7/1', 'INTEGER', 5],
          ['/3/0/7/0', 'INTEGER', 4],
        ],
      ],
      ['/3303/0/5700', 1_699_999_991_000, [['/3303/0/5700', 'FLOAT', 2]]],
    ]);
  });

  it('has names with or without the root path of its sender', () => {
    for (const prefix of ['', '/lwm2m', '/d02']) {
      const text = `[{"bn":"${prefix}/3/0/","n":"9","v":95}]`;
      const expected = [['/3/0/9', undefined, [['/3/0/9', 'INTEGER', 95]]]];
      assert.deepEqual(rows(composite(text, ['/3/0/9'], prefix)), expected);
      assert.deepEqual(rows(composite(text.replace(prefix, ''), ['/3/0/9'], prefix)), expected);
    }
    for (const root of ['/', 'd02', '/d02/', '/d02']) {
      const text = `[{"n":"${root.includes('d02') ? '/d02' : ''}/3/0/9","v":95}]`;
      assert.equal(composite(text, ['/3/0/9'], root).values.length, 1, root);
    }
    // A root path ends where a segment ends.
    assert.equal(composite('[{"n":"/33/0/9","v":95}]', ['/33/0/9'], '/3').values.length, 1);
    assert.throws(() => composite('[{"n":"/d03/3/0/9","v":95}]', ['/3/0/9'], '/d02'), { code: 'LWM2M_CONTENT' });
  });

  const integer = (value: number): ResourceValue => ({ type: 'INTEGER', value });
  const values: readonly TimedNode[] = [
    {
      path: parsePath('/3/0/9'),
      timestampMs: 1_699_877_805_766,
      node: { kind: 'resource', id: 9, value: integer(95) },
    },
    {
      path: parsePath('/4/0'),
      timestampMs: undefined,
      node: {
        kind: 'instance',
        id: 0,
        resources: [
          { kind: 'resource', id: 0, value: integer(1) },
          { kind: 'multipleResource', id: 1, type: 'INTEGER', values: new Map([[3, integer(5)]]) },
        ],
      },
    },
    {
      path: parsePath('/3/0/9'),
      timestampMs: 1_600_000_000_000,
      node: { kind: 'resource', id: 9, value: integer(94) },
    },
  ];

  it('is written with values without a time first, each node with its own base', () => {
    assert.equal(
      encodeComposite(JSON_FORMAT, values).toString(),
      '[{"bn":"/4/0/","n":"0","v":1},{"n":"1/3","v":5},{"bn":"/3/0/9","bt":1699877805.766,"v":95},{"bn":"/3/0/9","bt":1600000000,"v":94}]',
    );
    for (const format of [110, 112, 320, 322]) {
      const written = encodeComposite(format, values, '/d02');
      const back = decodeComposite(format, written, [parsePath('/3/0/9'), parsePath('/4/0')], models, NOW_MS, '/d02');
      assert.deepEqual(back, { values: [values[2], values[0], values[1]], faults: [] });
    }
  });

  it('in LwM2M CBOR joins nodes to one map, and has no time', () => {
    const untimed = values.filter(({ timestampMs }) => timestampMs === undefined);
    const other: TimedNode = {
      path: parsePath('/4/1/2'),
      timestampMs: undefined,
      node: { kind: 'resource', id: 2, value: integer(7) },
    };
    const written = encodeComposite(LWM2M_CBOR, [...untimed, other]);
    assert.equal(written.toString('hex'), 'a104a200a2000101a1030501a10207');
    assert.throws(() => encodeComposite(LWM2M_CBOR, values), { code: 'LWM2M_CONTENT' });
  });

  it('is not written when a node, a time or the format does not fit', () => {
    const node: Lwm2mNode = { kind: 'resource', id: 9, value: integer(1) };
    const at = (path: string, timestampMs: number | undefined): TimedNode => ({
      path: parsePath(path),
      timestampMs,
      node,
    });
    for (const timestampMs of [-1, 0, 268_435_455_999, 1.7e12 + 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => encodeComposite(CBOR_FORMAT, [at('/3/0/9', timestampMs)]), { code: 'LWM2M_CONTENT' });
    }
    assert.throws(() => encodeComposite(CBOR_FORMAT, [at('/3/0/8', undefined)]), { code: 'LWM2M_CONTENT' });
    for (const format of [0, 60, 11542, 11543, 65_000]) {
      assert.throws(() => encodeComposite(format, []), { code: 'LWM2M_CONTENT_FORMAT' });
      assert.throws(() => encodePaths(format, []), { code: 'LWM2M_CONTENT_FORMAT' });
      assert.throws(() => decodePaths(format, utf8('[]')), { code: 'LWM2M_CONTENT_FORMAT' });
      const call = () => decodeComposite(format, utf8('[]'), undefined, models, NOW_MS);
      assert.throws(call, { code: 'LWM2M_CONTENT_FORMAT' });
    }
    assert.throws(() => decodePaths(undefined, utf8('[]')), { code: 'LWM2M_CONTENT_FORMAT' });
  });
});

describe('paths of a composite', () => {
  const paths = ['/', '/1', '/3/0', '/3/0/9', '/3/0/7/1'].map(parsePath);

  it('read back as they were written, in order', () => {
    for (const format of [110, 112, 320, 322, 11544]) {
      for (const rootPath of ['', '/lwm2m']) {
        assert.deepEqual(decodePaths(format, encodePaths(format, paths, rootPath), rootPath), paths);
      }
      assert.deepEqual(decodePaths(format, encodePaths(format, [])), []);
    }
  });

  it('are names: as in the table of LwM2M 1.1 that Wakaama pins (data_senml_json_tests.c, test 5)', () => {
    const three = ['/3/0/0', '/3/0/9', '/1/0/1'].map(parsePath);
    const text = '[{"n":"/3/0/0"},{"n":"/3/0/9"},{"n":"/1/0/1"}]';
    assert.equal(encodePaths(JSON_FORMAT, three).toString(), text);
    assert.deepEqual(decodePaths(JSON_FORMAT, utf8(text)), three);
    const hex = '83a100662f332f302f30a100662f332f302f39a100662f312f302f31'; // data_senml_cbor_tests.c, test 5
    assert.equal(encodePaths(CBOR_FORMAT, three).toString('hex'), hex);
    assert.deepEqual(decodePaths(CBOR_FORMAT, Buffer.from(hex, 'hex')), three);
  });

  it('may be base names (Leshan LwM2mNodeDecoderTest, senml_json_decode_path_using_base_name)', () => {
    const text = '[{"bn":"/4/0/","n":"0"},{"n":"1"},{"n":"2"}]';
    assert.deepEqual(decodePaths(JSON_FORMAT, utf8(text)).map(formatPath), ['/4/0/0', '/4/0/1', '/4/0/2']);
    assert.deepEqual(decodePaths(JSON_FORMAT, utf8('[{"bn":"/4/0"}]')).map(formatPath), ['/4/0']);
    assert.deepEqual(decodePaths(JSON_FORMAT, utf8('[{"bn":"/4/"},{"n":"0"}]')).map(formatPath), ['/4/0']);
  });

  it('may be an array of arrays in LwM2M CBOR', () => {
    assert.deepEqual(decodePaths(LWM2M_CBOR, Buffer.from('82820300810 1'.replace(' ', ''), 'hex')).map(formatPath), [
      '/3/0',
      '/1',
    ]);
  });

  it('are refused when one of them is none', () => {
    for (const text of [
      '[{"n":"/x"}]',
      '[{"n":"/1/2/3/4/5"}]',
      '[{"n":"/65535"}]',
      '[{"n":"//1"}]',
      '[5]',
      '{}',
      '[{"n":""}]',
    ]) {
      assert.throws(() => decodePaths(JSON_FORMAT, utf8(text)), { code: 'LWM2M_CONTENT' }, text);
    }
    for (const hex of ['8119ffff', '81820361 78', '05', 'a1820300', 'a183030000 00ff']) {
      const payload = Buffer.from(hex.replace(' ', ''), 'hex');
      assert.throws(() => decodePaths(LWM2M_CBOR, payload), { code: 'LWM2M_CONTENT' }, hex);
    }
  });
});
