import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { CORE_OBJECTS, coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import { defineObject } from '../../../../lwm2m/model/definition.ts';
import { type ObjectModel, ObjectModels, type ResourceModel } from '../../../../lwm2m/model/object-models.ts';
import { readVectors } from '../../../vectors/lwm2m-vectors.ts';

const modelOf = (id: number, version: string, name = 'n'): ObjectModel =>
  defineObject({ id, name, version, occurrence: 'SO', description: '' }, []);

describe('object models', () => {
  const models = new ObjectModels([
    modelOf(9, '1.0'),
    modelOf(3, '1.2'),
    modelOf(3, '2.0'),
    modelOf(3, '1.10'),
    modelOf(3, '1.1'),
  ]);

  it('gives the newest version where none is asked for', () => assert.equal(models.object(3)?.version, '2.0'));

  const versions = [
    { asked: '1.1', found: '1.1', fit: 'exact', why: 'held' },
    { asked: '1.10', found: '1.10', fit: 'exact', why: 'held' },
    { asked: '2.0', found: '2.0', fit: 'exact', why: 'held' },
    { asked: '1.0', found: '1.1', fit: 'near', why: 'the next newer of the same major version' },
    { asked: '1.3', found: '1.10', fit: 'near', why: 'the next newer of the same major version' },
    { asked: '1.99', found: '1.10', fit: 'near', why: 'none is newer, so the next older' },
    { asked: '2.1', found: '2.0', fit: 'near', why: 'none is newer, so the next older' },
    { asked: '3.0', found: '2.0', fit: 'other', why: 'none of that major version, so the newest' },
    { asked: '', found: '2.0', fit: 'other', why: 'no version at all' },
    { asked: 'x', found: '2.0', fit: 'other', why: 'no version at all' },
  ];
  for (const { asked, found, fit, why } of versions) {
    it(`gives ${found} for ${JSON.stringify(asked)}: ${why}`, () => {
      assert.equal(models.object(3, asked)?.version, found);
      assert.equal(models.versionFit(3, asked), fit);
    });
  }

  it('knows nothing of other objects', () => {
    assert.equal(models.object(4), undefined);
    assert.equal(models.object(4, '1.0'), undefined);
    assert.equal(models.resource(4, 0), undefined);
    assert.equal(models.resource(3, 0), undefined);
    assert.equal(models.versionFit(4, '1.0'), 'unknown');
  });

  it('lists all by id, newest first', () => {
    const listed = models.all().map((model) => `${model.id} ${model.version}`);
    assert.deepEqual(listed, ['3 2.0', '3 1.10', '3 1.2', '3 1.1', '9 1.0']);
  });

  it('lets a later definition replace an earlier one', () => {
    assert.equal(new ObjectModels([modelOf(3, '1.0', 'old'), modelOf(3, '1.0', 'new')]).object(3)?.name, 'new');
  });

  it('refuses a version out of form', () => {
    for (const version of ['', '1', '1.', '1.0.0', 'v1.0', '1.x']) {
      assert.throws(() => new ObjectModels([modelOf(3, version)]), { code: 'LWM2M_MODEL' });
    }
  });
});

describe('the core objects', () => {
  const { sha256, source } = readVectors<{ source: string; sha256: Record<string, string> }>('object-models');

  for (const [id, digest] of Object.entries(sha256)) {
    it(`object ${id} is as ${source} has it`, () => {
      const [objectId, version] = id.split('/');
      const model = coreObjectModels().object(Number(objectId), version);
      assert.ok(model);
      assert.equal(createHash('sha256').update(canonicalLines(model).join('\n')).digest('hex'), digest);
    });
  }

  it('are those with a digest and the Modbus object of zeelos, each resource id once and all described', () => {
    const models = coreObjectModels();
    const keys = CORE_OBJECTS.map(({ id, version }) =>
      models.object(id)?.version === version ? id : `${id}/${version}`,
    );
    assert.deepEqual(keys.map(String).sort(), [...Object.keys(sha256), '26241'].sort());
    assert.equal(models.all().length, keys.length);
    for (const model of CORE_OBJECTS) {
      const resources = [...model.resources.values()];
      assert.ok(model.description !== '' && resources.every((resource) => resource.description !== ''), model.name);
      assert.ok(
        resources.every((resource) => (resource.type === undefined) === (resource.operations === 'E')),
        model.name,
      );
    }
  });

  it('have the Modbus object of zeelos', () => {
    const modbus = coreObjectModels().object(26241);
    assert.ok(modbus);
    assert.deepEqual(canonicalLines(modbus), [
      '##|26241|Modbus|1.0|Multiple|Optional',
      '26251|Holding Register|RW|S|M|INTEGER||',
      '26252|Input Register|R|S|M|INTEGER||',
      '26253|Coil|RW|S|M|BOOLEAN||',
      '26254|Discrete Input|R|S|M|BOOLEAN||',
      '26255|Holding Registers|RW|M|M|INTEGER||',
      '26256|Input Registers|R|M|M|INTEGER||',
      '26257|Coils|RW|M|M|BOOLEAN||',
      '26258|Discrete Inputs|R|M|M|BOOLEAN||',
    ]);
  });
});

/** The form that test/vectors/object-models.json describes. */
function canonicalLines(model: ObjectModel): string[] {
  const head = ['##', model.id, model.name, model.version, model.multiple ? 'Multiple' : 'Single'];
  const resources = [...model.resources.values()].sort((a, b) => a.id - b.id);
  return [[...head, model.mandatory ? 'Mandatory' : 'Optional'].join('|'), ...resources.map(canonicalLine)];
}

function canonicalLine(model: ResourceModel): string {
  const type = model.unsigned ? `UNSIGNED ${model.type}` : (model.type ?? '');
  const occurrence = [model.multiple ? 'M' : 'S', model.mandatory ? 'M' : 'O'];
  return [model.id, model.name, model.operations, ...occurrence, type, model.range, model.units].join('|');
}
