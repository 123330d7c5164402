import assert from 'node:assert/strict';
import { hasCode, type PlatformError } from '../../../../common/errors.ts';
import { patchSchemaIds, type UnknownSchemaId } from '../../../../common/kafka/batch/schema-ids.ts';
import { createLog } from '../../../../common/log.ts';
import { KNOWN_IDS_LIMIT, KnownIds } from '../../../../replicator/translation/known-ids.ts';
import { Registry } from '../../../../replicator/translation/registry.ts';
import { RegistryTranslation } from '../../../../replicator/translation/registry-translation.ts';
import { SchemaMap } from '../../../../replicator/translation/schema-map.ts';
import { eventually } from '../../../rig/eventually.ts';
import { record, SmallRegistry } from './small-registry.ts';

const TOPIC = 'iot.gw.observations';
const value = (id: number): UnknownSchemaId => ({ part: 'value', id });

describe('replicator: schema ids between two registries', () => {
  let edge: SmallRegistry;
  let cloud: SmallRegistry;
  let up: RegistryTranslation;
  let down: RegistryTranslation;
  let map: SchemaMap;
  let misses: number;

  beforeEach(async () => {
    [edge, cloud] = [await SmallRegistry.start(1), await SmallRegistry.start(100)];
    misses = 0;
    const registries = { edge: new Registry(edge.url), cloud: new Registry(cloud.url) };
    map = new SchemaMap({ registries, file: undefined, log: createLog('test', 'silent') });
    const shared = { registries, map, onMiss: () => misses++, signal: new AbortController().signal };
    up = new RegistryTranslation({ ...shared, direction: 'up' });
    down = new RegistryTranslation({ ...shared, direction: 'down' });
  });

  afterEach(() => Promise.all([edge.stop(), cloud.stop()]));

  const refuses = (promise: Promise<unknown>, words: RegExp) =>
    assert.rejects(promise, (error: unknown) => {
      assert.ok(hasCode(error, 'REGISTRY_REFUSED'), String(error));
      assert.match((error as PlatformError).message, words);
      return true;
    });

  it('registers under the same subject what the target does not have, once, and knows it from then on', async () => {
    const id = edge.add(`${TOPIC}-value`, record('V'));
    assert.equal(up.idsFor(TOPIC).value(id), undefined);
    await up.learn(TOPIC, value(id));
    assert.deepEqual(cloud.versions(`${TOPIC}-value`), [up.idsFor(TOPIC).value(id)]);
    assert.equal(cloud.schemaOf(100)!.schema, record('V').schema);
    assert.equal(up.idsFor(TOPIC).key(id), undefined);
    assert.equal(down.idsFor(TOPIC).value(id), undefined);
    assert.equal(misses, 1);
  });

  it('takes the id of what the target already has', async () => {
    for (const name of ['A', 'B', 'V']) cloud.add(`${TOPIC}-value`, record(name));
    const id = edge.add(`${TOPIC}-value`, record('V'));
    await up.learn(TOPIC, value(id));
    assert.equal(up.idsFor(TOPIC).value(id), 102);
    assert.equal(cloud.versions(`${TOPIC}-value`).length, 3);
  });

  it('goes the other way for what goes down', async () => {
    const id = cloud.add('iot.gw.management.req-value', record('Request'));
    await down.learn('iot.gw.management.req', value(id));
    assert.deepEqual(edge.versions('iot.gw.management.req-value'), [down.idsFor('iot.gw.management.req').value(id)]);
  });

  it('prefers the subject of the topic, then another of the topic, then the first; and makes one where there is none', async () => {
    const topics = ['iot.a.observations', 'iot.b.observations', 'iot.c.observations'];
    const shared = record('Shared');
    for (const subject of [...topics.map((topic) => `${topic}-value`), 'io.zeelos.Shared']) edge.add(subject, shared);
    const id = edge.versions('io.zeelos.Shared')[0]!;
    await up.learn(topics[1]!, value(id));
    assert.deepEqual(cloud.subjects, ['iot.b.observations-value']);
    const other = edge.add('iot.d.observations-io.zeelos.Other', record('Other'));
    edge.add('a.before.all', record('Other'));
    await up.learn('iot.d.observations', value(other));
    assert.ok(cloud.subjects.includes('iot.d.observations-io.zeelos.Other'));
    const byRecord = edge.add('io.zeelos.ByRecord', record('ByRecord'));
    edge.add('io.zeelos.AlsoByRecord', record('ByRecord'));
    await up.learn(TOPIC, value(byRecord));
    assert.ok(cloud.subjects.includes('io.zeelos.AlsoByRecord'));
    edge.instead = ({ path }, response) => {
      if (!path.endsWith('/versions')) return false;
      response.writeHead(200, { 'content-type': 'application/json' }).end('[]');
      return true;
    };
    await up.learn(TOPIC, { part: 'key', id: edge.add('deleted', record('Deleted')) });
    assert.ok(cloud.subjects.includes(`${TOPIC}-key`));
    assert.equal(cloud.subjects.length, 4);
  });

  it('keeps the type of a schema', async () => {
    const id = edge.add(`${TOPIC}-value`, { schema: '{"type":"string"}', schemaType: 'JSON' });
    await up.learn(TOPIC, value(id));
    assert.equal(cloud.schemaOf(up.idsFor(TOPIC).value(id)!)!.schemaType, 'JSON');
  });

  it('brings what a schema refers to before it, by the versions of the target', async () => {
    const reference = (name: string, version: number) => ({ name, subject: name, version });
    edge.add('leaf', record('OldLeaf'));
    edge.add('leaf', record('Leaf'));
    edge.add('branch', { ...record('Branch', ['l', 'Leaf']), references: [reference('leaf', 2)] });
    const references = [reference('branch', 1), reference('leaf', 2)];
    const id = edge.add(`${TOPIC}-value`, { ...record('Root', ['b', 'Branch'], ['l', 'Leaf']), references });
    await up.learn(TOPIC, value(id));
    assert.deepEqual(cloud.schemaOf(cloud.versions('leaf')[0]!), record('Leaf'));
    assert.deepEqual(cloud.schemaOf(cloud.versions('branch')[0]!)!.references, [reference('leaf', 1)]);
    const root = cloud.schemaOf(up.idsFor(TOPIC).value(id)!)!;
    assert.deepEqual(root.references, [reference('branch', 1), reference('leaf', 1)]);
    assert.equal(cloud.versions('leaf').length, 1);
  });

  it('refuses references that run in a circle, or are too many, or lead nowhere', async () => {
    const circle = edge.add(`${TOPIC}-value`, {
      ...record('Circle'),
      references: [{ name: 'c', subject: `${TOPIC}-value`, version: 1 }],
    });
    await refuses(up.learn(TOPIC, value(circle)), /schema id 1 of iot\.gw\.observations refers to more than/);
    for (let i = 0; i < 129; i++) edge.add('wide', record(`W${i}`));
    const references = edge.versions('wide').map((_, i) => ({ name: `W${i}`, subject: 'wide', version: i + 1 }));
    const wide = edge.add(`${TOPIC}-value`, { ...record('Wide'), references });
    await refuses(up.learn(TOPIC, value(wide)), /refers to more than 128/);
    const lost = { ...record('Lost'), references: [{ name: 'n', subject: 'nowhere', version: 3 }] };
    await refuses(up.learn(TOPIC, value(edge.add(`${TOPIC}-value`, lost))), /version 3 of nowhere/);
    assert.equal(up.idsFor(TOPIC).value(wide), undefined);
  });

  it('refuses an id that the source does not know, names it, and does not ask again at once', async () => {
    await refuses(up.learn(TOPIC, value(77)), /value in iot\.gw\.observations names schema id 77/);
    const asked = edge.requests.length;
    await refuses(up.learn(TOPIC, value(77)), /names schema id 77/);
    assert.equal(edge.requests.length, asked);
    assert.equal(misses, 1);
    const other = edge.add(`${TOPIC}-value`, record('V'));
    await up.learn(TOPIC, value(other));
  });

  it('repeats why the target refuses', async () => {
    cloud.instead = ({ method }, response) => {
      if (method !== 'POST') return false;
      response.writeHead(409).end('{"error_code":409,"message":"READER_FIELD_MISSING_DEFAULT_VALUE"}');
      return true;
    };
    const id = edge.add(`${TOPIC}-value`, record('V'));
    await refuses(up.learn(TOPIC, value(id)), /observations-value .*READER_FIELD_MISSING_DEFAULT_VALUE/);
    assert.equal(up.idsFor(TOPIC).value(id), undefined);
  });

  it('asks once however many want the same id', async () => {
    const id = edge.add(`${TOPIC}-value`, record('V'));
    await Promise.all(Array.from({ length: 20 }, () => up.learn(TOPIC, value(id))));
    assert.equal(misses, 1);
    assert.equal(edge.requests.filter((request) => request === `GET /schemas/ids/${id}`).length, 1);
    assert.equal(cloud.requests.filter((request) => request.startsWith('POST')).length, 1);
  });

  it('does not keep a lane waiting for a slow registry, and takes its answer when it comes', async () => {
    let answer: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const id = edge.add(`${TOPIC}-value`, record('V'));
    edge.instead = async () => {
      await held;
      return false;
    };
    const late = (error: unknown) => hasCode(error, 'REGISTRY_UNAVAILABLE') && /still asked/.test(String(error));
    await assert.rejects(up.learn(TOPIC, value(id)), late);
    await assert.rejects(up.learn(TOPIC, value(id)), late);
    assert.equal(edge.requests.length, 1);
    answer();
    await eventually('known', () => up.idsFor(TOPIC).value(id) === 100);
    assert.equal(misses, 1);
  });

  for (const [side, what] of [
    ['edge', 'source'],
    ['cloud', 'target'],
  ] as const)
    it(`says that the ${what} is away, and learns when it is back`, async () => {
      const id = edge.add(`${TOPIC}-value`, record('V'));
      const server = side === 'edge' ? edge : cloud;
      server.instead = (_, response) => {
        response.writeHead(500).end('{}');
        return true;
      };
      await assert.rejects(up.learn(TOPIC, value(id)), (error) => hasCode(error, 'REGISTRY_UNAVAILABLE'));
      const asked = server.requests.length;
      await assert.rejects(up.learn('iot.gw.other', value(id)), (error) => hasCode(error, 'REGISTRY_UNAVAILABLE'));
      assert.equal(server.requests.length, asked, 'a registry that is away is not asked by each partition');
      server.instead = () => false;
      await eventually('learnt', async () => {
        await up.learn(TOPIC, value(id));
        return true;
      });
      assert.equal(up.idsFor(TOPIC).value(id), 100);
    });

  it('knows so many ids and no more', async () => {
    for (let id = 0; id < KNOWN_IDS_LIMIT; id++) map.known.up.set([TOPIC, 'key', id, id]);
    const id = edge.add(`${TOPIC}-value`, record('V'));
    await refuses(up.learn(TOPIC, value(id)), /more than 10000 schema ids/);
    assert.equal(edge.requests.length, 0);
  });

  it('gives ids up to the largest that four bytes hold to records', async () => {
    const known = new KnownIds();
    known.set([TOPIC, 'value', 0xff_00_00_01, 2 ** 32 - 1]);
    // Length 12, attributes, timestamp delta, offset delta, no key, a value of 6 bytes, no headers.
    const section = Buffer.from('1800000001' + '0c' + '00ff000001aa' + '00', 'hex');
    assert.equal(patchSchemaIds(section, 0, section.length, 1, known.of(TOPIC)), undefined);
    assert.equal(section.toString('hex'), '1800000001' + '0c' + '00ffffffffaa' + '00');
  });
});
