import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Counter, Registry as Metrics } from 'prom-client';
import { hasCode } from '../../../../common/errors.ts';
import { createLog } from '../../../../common/log.ts';
import { openTranslations, type Translations } from '../../../../replicator/translation/open-translations.ts';
import { record, SmallRegistry } from './small-registry.ts';

const TOPIC = 'iot.gw.observations';

describe('replicator: schema ids kept on disk', () => {
  let folder: string;
  let file: string;
  let edge: SmallRegistry;
  let cloud: SmallRegistry;
  let misses: Counter<'gateway'>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'zeelos-map-'));
    file = join(folder, 'map.json');
    [edge, cloud] = [await SmallRegistry.start(1), await SmallRegistry.start(100)];
    misses = new Counter({ name: 'misses', help: 'misses', labelNames: ['gateway'], registers: [new Metrics()] });
  });

  afterEach(async () => {
    await Promise.all([edge.stop(), cloud.stop()]);
    rmSync(folder, { recursive: true });
  });

  async function open(settings: object = {}): Promise<Translations> {
    const urls = { edgeRegistryUrl: edge.url, cloudRegistryUrl: cloud.url, schemaMapFile: file };
    const translations = await openTranslations(
      { schemaIds: 'translate', ...urls, ...settings },
      { gatewayId: 'gw', misses, signal: new AbortController().signal, log: createLog('test', 'silent') },
    );
    return translations!;
  }

  async function learn({ up, close }: Translations, name: string): Promise<number> {
    const id = edge.add(`${TOPIC}-value`, record(name));
    await up.learn(TOPIC, { part: 'value', id });
    await close();
    return id;
  }

  it('goes on after a restart with both registries away, and learns more when they are back', async () => {
    const first = await learn(await open(), 'V1');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder), ['map.json']);
    const [edgePort, cloudPort] = [edge.port, cloud.port];
    const urls = { edgeRegistryUrl: edge.url, cloudRegistryUrl: cloud.url };
    await Promise.all([edge.stop(), cloud.stop()]);
    const again = await open(urls);
    assert.equal(again.up.idsFor(TOPIC).value(first), 100);
    await assert.rejects(again.up.learn(TOPIC, { part: 'value', id: 2 }), (error) =>
      hasCode(error, 'REGISTRY_UNAVAILABLE'),
    );
    [edge, cloud] = [await SmallRegistry.start(1, edgePort), await SmallRegistry.start(100, cloudPort)];
    edge.add(`${TOPIC}-value`, record('V1'));
    cloud.add(`${TOPIC}-value`, record('V1'));
    const last = await open();
    assert.equal(last.up.idsFor(TOPIC).value(first), 100);
    const second = await learn(last, 'V2');
    assert.equal(last.up.idsFor(TOPIC).value(second), 101);
    assert.equal((await open()).up.idsFor(TOPIC).value(second), 101);
  });

  it('does not use what is of other registries', async () => {
    const id = await learn(await open(), 'V1');
    const other = await SmallRegistry.start(500);
    try {
      const translations = await open({ cloudRegistryUrl: other.url });
      assert.equal(translations.up.idsFor(TOPIC).value(id), undefined);
      await translations.up.learn(TOPIC, { part: 'value', id });
      assert.equal(translations.up.idsFor(TOPIC).value(id), 500);
    } finally {
      await other.stop();
    }
  });

  for (const [what, firstId] of [
    ['lost its data', 300],
    ['gives its ids to other schemas', 100],
  ] as const)
    it(`forgets what a registry said that ${what}`, async () => {
      const id = await learn(await open(), 'V1');
      const { port } = cloud;
      await cloud.stop();
      cloud = await SmallRegistry.start(firstId, port);
      cloud.add('x', record('Another'));
      const translations = await open();
      assert.equal(translations.up.idsFor(TOPIC).value(id), undefined);
      await translations.up.learn(TOPIC, { part: 'value', id });
      assert.equal(translations.up.idsFor(TOPIC).value(id), firstId + 1);
    });

  it('finds that out before it learns more, where the registry was away at the start', async () => {
    const id = await learn(await open(), 'V1');
    const { port, url: cloudRegistryUrl } = cloud;
    await cloud.stop();
    const translations = await open({ cloudRegistryUrl });
    assert.equal(translations.up.idsFor(TOPIC).value(id), 100);
    cloud = await SmallRegistry.start(300, port);
    const second = await learn(translations, 'V2');
    assert.equal(translations.up.idsFor(TOPIC).value(id), undefined);
    assert.equal(translations.up.idsFor(TOPIC).value(second), 300);
  });

  for (const [what, content] of [
    ['is no JSON', 'root:x:0:0'],
    ['is another JSON', '{"gatewayId":"gw","subjects":{},"schemas":{}}'],
  ] as const)
    it(`neither uses nor overwrites a file that ${what}`, async () => {
      writeFileSync(file, content);
      await assert.rejects(open(), (error) => hasCode(error, 'CONFIG_INVALID'));
      assert.equal(readFileSync(file, 'utf8'), content);
    });

  it('goes on without the file where it cannot be written', async () => {
    const translations = await open({ schemaMapFile: join(folder, 'not', 'there', 'map.json') });
    const id = await learn(translations, 'V1');
    assert.equal(translations.up.idsFor(TOPIC).value(id), 100);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('counts what it asks for', async () => {
    const translations = await open();
    await learn(translations, 'V1');
    await learn(translations, 'V2');
    assert.deepEqual((await misses.get()).values, [{ labels: { gateway: 'gw' }, value: 2 }]);
  });

  it('is not there where ids are equal, and needs both addresses, of two registries, without a password', async () => {
    assert.equal(await open({ schemaIds: 'equal' }), undefined);
    for (const settings of [
      { edgeRegistryUrl: undefined },
      { cloudRegistryUrl: undefined },
      { cloudRegistryUrl: edge.url },
      { cloudRegistryUrl: cloud.url.replace('//', '//name:password@') },
    ])
      await assert.rejects(open(settings), (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'), String(error));
        assert.doesNotMatch(String(error), /name:password/);
        return true;
      });
  });
});
