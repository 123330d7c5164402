import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PlatformError } from '../../common/errors.ts';
import { CORE_OBJECTS } from '../../lwm2m/model/core-objects.ts';
import { parseDdf } from '../../lwm2m/model/ddf.ts';
import { formatDdf } from '../../lwm2m/model/ddf-writing.ts';
import type { ObjectModel, ResourceModel } from '../../lwm2m/model/object-models.ts';
import { ddfXml } from '../rig/ddf.ts';

const id = fc.integer({ min: 0, max: 65_534 });
/** As XML carries it: no control characters, blanks made one. */
const prose = fc.string({ unit: 'binary', maxLength: 30 }).map((text) =>
  text
    .toWellFormed()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 §2.2 has no place for them
    .replace(/[\u0000-\u001f\ufffe\uffff\ufeff]/g, '')
    .replace(/&#/g, '')
    .replace(/\s+/g, ' ')
    .trim(),
);
const name = prose.filter((text) => text !== '');
const value = fc.constantFrom<Pick<ResourceModel, 'type' | 'unsigned'>>(
  ...(['STRING', 'INTEGER', 'FLOAT', 'BOOLEAN', 'OPAQUE', 'TIME', 'OBJLNK'] as const).map((type) => ({ type })),
  { type: 'INTEGER', unsigned: true },
);
const plain = { noNullPrototype: true };
const traits = { name, description: prose, multiple: fc.boolean(), mandatory: fc.boolean() };
const valued = fc
  .tuple(
    fc.record({ id, ...traits, range: prose, units: prose, operations: fc.constantFrom('R', 'W', 'RW', '') }, plain),
    value,
  )
  .map(([head, type]) => ({ ...head, ...type }) as ResourceModel);
const executed = fc.record({ id, ...traits, range: prose, units: prose, operations: fc.constant('E' as const) }, plain);
const resources = fc.uniqueArray(fc.oneof(valued, executed), { selector: (one) => one.id, maxLength: 12 });
const model = fc
  .record(
    { id, ...traits, version: fc.tuple(fc.nat(99), fc.nat(99)).map((parts) => parts.join('.')), resources },
    plain,
  )
  .map((made): ObjectModel => ({ ...made, resources: new Map(made.resources.map((one) => [one.id, one])) }));

function readsOrRefuses(file: string | Uint8Array): void {
  const started = process.cpuUsage();
  try {
    parseDdf(file);
  } catch (error) {
    assert.ok(error instanceof PlatformError, String(error));
    assert.equal(error.code, 'LWM2M_MODEL');
  }
  assert.ok(process.cpuUsage(started).user < 2_000_000);
}

describe('object definitions in XML, any', () => {
  it('read back as they were written', () => {
    fc.assert(fc.property(model, (made) => assert.deepEqual(parseDdf(formatDdf(made)), [made])));
  });

  it('read back as they were written: the built-in ones', () => {
    for (const built of CORE_OBJECTS) assert.deepEqual(parseDdf(formatDdf(built)), [built]);
  });

  it('are read or refused with the code, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), readsOrRefuses));
    fc.assert(fc.property(fc.string({ maxLength: 300, unit: 'binary' }), readsOrRefuses));
  });

  it('are read or refused with the code, whatever pieces of XML they are made of', () => {
    const pieces = ['<LWM2M>', '</LWM2M>', '<Object>', '</Object>', '<Resources>', '</Resources>', '<Item ID="1">']
      .concat([
        '</Item>',
        '<ObjectID>',
        '1',
        '</ObjectID>',
        '<Name>',
        'x',
        '</Name>',
        '<!--',
        '-->',
        '<![CDATA[',
        ']]>',
      ])
      .concat(['<!DOCTYPE a>', '&amp;', '&', '&#65;', '<', '>', '"', "'", '=', '/>', '<?', '?>', ' ', '\n', '\ufeff']);
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join(''));
    fc.assert(fc.property(text, readsOrRefuses), { numRuns: 2_000 });
  });

  it('are read or refused with the code, when some of their bytes change', () => {
    const whole = Buffer.from(ddfXml({ id: 27000, version: '1.0', resources: [{ id: 1 }, { id: 2, type: 'Time' }] }));
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(changes, (made) => {
        const changed = Buffer.from(whole);
        for (const [at, byte] of made) changed[at] = byte;
        readsOrRefuses(changed);
      }),
      { numRuns: 1_000 },
    );
  });
});
