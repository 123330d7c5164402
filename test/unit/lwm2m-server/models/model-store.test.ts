import assert from 'node:assert/strict';
import { PlatformError } from '../../../../common/errors.ts';
import type { OutgoingRecord } from '../../../../common/kafka/committing-producer.ts';
import { createLog } from '../../../../common/log.ts';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import { parseDdf } from '../../../../lwm2m/model/ddf.ts';
import { ModelStore } from '../../../../lwm2m-server/models/model-store.ts';
import type { ModelState, ServerState } from '../../../../schemas/generated/records.ts';
import { ddfXml } from '../../../rig/ddf.ts';

const log = createLog('test', 'silent');
const meter = (version: string, type = 'Float') =>
  ddfXml({ id: 27000, name: 'Meter', version, resources: [{ id: 1, type }] });

/** Keeps the entries of the state topic as a compacted topic does. */
class Topic {
  readonly entries = new Map<string, ModelState>();
  failing: PlatformError | undefined;
  held: (() => void)[] | undefined;

  state(key: string, state: ServerState | null): OutgoingRecord {
    const value = state === null ? null : Buffer.from(JSON.stringify(state));
    return { topic: 'state', key, value };
  }

  async commit(...records: readonly OutgoingRecord[]): Promise<void> {
    if (this.held !== undefined) await new Promise<void>((resolve) => this.held?.push(resolve));
    if (this.failing !== undefined) throw this.failing;
    for (const { key, value } of records) {
      if (value === null) this.entries.delete(String(key));
      else this.entries.set(String(key), JSON.parse(value.toString()).body['io.zeelos.lwm2m.state.ModelState']);
    }
  }
}

function open(topic = new Topic(), folder: readonly string[] = []) {
  const models = coreObjectModels();
  for (const xml of folder) for (const model of parseDdf(xml)) models.add(model);
  return { topic, models, store: new ModelStore({ models, outbox: topic, log }) };
}

const sourceOf = (store: ModelStore, id: number, version: string) =>
  store.list().find(({ model }) => model.id === id && model.version === version)?.source;

describe('model store', () => {
  it('takes an upload in at once, beside other versions of the object', async () => {
    const { store, models, topic } = open();
    const old = models.withVersions(new Map([[27000, '1.0']]));
    assert.equal(old.resource(27000, 1), undefined);
    assert.deepEqual(
      (await store.upload(meter('1.0', 'Integer'))).map(({ id, version }) => `${id} ${version}`),
      ['27000 1.0'],
    );
    await store.upload(Buffer.from(meter('2.0')));
    assert.equal(old.resource(27000, 1)?.type, 'INTEGER');
    assert.equal(models.object(27000)?.version, '2.0');
    assert.equal(sourceOf(store, 27000, '1.0'), 'uploaded');
    assert.deepEqual([...topic.entries.keys()], ['model/27000/1.0', 'model/27000/2.0']);
    assert.equal(topic.entries.get('model/27000/1.0')?.xml, meter('1.0', 'Integer'));
  });

  it('puts an upload over the folder and the built-in models, and takes it off again', async () => {
    const device = (name: string) => ddfXml({ id: 3, name, version: '1.2', resources: [] });
    const { store, models, topic } = open(new Topic(), [meter('1.0')]);
    assert.equal(sourceOf(store, 27000, '1.0'), 'folder');
    assert.equal(sourceOf(store, 3, '1.2'), 'builtIn');
    await store.upload(device('Mine'));
    await store.upload(meter('1.0', 'String'));
    assert.equal(models.object(3, '1.2')?.name, 'Mine');
    assert.equal(models.resource(27000, 1)?.type, 'STRING');
    assert.equal(await store.remove(3, '1.2'), true);
    assert.equal(await store.remove(27000, '1.0'), true);
    assert.equal(models.object(3, '1.2')?.name, 'Device');
    assert.equal(models.resource(27000, 1)?.type, 'FLOAT');
    assert.equal(await store.remove(27000, '1.0'), false);
    assert.equal(await store.remove(3, '1.2'), false);
    assert.equal(topic.entries.size, 0);
  });

  it('forgets a removed model that stood for itself', async () => {
    const { store, models } = open();
    await store.upload(meter('1.0'));
    await store.remove(27000, '1.0');
    assert.equal(models.object(27000), undefined);
  });

  it('restores what was uploaded, each object of a file by itself', async () => {
    const first = open();
    await first.store.upload(ddfXml({ id: 27001, resources: [] }, { id: 27002, version: '1.1', resources: [] }));
    await first.store.upload(meter('1.0'));
    await first.store.remove(27001, '1.0');
    const second = open();
    second.store.restore([...first.topic.entries.values()]);
    assert.equal(second.models.object(27001), undefined);
    assert.equal(second.models.object(27002)?.version, '1.1');
    assert.equal(sourceOf(second.store, 27000, '1.0'), 'uploaded');
    assert.equal(second.models.resource(27000, 1)?.type, 'FLOAT');
  });

  it('leaves out what it cannot restore, and takes the rest', () => {
    const { store, models } = open();
    store.restore([
      { objectId: 27000, version: '1.0', xml: '<LWM2M>' },
      { objectId: 27005, version: '1.0', xml: meter('1.0') },
      { objectId: 27000, version: '2.0', xml: meter('2.0') },
    ]);
    assert.deepEqual(
      models.versionsOf(27000).map(({ version }) => version),
      ['2.0'],
    );
    assert.equal(models.object(27005), undefined);
  });

  it('changes nothing when the definition is bad or Kafka refuses', async () => {
    const { store, models, topic } = open();
    await assert.rejects(store.upload('<LWM2M/>'), { code: 'LWM2M_MODEL' });
    topic.failing = new PlatformError('KAFKA_UNAVAILABLE', 'away');
    await assert.rejects(store.upload(meter('1.0')), { code: 'KAFKA_UNAVAILABLE' });
    assert.equal(models.object(27000), undefined);
    topic.failing = undefined;
    await store.upload(meter('1.0'));
    topic.failing = new PlatformError('KAFKA_UNAVAILABLE', 'away');
    await assert.rejects(store.remove(27000, '1.0'), { code: 'KAFKA_UNAVAILABLE' });
    assert.equal(models.object(27000)?.version, '1.0');
  });

  it('is not in force before Kafka has it, and changes in the order of the calls', async () => {
    const { store, models, topic } = open();
    topic.held = [];
    const calls = [
      store.upload(meter('1.0', 'Float')),
      store.upload(meter('1.0', 'String')),
      store.remove(27000, '1.0'),
    ];
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(models.object(27000), undefined);
    const seen: (string | undefined)[] = [];
    for (const call of calls) {
      topic.held.shift()?.();
      await call;
      seen.push(models.resource(27000, 1)?.type);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(seen, ['FLOAT', 'STRING', undefined]);
  });

  it('refuses further changes while sixteen wait for Kafka', async () => {
    const { store, topic } = open();
    topic.held = [];
    const waiting = Array.from({ length: 16 }, (_, at) => store.upload(meter(`1.${at}`)));
    await assert.rejects(store.upload(meter('2.0')), { code: 'KAFKA_BACKLOG_FULL' });
    const { held } = topic;
    topic.held = undefined;
    for (const go of held) go();
    await new Promise((resolve) => setImmediate(resolve));
    for (const go of held) go();
    await Promise.all(waiting);
    await store.upload(meter('2.0'));
    assert.equal(topic.entries.size, 17);
  });

  it('has limits for one upload and for all', async () => {
    const { store, models } = open();
    const padded = (version: string, bytes: number) => `${meter(version)}<!--${'x'.repeat(bytes)}-->`;
    await assert.rejects(store.upload(padded('1.0', 800_000)), { code: 'LWM2M_MODEL' });
    for (let at = 0; at < 22; at++) await store.upload(padded(`1.${at}`, 750_000));
    await assert.rejects(store.upload(padded('2.0', 750_000)), { code: 'LWM2M_MODEL' });
    await store.upload(padded('1.0', 1));
    assert.equal(models.versionsOf(27000).length, 22);
    const hundred = (from: number) =>
      ddfXml(...Array.from({ length: 100 }, (_, at) => ({ id: from + at, version: '7.0', resources: [] })));
    const many = open();
    for (let from = 0; from < 1_000; from += 100) await many.store.upload(hundred(from + 10_000));
    await assert.rejects(many.store.upload(meter('1.0')), { code: 'LWM2M_MODEL' });
    await many.store.upload(hundred(10_000));
  });
});
