import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCode, PlatformError } from '../../../common/errors.ts';
import {
  firstOf,
  isCurrent,
  readSnapshot,
  type SchemaSnapshot,
  type SchemaSource,
  snapshotSource,
  subjectsOf,
  writeSnapshot,
} from '../../../common/schema-registry.ts';

function snapshotOf(gatewayId: string): SchemaSnapshot {
  const subjects: Record<string, number> = {};
  const schemas: Record<string, unknown> = {};
  let id = 0;
  for (const [subject, schema] of subjectsOf(gatewayId)) {
    subjects[subject] = ++id;
    schemas[String(id)] = schema;
  }
  return { gatewayId, subjects, schemas };
}

const away: SchemaSource = {
  schemaById: async () => {
    throw new PlatformError('REGISTRY_UNAVAILABLE', 'away');
  },
};

describe('common/schema-registry', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zeelos-snapshot-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('has a subject for key and value of each topic, but none for a text key', () => {
    assert.deepEqual([...subjectsOf('gw1').keys()].sort(), [
      'analytics.gw1.alarms-key',
      'analytics.gw1.alarms-value',
      'analytics.gw1.observations.downsampled-key',
      'analytics.gw1.observations.downsampled-value',
      'analytics.gw1.observations.maxper30sec-key',
      'analytics.gw1.observations.maxper30sec-value',
      'analytics.gw1.observations.single-key',
      'analytics.gw1.observations.single-value',
      'iot.gw1.management.rep-key',
      'iot.gw1.management.rep-value',
      'iot.gw1.management.req-key',
      'iot.gw1.management.req-value',
      'iot.gw1.observations-key',
      'iot.gw1.observations-value',
      'iot.gw1.registrations-key',
      'iot.gw1.registrations-value',
      'lwm2m.gw1.state-value',
    ]);
  });

  it('keeps a snapshot on disk and leaves nothing else there', () => {
    const file = join(folder, 'deeper', 'schemas.json');
    assert.equal(readSnapshot(file), undefined);
    const snapshot = snapshotOf('gw1');
    writeSnapshot(file, snapshot);
    writeSnapshot(file, snapshot);
    assert.deepEqual(readSnapshot(file), snapshot);
    assert.deepEqual(readdirSync(join(folder, 'deeper')), ['schemas.json']);
  });

  it('calls a damaged snapshot by its name instead of replacing it', () => {
    const file = join(folder, 'schemas.json');
    const broken = [
      '',
      '{"gatewayId": "gw1"',
      'null',
      '5',
      '[]',
      '{}',
      '{"subjects":null,"schemas":{}}',
      '{"subjects":{},"schemas":3}',
    ];
    for (const text of broken) {
      writeFileSync(file, text);
      assert.throws(
        () => readSnapshot(file),
        (error) => hasCode(error, 'CONFIG_INVALID'),
        text,
      );
    }
    assert.throws(
      () => readSnapshot(folder),
      (error) => hasCode(error, 'CONFIG_INVALID'),
    );
  });

  it('knows whether a snapshot is that of this gateway and this build', () => {
    const good = snapshotOf('gw1');
    assert.equal(isCurrent(JSON.parse(JSON.stringify(good)) as SchemaSnapshot, 'gw1'), true);
    assert.equal(isCurrent(good, 'gw2'), false);
    const [subject] = Object.keys(good.subjects);
    const { [subject!]: _, ...fewer } = good.subjects;
    assert.equal(isCurrent({ ...good, subjects: fewer }, 'gw1'), false);
    assert.equal(isCurrent({ ...good, schemas: { ...good.schemas, '1': { type: 'string' } } }, 'gw1'), false);
  });

  it('asks sources in turn, and says "nobody knows" only when every one could be asked', async () => {
    const one = snapshotSource({ gatewayId: 'x', subjects: {}, schemas: { '1': 'int' } });
    const two = snapshotSource({ gatewayId: 'x', subjects: {}, schemas: { '2': 'long' } });
    assert.equal(await firstOf(one, two).schemaById(1), 'int');
    assert.equal(await firstOf(one, two).schemaById(2), 'long');
    assert.equal(await firstOf(one, two).schemaById(3), undefined);
    assert.equal(await firstOf(away, two).schemaById(2), 'long');
    assert.equal(await firstOf(one, away).schemaById(1), 'int');
    const unavailable = (error: unknown) => hasCode(error, 'REGISTRY_UNAVAILABLE');
    await assert.rejects(firstOf(one, away).schemaById(3), unavailable);
    await assert.rejects(firstOf(away, two).schemaById(3), unavailable);
  });
});
