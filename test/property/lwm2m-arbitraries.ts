import fc from 'fast-check';
import { type ObjectInstance, RESOURCE_TYPES, type Resource, type ResourceValue } from '../../lwm2m/content/node.ts';
import type { Lwm2mPath } from '../../lwm2m/path.ts';
import { resourceIdOf } from '../vectors/lwm2m-vectors.ts';

/** Records that deepEqual takes for object literals. */
export function plainRecord<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

export const anyId = fc.integer({ min: 0, max: 65534 });
const linkId = fc.integer({ min: 0, max: 65535 });
const lastSecond = Math.floor(Number.MAX_SAFE_INTEGER / 1000);
const wellFormed = fc.string({ unit: 'binary' }); // whole code points of all planes

const INTEGERS = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
});

const VALUES = {
  STRING: wellFormed.map((value) => ({ type: 'STRING' as const, value })),
  INTEGER: fc
    .oneof(INTEGERS, fc.maxSafeInteger(), fc.integer())
    .map((value) => ({ type: 'INTEGER' as const, value: value === 0 ? 0 : value })),
  FLOAT: fc.oneof(fc.double(), fc.float()).map((value) => ({ type: 'FLOAT' as const, value })),
  BOOLEAN: fc.boolean().map((value) => ({ type: 'BOOLEAN' as const, value })),
  OPAQUE: fc.uint8Array({ maxLength: 300 }).map((value) => ({ type: 'OPAQUE' as const, value: Buffer.from(value) })),
  TIME: fc
    .integer({ min: -lastSecond, max: lastSecond })
    .map((s) => ({ type: 'TIME' as const, value: s === 0 ? 0 : s * 1000 })),
  OBJLNK: plainRecord({ objectId: linkId, instanceId: linkId }).map((value) => ({ type: 'OBJLNK' as const, value })),
} satisfies Record<ResourceValue['type'], fc.Arbitrary<ResourceValue>>;

export const anyType = fc.constantFrom(...RESOURCE_TYPES);
export const anyValue: fc.Arbitrary<ResourceValue> = anyType.chain((type): fc.Arbitrary<ResourceValue> => VALUES[type]);

const anyResource: fc.Arbitrary<Resource> = anyType.chain((type): fc.Arbitrary<Resource> => {
  const id = resourceIdOf(type);
  const single = (VALUES[type] as fc.Arbitrary<ResourceValue>).map((value) => ({
    kind: 'resource' as const,
    id,
    value,
  }));
  const values = fc.uniqueArray(fc.tuple(anyId, VALUES[type] as fc.Arbitrary<ResourceValue>), {
    selector: ([key]) => key,
    maxLength: 6,
  });
  const multiple = values.map((entries) => ({ kind: 'multipleResource' as const, id, type, values: new Map(entries) }));
  return fc.oneof(single, multiple);
});

/** Instances of the test object, whose resource ids tell their types. */
export const anyInstance: fc.Arbitrary<ObjectInstance> = plainRecord({
  kind: fc.constant('instance' as const),
  id: anyId,
  resources: fc.uniqueArray(anyResource, { selector: (resource) => resource.id }),
});

export const anyPath: fc.Arbitrary<Lwm2mPath> = fc.array(anyId, { maxLength: 4 }).map((ids) => {
  const names = ['objectId', 'instanceId', 'resourceId', 'resourceInstanceId'] as const;
  return Object.fromEntries(ids.map((id, level) => [names[level]!, id]));
});
