import assert from 'node:assert/strict';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import { defaultObjectVersion } from '../../../../lwm2m/model/default-versions.ts';
import { defineObject } from '../../../../lwm2m/model/definition.ts';
import { type ObjectModel, ObjectModels } from '../../../../lwm2m/model/object-models.ts';
import { modelsWithoutDoubt } from '../../../../lwm2m/model/versioned-models.ts';

const NONE: ReadonlyMap<number, string> = new Map();

function modelOf(id: number, version: string, resources: Record<number, 'INTEGER' | 'STRING' | 'FLOAT'>): ObjectModel {
  const rows = Object.entries(resources).map(
    ([resource, type]) => [Number(resource), `r${resource} of ${version}`, 'R', 'SO', type, '', '', ''] as const,
  );
  return defineObject({ id, name: `o${id}`, version, occurrence: 'MO', description: '' }, rows);
}

describe('object models of one device', () => {
  const models = new ObjectModels([
    modelOf(10, '1.0', { 0: 'INTEGER' }),
    modelOf(10, '1.1', { 0: 'INTEGER', 1: 'INTEGER' }),
    modelOf(10, '2.0', { 0: 'STRING' }),
    modelOf(11, '1.0', { 0: 'FLOAT' }),
  ]);

  it('are the models themselves for a device that says nothing', () => {
    assert.equal(models.withVersions(NONE), models);
  });

  it('are those of the announced versions, several at once', () => {
    const old = models.withVersions(new Map([[10, '1.0']]));
    const recent = models.withVersions(new Map([[10, '2.0']]));
    assert.equal(old.object(10)?.version, '1.0');
    assert.equal(old.resource(10, 0)?.type, 'INTEGER');
    assert.equal(recent.object(10)?.version, '2.0');
    assert.equal(recent.resource(10, 0)?.type, 'STRING');
    assert.equal(recent.resource(10, 1), undefined);
    assert.equal(old.object(11)?.version, '1.0');
    assert.equal(old.object(12), undefined);
    assert.equal(old.resource(12, 0), undefined);
  });

  it('find a resource of a later minor version, in the chosen version first', () => {
    const old = models.withVersions(new Map([[10, '1.0']]));
    assert.equal(old.resource(10, 1)?.name, 'r1 of 1.1');
    assert.equal(old.resource(10, 0)?.name, 'r0 of 1.0');
  });

  it('are of the version that the rules say where the device gives none', () => {
    const versions = ['1.0', '1.1', '1.2', '1.2.1', '9.9'].map((version) =>
      [0, 1, 2, 3, 4, 5, 6, 7, 21, 3303].map((id) => defaultObjectVersion(version, id)).join(' '),
    );
    assert.deepEqual(versions, [
      '1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0',
      '1.1 1.1 1.0 1.1 1.2 1.0 1.0 1.0 1.0 1.0',
      '1.2 1.2 1.1 1.2 1.3 1.1 1.0 1.0 2.0 1.0',
      '1.2 1.2 1.1 1.2 1.3 1.1 1.0 1.0 2.0 1.0',
      '1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0',
    ]);
    assert.equal(models.withVersions(NONE, '1.1').object(10)?.version, '1.0');
    assert.equal(models.withVersions(new Map([[10, '2.0']]), '1.1').object(10)?.version, '2.0');
    const core = coreObjectModels();
    assert.equal(core.withVersions(NONE, '1.0').object(3336)?.version, '1.1');
    assert.equal(core.withVersions(new Map([[3336, '2.0']]), '1.0').object(3336)?.version, '2.0');
  });

  it('are shared by devices that announce the same', () => {
    const announced = new Map([
      [10, '1.0'],
      [11, '1.0'],
    ]);
    const view = models.withVersions(announced, '1.1');
    assert.equal(models.withVersions(announced, '1.1'), view);
    assert.equal(models.withVersions(new Map([...announced].reverse()), '1.1'), view);
    assert.notEqual(models.withVersions(announced, '1.0'), view);
  });

  it('share no more than a bounded number of sets, and stay right beyond', () => {
    const first = models.withVersions(new Map([[10, '1.0']]), '1.0');
    for (let id = 20_000; id < 21_100; id++) models.withVersions(new Map([[id, '1.0']]), '1.0');
    const again = models.withVersions(new Map([[10, '1.0']]), '1.0');
    assert.notEqual(again, first);
    assert.equal(again.object(10)?.version, '1.0');
    assert.equal(first.object(10)?.version, '1.0');
  });

  it('follow models that come and go', () => {
    const living = new ObjectModels([modelOf(10, '1.0', { 0: 'INTEGER' })]);
    const view = living.withVersions(new Map([[10, '1.3']]));
    assert.equal(view.object(10)?.version, '1.0');
    living.add(modelOf(10, '1.3', { 0: 'FLOAT' }));
    assert.equal(view.object(10)?.version, '1.3');
    assert.equal(view.resource(10, 0)?.type, 'FLOAT');
    assert.equal(living.remove(10, '1.3'), true);
    assert.equal(living.remove(10, '1.3'), false);
    assert.equal(view.object(10)?.version, '1.0');
    assert.equal(living.remove(10, '1.0'), true);
    assert.equal(view.object(10), undefined);
    assert.equal(living.object(10), undefined);
    assert.deepEqual(living.all(), []);
  });

  it('tell of each value read with a model older than the device, or of another major version', () => {
    const counted = new ObjectModels(models.all());
    let told = 0;
    counted.onDoubtful = () => {
      told++;
    };
    const doubts = ['1.0', '1.1', '2.0', '1.2', '2.1', '3.0', '0.9'].map((version) => {
      told = 0;
      const view = counted.withVersions(new Map([[10, version]]));
      view.resource(10, 0);
      view.object(10);
      view.resource(11, 0);
      return told;
    });
    assert.deepEqual(doubts, [0, 0, 0, 1, 1, 1, 1]);
  });

  it('are left aside where they are in doubt and cannot read the content', () => {
    const view = models.withVersions(new Map([[10, '3.0']]));
    view.resource(11, 0);
    assert.equal(modelsWithoutDoubt(view), undefined);
    view.resource(10, 0);
    const certain = modelsWithoutDoubt(view);
    assert.ok(certain);
    assert.equal(certain.resource(10, 0), undefined);
    assert.equal(certain.object(10), undefined);
    assert.equal(certain.resource(11, 0)?.type, 'FLOAT');
    assert.equal(certain.object(11)?.version, '1.0');
    assert.equal(certain.object(12), undefined);
    assert.equal(modelsWithoutDoubt(models), undefined);
  });
});
