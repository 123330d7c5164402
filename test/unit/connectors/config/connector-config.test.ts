import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCode } from '../../../../common/errors.ts';
import { TOPICS_LIMIT } from '../../../../connectors/config/common-config.ts';
import { checkConfig } from '../../../../connectors/config/connector-classes.ts';
import { readConnectorFile } from '../../../../connectors/config/connector-file.ts';
import { parseProperties } from '../../../../connectors/config/properties.ts';
import { References } from '../../../../connectors/config/references.ts';
import { TopicChooser } from '../../../../connectors/config/sink-topics.ts';
import { TopicPattern } from '../../../../connectors/config/topic-pattern.ts';
import { parseKcql } from '../../../../connectors/kcql/parse.ts';
import { shown, unhidden } from '../../../../connectors/worker/secrets.ts';
import { assetSinkConfig, influxSinkConfig } from '../../../integration/connectors/seed-configs.ts';

const SEED = {
  ...{ gatewayId: 'upboard', registryUrl: 'https://schema-registry-cloud:8081', influxUrl: 'http://influxdb:8086' },
  ...{
    influxUser: 'root',
    influxPassword: 'secret',
    orientUrl: 'remote:orientdb/zeelosdb',
    orientUser: 'root',
    orientPassword: 'secret',
  },
};
const named = (config: Record<string, string>) => ({ name: 'n', ...config });
const faultsOf = (config: Record<string, string>) => [...checkConfig(named(config)).faults.keys()].sort();

describe('connector configuration', () => {
  it('takes both configurations of the original as they are', () => {
    const influx = checkConfig(named(influxSinkConfig(SEED)));
    assert.deepEqual([...influx.faults], []);
    assert.ok(influx.checked?.kind === 'influxSink');
    assert.equal(influx.checked.statements.length, 2);
    assert.deepEqual(
      influx.checked.transforms.map(({ kind }) => kind),
      ['flatten', 'replace', 'cast'],
    );
    assert.deepEqual([influx.checked.values.errorPolicy, influx.checked.values.maxRetries], ['THROW', 20]);
    assert.equal(influx.checked.values.retentionSeconds, undefined);
    const asset = checkConfig(named(assetSinkConfig(SEED)));
    assert.deepEqual([...asset.faults], []);
    assert.ok(asset.checked?.kind === 'orientSink');
    assert.deepEqual(asset.checked.values.url, { host: 'orientdb', port: 2424, database: 'zeelosdb' });
  });

  it('tells all faults together: unknown, missing, out of bounds, and what does not fit together', () => {
    const good = influxSinkConfig(SEED);
    assert.deepEqual(
      faultsOf({ ...good, 'tasks.max': '0', 'connect.influx.dbb': 'x', 'transforms.cast.spec': 'a:b' }),
      ['connect.influx.dbb', 'tasks.max', 'transforms.cast.spec'],
    );
    assert.deepEqual(faultsOf({ 'connector.class': 'OrientSinkConnector' }), [
      'connect.orient.password',
      'connect.orient.url',
      'connect.orient.user',
      'topics',
    ]);
    assert.deepEqual(faultsOf({ 'connector.class': 'io.nobody.Connector' }), ['connector.class']);
    assert.deepEqual(faultsOf({ ...good, topics: 'iot.upboard.observations' }), ['connect.influx.kcql']);
    assert.deepEqual(faultsOf({ ...good, 'connect.influx.password': '' }), ['connect.influx.token']);
    assert.deepEqual(faultsOf({ ...assetSinkConfig(SEED), topics: 'iot.upboard.observations' }), ['topics']);
  });

  it('takes topics by a list or by an expression, not both, and not its own dead letters', () => {
    const { topics: _, ...rest } = assetSinkConfig(SEED);
    const regex = (text: string, change: Record<string, string> = {}) =>
      faultsOf({ ...rest, 'topics.regex': text, ...change });
    assert.deepEqual(regex('iot\\.[a-z]+\\.registrations'), []);
    assert.deepEqual(regex('a', { topics: 'iot.upboard.registrations' }), ['topics.regex']);
    assert.deepEqual(faultsOf(rest), ['topics']);
    assert.deepEqual(regex(''), ['topics']);
    for (const wrong of [
      '(',
      'a**',
      '(?=a)',
      '(a)\\1',
      '[z-a]',
      'a{3,1}',
      '(a{50}){50}',
      '((){9999}){9999}',
      'x'.repeat(1_001),
    ])
      assert.deepEqual(regex(wrong), ['topics.regex'], wrong.slice(0, 40));
    const dlq = 'errors.deadletterqueue.topic.name';
    assert.deepEqual(regex('iot.*', { [dlq]: 'iot.letters' }), ['topics.regex']);
    assert.deepEqual(regex('iot[.]gw.*', { [dlq]: 'iot.letters' }), []);
    const many = Array.from({ length: TOPICS_LIMIT + 1 }, (_one, at) => `iot.gw${at}.registrations`).join();
    assert.deepEqual(faultsOf({ ...rest, topics: many }), ['topics']);
    const { faults } = checkConfig(named({ ...rest, 'topics.regex': 'iot.(upboard' }));
    assert.match([...faults.values()].flat()[0]!, /column 13: expected a closing \), found the end/);
  });

  it('chooses topics in time that is linear in their names, whatever the expression', async () => {
    const existing = Array.from({ length: 2_000 }, (_one, at) => `${'a'.repeat(240)}${at}`);
    const pattern = new TopicPattern('((a|a)*)*b|(.*a){20}x|(a*)*-');
    const o = { pattern, statements: [], rows: ['registrations'], deadLetterTopic: '', groupId: 'g' } as const;
    const statements = parseKcql('INSERT INTO m SELECT * FROM `*`');
    assert.deepEqual(await new TopicChooser({ ...o, statements }).choose(existing), { topics: [], left: 0 });
  });

  it('chooses what it has a mapping for, and never what is kept by Kafka, the workers or for dead letters', async () => {
    const existing = [
      ...[
        '__consumer_offsets',
        'g-status',
        'g-other',
        'iot.b.registrations',
        'iot.a.registrations',
        'iot.a.observations',
      ],
      ...['iot.a.registrations.dlq', 'letters', 'other'],
    ];
    const o = {
      pattern: new TopicPattern('.*'),
      rows: ['registrations'],
      deadLetterTopic: 'letters',
      groupId: 'g',
    } as const;
    const choose = async (kcql: string) =>
      (await new TopicChooser({ ...o, statements: kcql === '' ? [] : parseKcql(kcql) }).choose(existing)).topics;
    assert.deepEqual(await choose(''), ['iot.a.registrations', 'iot.b.registrations']);
    assert.deepEqual(await choose('INSERT INTO m SELECT * FROM other'), ['other']);
    assert.deepEqual(await choose('INSERT INTO m SELECT * FROM `*`'), [
      ...['g-other', 'iot.a.observations', 'iot.a.registrations', 'iot.b.registrations', 'other'],
    ]);
    const many = Array.from({ length: TOPICS_LIMIT + 5 }, (_one, at) => `t${at}`);
    const statements = parseKcql('INSERT INTO m SELECT * FROM `*`');
    const { topics, left } = await new TopicChooser({ ...o, statements }).choose(many);
    assert.deepEqual([topics.length, left], [TOPICS_LIMIT, 5]);
  });

  it('reads files of both styles', () => {
    const config = assetSinkConfig(SEED);
    const json = readConnectorFile('a.json', JSON.stringify({ name: 'a', config }));
    const text = Object.entries({ ...config, name: 'a' }).map(([name, value]) => `${name} = ${value}`);
    const properties = readConnectorFile('a.properties', text.join('\n'));
    assert.deepEqual(properties, json);
    assert.deepEqual(
      { ...parseProperties('# c\n! d\na=1\nb : x\\\n   y\nc\\ d é\\u00e9\\t=e\n\ne') },
      {
        ...{ a: '1', b: 'xy', 'c d': 'éé\t=e', e: '' },
      },
    );
    for (const wrong of ['[]', '{', '{"name":"a","config":{"x":{}}}', '{}'])
      assert.throws(
        () => readConnectorFile('a.json', wrong),
        (error) => hasCode(error, 'CONFIG_INVALID'),
        wrong,
      );
  });

  it('shows no secret, and takes a hidden one for what it was', () => {
    const config = influxSinkConfig(SEED);
    const visible = shown(config);
    assert.equal(visible['connect.influx.password'], '[hidden]');
    assert.equal(visible['connect.influx.username'], 'root');
    assert.deepEqual(unhidden(visible, config), config);
    assert.equal(unhidden(visible, undefined)['connect.influx.password'], '');
  });

  describe('references to files', () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'zeelos-references-'));
      mkdirSync(join(folder, 'secrets'));
      writeFileSync(join(folder, 'secrets', 'store.properties'), 'token=abc\n');
      writeFileSync(join(folder, 'secrets', 'plain'), 'whole file\n');
      writeFileSync(join(folder, 'outside'), 'token=no\n');
      symlinkSync(join(folder, 'outside'), join(folder, 'secrets', 'link'));
    });
    after(() => rmSync(folder, { recursive: true }));

    it('are followed below the given folders only, not by links or dots either', async () => {
      const references = new References([join(folder, 'secrets')]);
      const file = (name: string, key = 'token') => `$\{file:${join(folder, 'secrets')}/${name}:${key}}`;
      assert.equal(await references.resolve(`Bearer ${file('store.properties')}!`), 'Bearer abc!');
      assert.equal(await references.resolve(`$\{directory:${join(folder, 'secrets')}:plain}`), 'whole file');
      for (const wrong of [file('../outside'), file('link'), file('store.properties', 'none'), `$\{file:secrets/x:y}`])
        await assert.rejects(references.resolve(wrong), (error) => hasCode(error, 'CONFIG_INVALID'), wrong);
      await assert.rejects(references.resolve(file('none')), (error) => hasCode(error, 'SINK_UNAVAILABLE'));
      await assert.rejects(new References([]).resolve(file('plain')), (error) => hasCode(error, 'CONFIG_INVALID'));
    });
  });
});
