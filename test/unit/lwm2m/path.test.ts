import assert from 'node:assert/strict';
import { formatPath, isId, MAX_ID, parsePath, pathLevel, pathOfSegments, pathSegments } from '../../../lwm2m/path.ts';

describe('lwm2m path', () => {
  const paths = [
    ['/', {}, 'root'],
    ['/3', { objectId: 3 }, 'object'],
    ['/3303/0', { objectId: 3303, instanceId: 0 }, 'instance'],
    ['/3303/0/5700', { objectId: 3303, instanceId: 0, resourceId: 5700 }, 'resource'],
    ['/3/0/6/65534', { objectId: 3, instanceId: 0, resourceId: 6, resourceInstanceId: 65534 }, 'resourceInstance'],
  ] as const;

  for (const [text, path, level] of paths) {
    it(`reads and writes ${text}, level ${level}`, () => {
      assert.deepEqual(parsePath(text), path);
      assert.equal(formatPath(path), text);
      assert.equal(pathLevel(path), level);
      assert.deepEqual(pathOfSegments(pathSegments(path)), path);
    });
  }

  it('takes a path without its first slash', () => {
    assert.deepEqual(parsePath('3303/0/5700'), { objectId: 3303, instanceId: 0, resourceId: 5700 });
  });

  const refused = [
    '',
    '//',
    '/3/',
    '3/',
    '//3',
    '/3//0',
    '/03',
    '/3/00',
    '/65535',
    '/65536',
    '/99999999999',
    '/-1',
    '/+1',
  ];
  const alsoRefused = [
    '/3/0/1/2/3',
    '/a',
    '/3.0',
    '/1e3',
    '/0x3',
    '/3 ',
    ' /3',
    '/3\n',
    '/３',
    '/3?x',
    '/null',
    '/3/*',
  ];
  for (const text of [...refused, ...alsoRefused]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parsePath(text), { code: 'LWM2M_PATH' });
    });
  }

  it('refuses a path text of any length without splitting it whole', () => {
    assert.throws(() => parsePath('/1'.repeat(1_000_000)), { code: 'LWM2M_PATH' });
  });

  it('does not write a path with a gap or an id out of range', () => {
    for (const path of [
      { instanceId: 0 },
      { objectId: 3, resourceId: 1 },
      { objectId: 65535 },
      { objectId: 1.5 },
      { objectId: -1 },
    ]) {
      assert.throws(() => formatPath(path), { code: 'LWM2M_PATH' });
    }
  });

  it('knows the ids', () => {
    assert.equal(MAX_ID, 65534);
    assert.deepEqual([0, 65534, 65535, -1, 0.5, Number.NaN].map(isId), [true, true, false, false, false, false]);
  });
});
