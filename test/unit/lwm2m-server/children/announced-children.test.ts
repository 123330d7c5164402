import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Lwm2mNode } from '../../../../lwm2m/content/node.ts';
import { announcedChildren, CHILDREN_LIMIT, isPrefix } from '../../../../lwm2m-server/children/announced-children.ts';
import { parseAnnouncement } from '../../../../lwm2m-server/registration/announced-objects.ts';

const GATEWAY = { endpointName: 'gw', rootPath: '/', contentFormats: [110] };
const NONE = { limit: 0, prefix: 0, name: 0, duplicate: 0, objects: 0 };

type Row = readonly [id: number, deviceId: string | undefined, prefix: string | undefined, objects?: string];

function object(rows: readonly Row[]): Lwm2mNode {
  const text = (id: number, value: string | undefined) =>
    value === undefined ? [] : [{ kind: 'resource', id, value: { type: 'STRING', value } } as const];
  const instances = rows.map(([id, deviceId, prefix, objects]) => ({
    kind: 'instance' as const,
    id,
    resources: [...text(0, deviceId), ...text(1, prefix), ...text(3, objects)],
  }));
  return { kind: 'object', id: 25, instances };
}

const namesOf = (rows: readonly Row[], gateway = GATEWAY) => {
  const { children, leftOut } = announcedChildren(object(rows), gateway);
  return { names: [...children.values()].map(({ endpointName, prefix }) => [endpointName, prefix]), leftOut };
};

describe('lwm2m-server/children/announced-children', () => {
  it('names a child below its gateway, by its id, else by its prefix', () => {
    const rows: Row[] = [
      [0, 'urn:dev:1', 'a'],
      [1, undefined, 'b'],
      [2, '', 'c'],
      [3, 'bad\u0000id', 'd'],
      [4, 'x'.repeat(300), 'e'],
    ];
    assert.deepEqual(namesOf(rows), {
      names: [
        ['gw/urn:dev:1', 'a'],
        ['gw/b', 'b'],
        ['gw/c', 'c'],
        ['gw/d', 'd'],
        ['gw/e', 'e'],
      ],
      leftOut: NONE,
    });
    assert.equal(namesOf([[0, 'i', 'p']], { ...GATEWAY, endpointName: 'g'.repeat(255) }).leftOut.name, 1);
  });

  it('leaves out prefixes that no path can begin with', () => {
    for (const bad of [
      undefined,
      '',
      '3',
      '65534',
      '.',
      '..',
      'a/b',
      '/a',
      'a b',
      'a,b',
      'ä',
      '\u0000',
      'a?b',
      '%41',
      'x'.repeat(65),
    ])
      assert.deepEqual(namesOf([[0, 'i', bad]]), { names: [], leftOut: { ...NONE, prefix: 1 } }, String(bad));
    for (const good of ['d02', '3a', 'a.b', '-', 'x'.repeat(64)]) assert.ok(isPrefix(good), good);
  });

  it('gives a repeated prefix, and a repeated id, to the lowest instance', () => {
    const rows: Row[] = [
      [7, 'one', 'b'],
      [1, 'one', 'a'],
      [2, 'two', 'a'],
      [3, 'a', 'c'],
      [4, '', 'one'],
    ];
    assert.deepEqual(namesOf(rows), {
      names: [
        ['gw/one', 'a'],
        ['gw/a', 'c'],
      ],
      leftOut: { ...NONE, duplicate: 3 },
    });
  });

  it('takes in so many of a gateway', () => {
    const rows = Array.from({ length: CHILDREN_LIMIT + 9 }, (_, id): Row => [id, `i${id}`, `p${id}`]);
    const { names, leftOut } = namesOf(rows);
    assert.deepEqual([names.length, leftOut], [CHILDREN_LIMIT, { ...NONE, limit: 9 }]);
  });

  const linksOf = (objects: string, gateway = GATEWAY) => {
    const { children, leftOut } = announcedChildren(object([[0, 'i', 'd02', objects]]), gateway);
    const { rootPath, instances, objectVersions, contentFormats } = parseAnnouncement(children.get('gw/i')!.linkText);
    const ids = [...instances].map(([id, of]) => [id, ...of]);
    return { rootPath, ids, versions: [...objectVersions], contentFormats, faults: leftOut.objects };
  };

  it('reads the list of objects with the prefix or without it', () => {
    const expected = {
      rootPath: '/d02',
      ids: [
        [3, 0],
        [3303, 0, 1],
      ],
      versions: [[3, '1.1']],
      contentFormats: [110],
      faults: 0,
    };
    assert.deepEqual(linksOf('</3>;ver=1.1,</3/0>,</3303/0>,</3303/1>'), expected);
    assert.deepEqual(linksOf('</d02/3>;ver=1.1,</d02/3/0>,</d02/3303/0>,</d02/3303/1>'), expected);
  });

  it('puts the prefix after the root path of the gateway', () => {
    const gateway = { ...GATEWAY, rootPath: '/lwm2m' };
    const expected = { rootPath: '/lwm2m/d02', ids: [[3, 0]], versions: [], contentFormats: [110], faults: 0 };
    for (const objects of ['</3/0>', '</d02/3/0>', '</lwm2m/d02/3/0>'])
      assert.deepEqual(linksOf(objects, gateway), expected);
  });

  it('takes in a device whose list says nothing of use, without objects', () => {
    const bare = { rootPath: '/d02', ids: [], versions: [], contentFormats: [110], faults: 0 };
    assert.deepEqual(linksOf(''), bare);
    assert.deepEqual(linksOf('</70000/0>,</x/y>,</../3/0>'), bare);
    assert.deepEqual(linksOf('</3/0'), { ...bare, faults: 1 });
    assert.deepEqual(linksOf('</>;rt="oma.lwm2m";ct=112,</3/0>'), { ...bare, ids: [[3, 0]], contentFormats: [112] });
  });

  it('has names and prefixes that stand once, whatever is announced', () => {
    const row = fc.tuple(
      fc.nat({ max: 65_534 }),
      fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a', 'b')),
      fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a', 'b', '3', 'd02')),
      fc.oneof(fc.string(), fc.constant('</3/0>')),
    );
    fc.assert(
      fc.property(fc.array(row, { maxLength: 20 }), (rows) => {
        const { children, leftOut } = announcedChildren(object(rows), GATEWAY);
        const { objects, ...others } = leftOut;
        assert.equal(children.size + Object.values(others).reduce((sum, one) => sum + one, 0), rows.length);
        assert.equal(new Set([...children.values()].map(({ prefix }) => prefix)).size, children.size);
        assert.ok(objects <= children.size);
        for (const { endpointName, linkText, prefix } of children.values()) {
          assert.ok(endpointName.startsWith('gw/'));
          assert.equal(parseAnnouncement(linkText).rootPath, `/${prefix}`);
        }
      }),
    );
  });
});
