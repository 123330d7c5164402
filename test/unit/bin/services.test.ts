import assert from 'node:assert/strict';
import { join } from 'node:path';
import { COMMANDS } from '../../../bin/commands.ts';
import { connectorConfigs } from '../../../bin/connector-files.ts';
import { ANALYSIS_NAMES, EDGE_ANALYSES, resultTopics } from '../../../bin/edge-analyses.ts';
import {
  argumentsOf,
  DEFAULT_SERVICES,
  SERVICE_NAMES,
  type ServiceSite,
  servicesWith,
} from '../../../bin/service-table.ts';
import { DEFAULT_SYSTEM_PORTS, shifted } from '../../../bin/system-ports.ts';
import { parseSettings } from '../../../common/settings.ts';
import { checkConfig, checkFields } from '../../../connectors/config/connector-classes.ts';
import { selfContainedSchema } from '../../../schemas/avro-types.ts';
import { topicRowOf } from '../../../schemas/topics.ts';
import { readAlarmRules } from '../../../streams/analyses/alarm-rules.ts';
import { ANALYSES } from '../../../streams/analyses/analyses.ts';

const addresses = {
  gatewayId: 'gw1',
  edgeBrokers: '127.0.0.1:9082',
  cloudBrokers: '127.0.0.1:9092',
  registryUrl: 'http://127.0.0.1:8081/apis/ccompat/v7',
  influxUrl: 'http://127.0.0.1:8086',
  orientUrl: 'http://127.0.0.1:2480',
  orientPort: 2424,
  coapPort: 5683,
  restUrl: 'http://127.0.0.1:8080',
  connectUrl: 'http://127.0.0.1:8083',
  modbusPort: 5002,
  health: {},
};
const site: ServiceSite = {
  ...{ gatewayId: 'gw1', dataDir: '/data', addresses, connectPort: 8083, secretsFolder: '/data/secrets' },
  ...{ observe: ['/3303/*/5700'], modbusMapping: '/m.json', alarmRules: '/r.json', simulatedDevices: 2 },
};
const credentials = {
  influx: { org: 'zeelos', bucket: 'zeelosdb', tokenFile: '/data/secrets/influxdb-token' },
  orientdb: { database: 'zeelosdb', user: 'root', passwordFile: '/data/secrets/orientdb-password' },
} as Parameters<typeof connectorConfigs>[0]['credentials'];

function numbersIn(value: object): number[] {
  return Object.values(value).flatMap((one) => (typeof one === 'number' ? [one] : numbersIn(one as object)));
}

function withoutReferences(config: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(config).map(([name, text]) => [name, text.replace(/\$\{.*\}/, 'secret')]));
}

describe('services of zeelos up', () => {
  it('have ports of their own, which an offset moves all alike', () => {
    const ports = numbersIn(DEFAULT_SYSTEM_PORTS);
    assert.equal(new Set(ports).size, ports.length);
    assert.deepEqual(
      new Set(numbersIn(shifted(DEFAULT_SYSTEM_PORTS, 1_000))),
      new Set(ports.map((port) => port + 1_000)),
    );
  });

  for (const name of SERVICE_NAMES) {
    it(`start ${name} with flags that its command takes`, () => {
      const [command, ...words] = argumentsOf(name, site, 9_999);
      const flags = words.filter((_, at) => at >= words.findIndex((word) => word.startsWith('--')));
      const { settings } = parseSettings(COMMANDS[command!]!.settings, { args: flags, env: {} });
      assert.equal((settings as { healthPort: number }).healthPort, 9_999);
      assert.ok(!words.some((word) => word.includes('${')));
    });
  }

  it('are those of the analyses that were chosen', () => {
    assert.ok(DEFAULT_SERVICES.includes('stream-maxper30sec'));
    const few = servicesWith({ analyses: ['counts'], simulated: false });
    assert.deepEqual(
      SERVICE_NAMES.filter((name) => !few.includes(name)),
      ['stream-maxper30sec', 'stream-downsample', 'stream-alarms', 'simulate'],
    );
  });
});

describe('analyses at the edge', () => {
  it('have the results that the analyses say they write', () => {
    for (const name of ANALYSIS_NAMES) {
      const { output } = EDGE_ANALYSES[name] as { output?: string };
      assert.equal(output, ANALYSES[name]?.output, name);
    }
    assert.equal(resultTopics('gw1').length, 3);
  });

  it('have rules for the demo that can be read', () => {
    assert.ok(readAlarmRules(join(import.meta.dirname, '../../../bin/demo-alarm-rules.json')).length > 1);
  });
});

describe('connectors of zeelos up', () => {
  const configs = connectorConfigs({ addresses, credentials });

  it('take every topic that goes up and every topic of results, each once', () => {
    const topics = Object.values(configs).flatMap(({ topics = '' }) => topics.split(','));
    const up = ['iot.gw1.observations', 'iot.gw1.management.rep', 'iot.gw1.registrations'];
    assert.deepEqual([...topics].sort(), [...up, ...resultTopics('gw1')].sort());
  });

  for (const [name, config] of Object.entries(configs)) {
    it(`${name} has no fault, also none against the schemas of its topics`, async () => {
      const { faults, checked } = checkConfig({ ...withoutReferences(config), name });
      assert.ok(checked !== undefined);
      assert.deepEqual([...faults], []);
      const schemaOf = async (topic: string) => selfContainedSchema(topicRowOf(topic)!.row.value);
      assert.deepEqual(await checkFields(checkConfig({ ...config, name }).mapping, schemaOf), []);
    });

    it(`${name} has its secret by reference`, () => {
      assert.deepEqual([...checkConfig({ ...config, name }).faults], []);
      const secrets = Object.entries(config).filter(([setting]) => /token|password/.test(setting));
      assert.equal(secrets.length, 1);
      assert.match(secrets[0]![1], /^\$\{directory:\/data\/secrets:[a-z-]+\}$/);
    });
  }
});
