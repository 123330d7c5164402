import assert from 'node:assert/strict';
import { CONTENT_FORMATS } from '../../../../lwm2m/content/content-formats.ts';
import { decodePaths } from '../../../../lwm2m/content/timed-content.ts';
import { formatPath } from '../../../../lwm2m/path.ts';
import {
  compositeKey,
  fetchRequest,
  isCompositeKey,
  MAX_COMPOSITE_PATHS,
  parseCompositePaths,
  writeCompositeRequest,
} from '../../../../lwm2m-server/operation/composite.ts';

const SINGLE = 'io.zeelos.leshan.avro.resource.AvroResource';
const JSON_NUMBER = CONTENT_FORMATS.SENML_JSON.number;
const paths = (...texts: string[]) => parseCompositePaths(texts);

describe('composite operations', () => {
  it('names the same paths by one key in whatever order, which no plain path has', () => {
    const key = compositeKey(paths('/3303/0/5700', '/3/0/9'));
    assert.equal(key, '/3/0/9,/3303/0/5700');
    assert.equal(compositeKey(paths('/3/0/9', '/3303/0/5700')), key);
    assert.equal(compositeKey(paths('/3/0/9')), '/3/0/9,');
    assert.deepEqual([key, '/3/0/9,', '/3/0/9'].map(isCompositeKey), [true, true, false]);
  });

  it('fetches the paths in the body, on any level, under the root path of the device', () => {
    const asked = paths('/3303', '/3/0', '/3/0/9', '/3/0/7/0');
    for (const name of ['SENML_JSON', 'SENML_CBOR', 'LWM2M_CBOR'] as const) {
      const { number } = CONTENT_FORMATS[name];
      const { payload, ...request } = fetchRequest(asked, number, '');
      assert.deepEqual(request, { method: 'FETCH', contentFormat: number, accept: number });
      assert.deepEqual(decodePaths(number, payload!).map(formatPath).sort(), asked.map(formatPath).sort());
    }
    const below = JSON.parse(Buffer.from(fetchRequest(paths('/3/0/9'), JSON_NUMBER, '/lwm2m').payload!).toString());
    assert.deepEqual(below, [{ n: '/lwm2m/3/0/9' }]);
  });

  it('writes several nodes in one iPATCH', () => {
    const content = (id: number, path: string, double: number) => ({
      path,
      content: { [SINGLE]: { id, path, kind: 'SINGLE_RESOURCE', type: 'FLOAT', value: { double } } as const },
    });
    const nodes = [content(5700, '/3303/0/5700', 1.5), content(0, '/3/0/7/0', 2)];
    const request = writeCompositeRequest(nodes, JSON_NUMBER, '');
    assert.equal(request.method, 'iPATCH');
    assert.deepEqual(decodePaths(JSON_NUMBER, request.payload!).map(formatPath), ['/3303/0/5700', '/3/0/7/0']);
    const records = JSON.parse(Buffer.from(request.payload!).toString()) as { v: number }[];
    assert.deepEqual(
      records.map(({ v }) => v),
      [1.5, 2],
    );
    for (const wrong of [content(1, '/3303/0/5700', 1), content(0, '/3303/0', 1), content(0, '/', 1)])
      assert.throws(() => writeCompositeRequest([wrong], JSON_NUMBER, ''), { code: 'LWM2M_REQUEST' });
    assert.throws(() => writeCompositeRequest([content(0, 'x', 1)], JSON_NUMBER, ''), { code: 'LWM2M_PATH' });
    assert.throws(() => writeCompositeRequest(nodes, CONTENT_FORMATS.TLV.number, ''), { code: 'LWM2M_CONTENT_FORMAT' });
  });

  it('refuses no paths, too many, the same twice, and what is no path', () => {
    const many = Array.from({ length: MAX_COMPOSITE_PATHS + 1 }, (_, id) => `/3303/${id}`);
    for (const texts of [[], many, ['/3/0', '3/0']]) {
      assert.throws(() => parseCompositePaths(texts), { code: 'LWM2M_REQUEST' });
    }
    assert.throws(() => parseCompositePaths(['/3/0/x']), { code: 'LWM2M_PATH' });
    assert.equal(parseCompositePaths(many.slice(1)).length, MAX_COMPOSITE_PATHS);
  });
});
