import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatPath, parsePath, pathOfSegments, pathSegments } from '../../lwm2m/path.ts';
import { resultOrCode } from './coded-errors.ts';
import { anyPath } from './lwm2m-arbitraries.ts';

describe('any path', () => {
  it('reads back as it was written', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        assert.deepEqual(parsePath(formatPath(path)), path);
        assert.deepEqual(pathOfSegments(pathSegments(path)), path);
      }),
    );
  });

  it('is refused with a code, or is written as it was read', () => {
    const nearPath = fc
      .array(fc.constantFrom('/', '0', '1', '65534', '65535', '3303', '.', ' ', '-'))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), nearPath), (text) => {
        const path = resultOrCode(['LWM2M_PATH'], () => parsePath(text));
        if (path !== undefined) assert.equal(formatPath(path), text.startsWith('/') ? text : `/${text}`);
      }),
      { numRuns: 500 },
    );
  });
});
