import assert from 'node:assert/strict';
import { objectLinksOf } from '../../../../connectors/orientdb/object-links.ts';

function read(root: string, ...urls: readonly string[]): { instances: string[]; ignored: number } {
  const { instances, ignored } = objectLinksOf(
    urls.map((url) => ({ url, at: {} })),
    root,
  );
  return { instances: [...instances], ignored };
}

describe('object links of a registration', () => {
  it('are the links of exactly an object and an instance', () => {
    assert.deepEqual(read('/', '/1/0', '/3303/1', '/3303/1'), { instances: ['1/0', '3303/1'], ignored: 0 });
  });

  it('are not the root and objects without an instance, which is no fault', () => {
    assert.deepEqual(read('/', '/', '', '/3', '/3/'), { instances: [], ignored: 0 });
  });

  it('are not paths that are no LwM2M paths, which is counted', () => {
    const urls = [
      '/a/b',
      '/3/0/1',
      '3/0',
      '/3/0x1',
      '/3/-1',
      '/65535/0',
      '/3/65535',
      '/99999/0',
      '/3//0',
      'coap://x/3/0',
      '/3/٣',
    ];
    assert.deepEqual(read('/', ...urls), { instances: [], ignored: urls.length });
  });

  it('stand below the root when there is one', () => {
    for (const root of ['/lwm2m', 'lwm2m', '/lwm2m/', 'lwm2m/'])
      assert.deepEqual(read(root, '/lwm2m', '/lwm2m/', '/lwm2m/3/0', '/3/0', '/lwm2mx/3/0'), {
        instances: ['3/0'],
        ignored: 2,
      });
  });

  it('are the same however a device writes its numbers', () => {
    assert.deepEqual(read('', '/03/00'), { instances: ['3/0'], ignored: 0 });
  });
});
