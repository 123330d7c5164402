import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeContent, encodeContent } from '../../lwm2m/content/codec.ts';
import { formatDecimal, parseDecimal } from '../../lwm2m/content/text.ts';
import { resourceIdOf, TEST_MODELS, TEST_OBJECT } from '../vectors/lwm2m-vectors.ts';
import { resultOrCode } from './coded-errors.ts';
import { anyType, anyValue } from './lwm2m-arbitraries.ts';

const TEXT = 0;
const OPAQUE = 42;
const pathOf = (resourceId: number) => ({ objectId: TEST_OBJECT, instanceId: 0, resourceId });

describe('any text', () => {
  it('reads back as it was written', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const id = resourceIdOf(value.type);
        const node = { kind: 'resource', id, value } as const;
        const text = resultOrCode(['LWM2M_CONTENT'], () => encodeContent(TEXT, node, pathOf(id)));
        if (text === undefined) assert.ok(value.type === 'FLOAT' && !Number.isFinite(value.value));
        else assert.deepEqual(decodeContent(TEXT, text, pathOf(id), TEST_MODELS), node);
      }),
      { numRuns: 1000 },
    );
  });

  it('of opaque bytes reads back as it was written', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const id = resourceIdOf('OPAQUE');
        const node = { kind: 'resource', id, value: { type: 'OPAQUE', value: Buffer.from(bytes) } } as const;
        const payload = encodeContent(OPAQUE, node, pathOf(id));
        assert.deepEqual(decodeContent(OPAQUE, payload, pathOf(id), TEST_MODELS), node);
      }),
    );
  });

  it('is refused with a code, or is a value that reads the same once written', () => {
    const nearNumber = fc
      .array(fc.constantFrom('0', '1', '9', '-', '+', '.', 'e', ':', ' ', 'x', '='))
      .map((parts) => Buffer.from(parts.join('')));
    fc.assert(
      fc.property(anyType, fc.oneof(nearNumber, fc.uint8Array()), (type, payload) => {
        const path = pathOf(resourceIdOf(type));
        const node = resultOrCode(['LWM2M_CONTENT'], () => decodeContent(TEXT, payload, path, TEST_MODELS));
        if (node === undefined) return;
        assert.deepEqual(decodeContent(TEXT, encodeContent(TEXT, node, path), path, TEST_MODELS), node);
      }),
      { numRuns: 2000 },
    );
  });

  it('of a finite number has no exponent and reads back', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = formatDecimal(value);
        assert.match(text ?? '', /^-?[0-9]+(\.[0-9]+)?$/);
        assert.equal(parseDecimal(text ?? ''), value);
      }),
      { numRuns: 1000 },
    );
  });
});
