import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeContent, encodeContent } from '../../lwm2m/content/codec.ts';
import { decodeTlv, encodeTlv } from '../../lwm2m/content/tlv.ts';
import { coreObjectModels } from '../../lwm2m/model/core-objects.ts';
import { TEST_MODELS, TEST_OBJECT } from '../vectors/lwm2m-vectors.ts';
import { resultOrCode } from './coded-errors.ts';
import { anyInstance } from './lwm2m-arbitraries.ts';

const TLV = 11542;
const REFUSALS = ['LWM2M_TLV', 'LWM2M_CONTENT'] as const;
const object = { objectId: TEST_OBJECT };

describe('any TLV', () => {
  it('reads back as it was written: instance, object, resource, resource instance', () => {
    fc.assert(
      fc.property(anyInstance, (instance) => {
        const path = { ...object, instanceId: instance.id };
        assert.deepEqual(decodeContent(TLV, encodeContent(TLV, instance, path), path, TEST_MODELS), instance);
        const node = { kind: 'object', id: TEST_OBJECT, instances: [instance] } as const;
        assert.deepEqual(decodeContent(TLV, encodeContent(TLV, node, object), object, TEST_MODELS), node);
        for (const resource of instance.resources) {
          const at = { ...path, resourceId: resource.id };
          assert.deepEqual(decodeContent(TLV, encodeContent(TLV, resource, at), at, TEST_MODELS), resource);
          if (resource.kind === 'resource') continue;
          for (const [id, value] of resource.values) {
            const inner = { ...at, resourceInstanceId: id };
            const one = { kind: 'resource', id, value } as const;
            assert.deepEqual(decodeContent(TLV, encodeContent(TLV, one, inner), inner, TEST_MODELS), one);
          }
        }
      }),
    );
  });

  // Type bytes that often make sense, so that random payloads come far.
  const nearTlv = fc
    .array(
      fc.oneof(fc.constantFrom(0x08, 0xc1, 0xc8, 0x41, 0x84, 0x88, 0xe4, 0xc0, 0x80, 0x00, 1, 2, 3, 4), fc.nat(255)),
      { maxLength: 60 },
    )
    .map((bytes) => Buffer.from(bytes));

  it('is refused with a code, or has entries that read the same once written', () => {
    fc.assert(
      fc.property(fc.oneof(nearTlv, fc.uint8Array({ maxLength: 400 })), (payload) => {
        const entries = resultOrCode(['LWM2M_TLV'], () => decodeTlv(payload));
        if (entries === undefined) return;
        const written = encodeTlv(entries);
        assert.ok(written.length <= payload.length);
        assert.deepEqual(withoutOffsets(decodeTlv(written)), withoutOffsets(entries));
      }),
      { numRuns: 2000 },
    );
  });

  it('at any path is refused with a code, or is a node that reads the same once written', () => {
    const models = coreObjectModels();
    const paths = [{ objectId: 3 }, { objectId: 3, instanceId: 0 }, { objectId: 3303, instanceId: 1, resourceId: 1 }];
    const anyOf = fc.constantFrom(...paths, { objectId: 3, instanceId: 0, resourceId: 7, resourceInstanceId: 1 });
    fc.assert(
      fc.property(nearTlv, anyOf, (payload, path) => {
        const node = resultOrCode(REFUSALS, () => decodeContent(TLV, payload, path, models));
        if (node === undefined) return;
        assert.deepEqual(decodeContent(TLV, encodeContent(TLV, node, path), path, models), node);
      }),
      { numRuns: 3000 },
    );
  });

  it('with one byte changed is refused with a code or read, never worse', () => {
    const change = fc.record({ at: fc.nat(), to: fc.nat(255), keep: fc.nat() });
    fc.assert(
      fc.property(anyInstance, change, (instance, { at, to, keep }) => {
        const path = { ...object, instanceId: instance.id };
        const payload = encodeContent(TLV, instance, path);
        if (payload.length === 0) return;
        payload[at % payload.length] = to;
        resultOrCode(REFUSALS, () => decodeContent(TLV, payload, path, TEST_MODELS));
        const cut = payload.subarray(0, keep % payload.length);
        resultOrCode(REFUSALS, () => decodeContent(TLV, cut, path, TEST_MODELS));
      }),
      { numRuns: 500 },
    );
  });
});

function withoutOffsets(entries: unknown): unknown {
  return JSON.parse(JSON.stringify(entries, (key, value) => (key === 'offset' ? 0 : value)));
}
