import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeContent, encodeContent } from '../../lwm2m/content/codec.ts';
import type { Lwm2mNode, ObjectInstance, Resource } from '../../lwm2m/content/node.ts';
import {
  decodeComposite,
  decodePaths,
  decodeTimedContent,
  encodeComposite,
  encodePaths,
  type TimedNode,
} from '../../lwm2m/content/timed-content.ts';
import { coreObjectModels } from '../../lwm2m/model/core-objects.ts';
import type { Lwm2mPath } from '../../lwm2m/path.ts';
import { TEST_MODELS, TEST_OBJECT } from '../vectors/lwm2m-vectors.ts';
import { resultOrCode } from './coded-errors.ts';
import { anyInstance, anyPath } from './lwm2m-arbitraries.ts';

const FORMATS = {
  'SenML JSON': 110,
  'SenML CBOR': 112,
  'SenML-ETCH JSON': 320,
  'SenML-ETCH CBOR': 322,
  'old JSON': 11543,
  'LwM2M CBOR': 11544,
};
const COMPOSITE_FORMATS = [110, 112, 320, 322, 11544];
const LWM2M_CBOR = 11544;
const NOW_MS = 1_700_000_000_000;
const REFUSALS = ['LWM2M_CONTENT'] as const;
const object = { objectId: TEST_OBJECT };

/** What the formats can carry: finite floats; multiple resources that hold something, where emptiness has no form. */
function carried(instance: ObjectInstance, format: number): ObjectInstance {
  const resources = instance.resources
    .filter(isAllFinite)
    .filter((resource) => format === LWM2M_CBOR || isFilled(resource));
  return { ...instance, resources };
}

function isAllFinite(resource: Resource): boolean {
  const values = resource.kind === 'resource' ? [resource.value] : [...resource.values.values()];
  return values.every(({ type, value }) => type !== 'FLOAT' || Number.isFinite(value));
}

function isFilled(resource: Resource): boolean {
  return resource.kind === 'resource' || resource.values.size > 0;
}

/** Ids as numbers stand in ascending order in JavaScript objects, but nodes keep the order of the payload. */
function roundTrip(format: number, node: Lwm2mNode, path: Lwm2mPath): void {
  const payload = encodeContent(format, node, path);
  assert.deepEqual(decodeContent(format, payload, path, TEST_MODELS), node);
  const timed = decodeTimedContent(format, payload, path, TEST_MODELS, NOW_MS);
  assert.deepEqual(timed, { values: [{ path, timestampMs: undefined, node }], faults: [] });
}

describe('any content of records', () => {
  for (const [name, format] of Object.entries(FORMATS)) {
    it(`in ${name} reads back as it was written: object, instance, resource, resource instance`, () => {
      fc.assert(
        fc.property(anyInstance, (any) => {
          const instance = carried(any, format);
          const path = { ...object, instanceId: instance.id };
          roundTrip(format, instance, path);
          if (instance.resources.length > 0 || format === LWM2M_CBOR) {
            roundTrip(format, { kind: 'object', id: TEST_OBJECT, instances: [instance] }, object);
          }
          for (const resource of instance.resources) {
            const at = { ...path, resourceId: resource.id };
            roundTrip(format, resource, at);
            if (resource.kind === 'resource') continue;
            for (const [id, value] of resource.values) {
              roundTrip(format, { kind: 'resource', id, value }, { ...at, resourceInstanceId: id });
            }
          }
        }),
      );
    });
  }

  it('with an infinite float or none is not written', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(FORMATS), 60),
        fc.constantFrom(Number.NaN, Infinity, -Infinity),
        (format, value) => {
          const node = { kind: 'resource', id: 1, value: { type: 'FLOAT', value } } as const;
          assert.throws(() => encodeContent(format, node, { ...object, instanceId: 0, resourceId: 1 }), {
            code: 'LWM2M_CONTENT',
          });
        },
      ),
    );
  });

  it('of a single value reads back as CBOR too', () => {
    fc.assert(
      fc.property(anyInstance, (instance) => {
        for (const resource of instance.resources.filter(isAllFinite)) {
          if (resource.kind !== 'resource') continue;
          const path = { ...object, instanceId: 0, resourceId: resource.id };
          assert.deepEqual(decodeContent(60, encodeContent(60, resource, path), path, TEST_MODELS), resource);
        }
      }),
    );
  });
});

describe('any composite', () => {
  const firstMs = 268_435_456_000;
  const anyTime = fc.option(fc.integer({ min: firstMs, max: 4 * 10 ** 12 }), { nil: undefined });

  it('reads back as it was written, resource by resource as a Send, by asked paths as an answer', () => {
    const times = fc.uniqueArray(anyTime, { maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...COMPOSITE_FORMATS), anyInstance, times, (format, any, stamps) => {
        const instance = carried(any, 110);
        const path = { ...object, instanceId: instance.id };
        const values: TimedNode[] = (format === LWM2M_CBOR ? [undefined] : stamps).flatMap((timestampMs) =>
          instance.resources.map((node) => ({ path: { ...path, resourceId: node.id }, timestampMs, node })),
        );
        const payload = encodeComposite(format, values);
        const expected = values.toSorted((a, b) => (a.timestampMs ?? Infinity) - (b.timestampMs ?? Infinity) || 0);
        assert.deepEqual(decodeComposite(format, payload, undefined, TEST_MODELS, NOW_MS), {
          values: expected,
          faults: [],
        });
        const paths = values.map(({ path }) => path);
        assert.deepEqual(decodeComposite(format, payload, paths, TEST_MODELS, NOW_MS), {
          values: expected,
          faults: [],
        });
      }),
    );
  });

  it('has paths that read back as they were written', () => {
    const roots = fc.constantFrom('', '/lwm2m', '/d02');
    fc.assert(
      fc.property(
        fc.constantFrom(...COMPOSITE_FORMATS),
        fc.array(anyPath, { maxLength: 8 }),
        roots,
        (format, paths, root) => {
          assert.deepEqual(decodePaths(format, encodePaths(format, paths, root), root), paths);
        },
      ),
    );
  });
});

describe('any bytes as content of records', () => {
  const models = coreObjectModels();
  const paths: readonly Lwm2mPath[] = [
    { objectId: 3 },
    { objectId: 3, instanceId: 0 },
    { objectId: 3, instanceId: 0, resourceId: 9 },
    { objectId: 3, instanceId: 0, resourceId: 7, resourceInstanceId: 1 },
    { ...object, instanceId: 0 },
  ];
  const anyOf = fc.constantFrom(...paths);
  const anyFormat = fc.constantFrom(60, ...Object.values(FORMATS));

  /** Reads in all ways; each result must itself be writable in its format, or hold what only reading knows. */
  function readAll(format: number, payload: Uint8Array, path: Lwm2mPath): void {
    const node = resultOrCode([...REFUSALS, 'LWM2M_CONTENT_FORMAT'], () =>
      decodeContent(format, payload, path, models),
    );
    if (node !== undefined) {
      assert.deepEqual(decodeContent(format, encodeContent(format, node, path), path, models), withoutFractions(node));
    }
    resultOrCode([...REFUSALS, 'LWM2M_CONTENT_FORMAT'], () =>
      decodeTimedContent(format, payload, path, models, NOW_MS),
    );
    for (const asked of [undefined, paths, [{}]]) {
      const refusals = [...REFUSALS, 'LWM2M_CONTENT_FORMAT'] as const;
      const content = resultOrCode(refusals, () => decodeComposite(format, payload, asked, models, NOW_MS));
      for (const fault of content?.faults ?? []) assert.equal(fault.code, 'LWM2M_CONTENT');
    }
    resultOrCode([...REFUSALS, 'LWM2M_CONTENT_FORMAT'], () => decodePaths(format, payload));
  }

  /** TIME is written in whole seconds, and an empty multiple resource not at all. */
  function withoutFractions(node: Lwm2mNode): Lwm2mNode {
    if (node.kind === 'object')
      return { ...node, instances: node.instances.map((one) => withoutFractions(one) as ObjectInstance) };
    if (node.kind === 'instance')
      return { ...node, resources: node.resources.map((one) => withoutFractions(one) as Resource) };
    if (node.kind === 'multipleResource') return node;
    const { value } = node;
    return value.type === 'TIME'
      ? { ...node, value: { type: 'TIME', value: Math.floor(value.value / 1000) * 1000 } }
      : node;
  }

  it('give a value or a coded refusal', () => {
    fc.assert(
      fc.property(anyFormat, fc.uint8Array({ maxLength: 200 }), anyOf, (format, payload, path) => {
        readAll(format, payload, path);
      }),
      { numRuns: 3000 },
    );
  });

  // Bytes that often make sense, so that random payloads come far.
  const nearCbor = fc
    .array(
      fc.oneof(
        fc.constantFrom('81', '82', '9f', 'bf', 'ff', 'a1', 'a2', 'a3', '03', '00', '09', '07', '01', '02', '04', '08'),
        fc.constantFrom(
          '21',
          '22',
          '06',
          '20',
          '24',
          'f4',
          'f5',
          'f6',
          'f93c00',
          'fb7ff0000000000000',
          'c1',
          'c482',
          'c2',
        ),
        fc.constantFrom(
          '652f332f302f',
          '662f332f302f39',
          '6139',
          '6338',
          '5f',
          '7f',
          '1bffffffffffffffff',
          '63766c6f',
          '83030009',
        ),
        fc.nat(255).map((byte) => byte.toString(16).padStart(2, '0')),
      ),
      { maxLength: 24 },
    )
    .map((parts) => Buffer.from(parts.join(''), 'hex'));

  it('that look like CBOR give a value or a coded refusal', () => {
    fc.assert(fc.property(fc.constantFrom(60, 112, 322, LWM2M_CBOR), nearCbor, anyOf, readAll), { numRuns: 5000 });
  });

  const scalar = fc.oneof(
    fc.constantFrom('/3/0/', '/3/0/9', '9', '7/1', '', '1:2', 'AQ==', null, true),
    fc.double(),
    fc.maxSafeInteger(),
  );
  const nearJson = fc.array(
    fc.dictionary(
      fc.constantFrom(
        'bn',
        'n',
        'bt',
        't',
        'v',
        'vs',
        'vb',
        'vd',
        'vlo',
        'bv',
        's',
        'bs',
        'bver',
        'sv',
        'ov',
        'e',
        '__proto__',
      ),
      scalar,
      {
        maxKeys: 4,
      },
    ),
    { maxLength: 5 },
  );

  it('that look like JSON give a value or a coded refusal', () => {
    fc.assert(
      fc.property(nearJson, anyOf, (records, path) => {
        readAll(110, Buffer.from(JSON.stringify(records)), path);
        readAll(11543, Buffer.from(JSON.stringify({ ...records[0], e: records })), path);
      }),
      { numRuns: 3000 },
    );
  });

  it('made of a good payload by one change or a cut give a value or a coded refusal', () => {
    const change = fc.record({ at: fc.nat(), to: fc.nat(255), keep: fc.nat() });
    fc.assert(
      fc.property(anyFormat, anyInstance, change, (format, any, { at, to, keep }) => {
        if (format === 60) return;
        const path = { ...object, instanceId: any.id };
        const payload = encodeContent(format, carried(any, format), path);
        const cut = payload.subarray(0, keep % (payload.length + 1));
        resultOrCode(REFUSALS, () => decodeTimedContent(format, cut, path, TEST_MODELS, NOW_MS));
        payload[at % payload.length] = to;
        resultOrCode(REFUSALS, () => decodeTimedContent(format, payload, path, TEST_MODELS, NOW_MS));
        resultOrCode(REFUSALS, () =>
          decodeComposite(format === 11543 ? 110 : format, payload, undefined, TEST_MODELS, NOW_MS),
        );
      }),
      { numRuns: 2000 },
    );
  });
});
