import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCode } from '../../../common/errors.ts';
import { encoderFor, RecordReader } from '../../../common/records.ts';
import { enrol, readSnapshot, registrySource, snapshotSource, subjectsOf } from '../../../common/schema-registry.ts';
import { compileSchema, selfContainedSchema } from '../../../schemas/avro-types.ts';
import { FrameEncoder } from '../../../schemas/codec.ts';
import { TOPICS } from '../../../schemas/topics.ts';
import { useStack } from '../../rig/rig.ts';
import { originalSchema } from '../../vectors/original-avro.ts';

const REQUEST = 'io.zeelos.leshan.avro.request.AvroRequest';
/** A port where nothing listens. */
const NOWHERE = 'http://127.0.0.1:1';

describe('common/schema-registry: enrolment at the real registry', function () {
  this.timeout(120_000);
  let registryUrl: string;
  let folder: string;

  before(async function () {
    this.timeout(300_000);
    const stack = await useStack('registry');
    registryUrl = `http://127.0.0.1:${stack.ports.registry}/apis/ccompat/v7`;
    folder = mkdtempSync(join(tmpdir(), 'zeelos-enrol-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('registers every subject, keeps a snapshot, and repeating it changes no id', async () => {
    const gatewayId = `enrol${process.pid}`;
    const first = await enrol({ gatewayId, registryUrl, snapshotFile: join(folder, 'one.json') });
    assert.deepEqual(Object.keys(first.subjects).sort(), [...subjectsOf(gatewayId).keys()].sort());
    assert.deepEqual(readSnapshot(join(folder, 'one.json')), first);
    const second = await enrol({ gatewayId, registryUrl, snapshotFile: join(folder, 'two.json') });
    assert.deepEqual(second.subjects, first.subjects);
    const level = await fetch(`${registryUrl}/config/iot.${gatewayId}.observations-value`);
    const body = (await level.json()) as { compatibilityLevel: string };
    assert.equal(body.compatibilityLevel, 'BACKWARD_TRANSITIVE');
  });

  it('boots from its snapshot with the registry away, and its records are read from either source', async () => {
    const gatewayId = `away${process.pid}`;
    const snapshotFile = join(folder, 'away.json');
    const enrolled = await enrol({ gatewayId, registryUrl, snapshotFile });
    const bytes = readFileSync(snapshotFile);
    const again = await enrol({ gatewayId, registryUrl: NOWHERE, snapshotFile });
    assert.deepEqual(again, enrolled);
    assert.deepEqual(readFileSync(snapshotFile), bytes);
    const request = {
      serverId: gatewayId,
      ep: 'dev',
      ticket: 't',
      payload: { kind: 'read', path: '/3/0/0', contentFormat: 'TLV', body: null },
      expiresAt: null,
      timeoutMs: { long: 2 ** 40 },
      requestedBy: null,
      queue: null,
      coalesce: null,
    } as const;
    const frame = encoderFor(again, `iot.${gatewayId}.management.req-value`, REQUEST).encode(request);
    for (const source of [snapshotSource(again), registrySource(registryUrl)]) {
      const read = await new RecordReader<typeof request>(source, REQUEST).decode(frame);
      assert.deepEqual(JSON.parse(JSON.stringify(read)), request);
    }
  });

  it('says that it is not enrolled when it has neither, and leaves no file', async () => {
    const snapshotFile = join(folder, 'none.json');
    await assert.rejects(enrol({ gatewayId: 'none', registryUrl: NOWHERE, snapshotFile }), (error) =>
      hasCode(error, 'REGISTRY_NOT_ENROLLED'),
    );
    assert.equal(readSnapshot(snapshotFile), undefined);
  });

  it('does not use the snapshot of another gateway', async () => {
    const snapshotFile = join(folder, 'shared.json');
    const one = await enrol({ gatewayId: `a${process.pid}`, registryUrl, snapshotFile });
    await assert.rejects(enrol({ gatewayId: `b${process.pid}`, registryUrl: NOWHERE, snapshotFile }), (error) =>
      hasCode(error, 'REGISTRY_NOT_ENROLLED'),
    );
    assert.deepEqual(readSnapshot(snapshotFile), one);
  });

  it('is taken over the schemas of the original system, as a backward compatible version', async () => {
    const gatewayId = `original${process.pid}`;
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
    const originals = new Map<string, number>();
    for (const row of Object.values(TOPICS).filter(({ direction }) => direction !== 'edge')) {
      const subject = `${row.nameFor(gatewayId)}-value`;
      const body = JSON.stringify({ schema: JSON.stringify(originalSchema(row.value)) });
      const posted = await fetch(`${registryUrl}/subjects/${subject}/versions`, { method: 'POST', headers, body });
      assert.equal(posted.status, 200);
      originals.set(subject, ((await posted.json()) as { id: number }).id);
      const level = { method: 'PUT', headers, body: '{"compatibility":"BACKWARD_TRANSITIVE"}' };
      assert.equal((await fetch(`${registryUrl}/config/${subject}`, level)).status, 200);
    }
    const { subjects } = await enrol({ gatewayId, registryUrl, snapshotFile: join(folder, 'original.json') });
    for (const subject of originals.keys()) assert.equal(typeof subjects[subject], 'number', subject);
    const requests = `iot.${gatewayId}.management.req-value`;
    assert.notEqual(subjects[requests], originals.get(requests), 'the extension fields make a version of their own');
  });

  it('is refused where an incompatible schema stands under a subject', async () => {
    const gatewayId = `clash${process.pid}`;
    const subject = `iot.${gatewayId}.observations-value`;
    const foreign = { type: 'record', name: 'Foreign', fields: [{ name: 'x', type: 'int' }] };
    const level = { method: 'PUT', body: '{"compatibility":"BACKWARD_TRANSITIVE"}' };
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
    const body = JSON.stringify({ schema: JSON.stringify(foreign) });
    const posted = await fetch(`${registryUrl}/subjects/${subject}/versions`, { method: 'POST', headers, body });
    assert.equal(posted.status, 200);
    assert.equal((await fetch(`${registryUrl}/config/${subject}`, { ...level, headers })).status, 200);
    const snapshotFile = join(folder, 'clash.json');
    await assert.rejects(enrol({ gatewayId, registryUrl, snapshotFile }), (error) =>
      hasCode(error, 'REGISTRY_REFUSED'),
    );
    assert.equal(readSnapshot(snapshotFile), undefined);
  });

  it('tells an id that nobody gave out from a registry that is away', async () => {
    const frame = new FrameEncoder<unknown>(
      compileSchema(selfContainedSchema('io.zeelos.leshan.avro.AvroKey')),
      999_999,
    );
    const bytes = frame.encode({ ep: 'x' });
    await assert.rejects(new RecordReader(registrySource(registryUrl)).decode(bytes), (error) =>
      hasCode(error, 'AVRO_UNKNOWN_SCHEMA'),
    );
    await assert.rejects(new RecordReader(registrySource(NOWHERE)).decode(bytes), (error) =>
      hasCode(error, 'REGISTRY_UNAVAILABLE'),
    );
  });
});
