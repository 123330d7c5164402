import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connectorConfigs } from '../../../bin/connector-files.ts';
import { resultTopics } from '../../../bin/edge-analyses.ts';
import type { Stack } from '../../../stack/stack.ts';
import { attachJmxAgent } from '../../peers/jmx-agent.ts';
import type { Peer } from '../../peers/peer-process.ts';
import { providePrometheus, startNodeExporter, startPrometheus } from '../../peers/prometheus.ts';
import { eventually } from '../../rig/eventually.ts';
import { useStack } from '../../rig/rig.ts';
import { GatewayDevice } from './gateway-device.ts';
import { COMMANDS, Operator } from './operator.ts';
import { InfluxReader, PrometheusReader } from './readers.ts';
import { ports, Service } from './service.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PROMETHEUS_FILES = join(ROOT, 'swarm/prometheus');
const JMX_RULES = join(PROMETHEUS_FILES, 'kafka-jmx.yml');

const ALARM_RULES = {
  rules: [
    { name: 'warm', kind: 'threshold', path: '/3303/*/5700', above: 1 },
    { name: 'mute', kind: 'silence', endpoint: 'pic-gone-*', seconds: 2 },
  ],
};

/** A gateway with devices, its way to the cloud, the store there, and a Prometheus that reads all of them: what the dashboards look at. */
export class Chain {
  readonly gatewayId = `pic${process.pid}`;
  readonly #folder = mkdtempSync(join(tmpdir(), 'zeelos-pictures-'));
  readonly #services: Service[] = [];
  readonly #peers: Peer[] = [];
  #site: GatewayDevice | undefined;
  /** A device that goes while the chain runs. */
  #leaving: Service | undefined;
  /** Groups of targets for Prometheus. */
  readonly #targets: { targets: string[]; labels: Record<string, string> }[] = [];
  readonly stack: Stack;
  influx!: InfluxReader;
  prometheus!: PrometheusReader;

  private constructor(stack: Stack) {
    this.stack = stack;
  }

  static async start(): Promise<Chain> {
    const chain = new Chain(await useStack('kafka-edge', 'kafka-cloud', 'registry', 'influxdb', 'orientdb'));
    try {
      await chain.#start();
      return chain;
    } catch (error) {
      await chain.stop();
      throw error;
    }
  }

  /** Where each target shows its metrics. */
  get metricsUrls(): readonly string[] {
    return this.#targets.flatMap(({ targets }) => targets.map((target) => `http://${target}/metrics`));
  }

  async #start(): Promise<void> {
    const [coap, modbus, ...free] = await ports(24);
    const { kafkaEdge, kafkaCloud, registry, influxdb } = this.stack.ports;
    const { influx, orientdb } = this.stack.credentials;
    const [edge, cloud] = [`127.0.0.1:${kafkaEdge}`, `127.0.0.1:${kafkaCloud}`];
    const registryUrl = `http://127.0.0.1:${registry}/apis/ccompat/v7`;
    const influxUrl = `http://127.0.0.1:${influxdb}`;
    const gateway = this.gatewayId;
    const service = (words: string[], flags: Record<string, string | number>, at?: string) => {
      const started = new Service(words, free.pop()!, flags);
      this.#services.push(started);
      this.#watch(started.job, started.healthPort, at);
      return started;
    };
    const snapshotFile = join(this.#folder, 'schemas.json');
    const observed = ['/3303/*/5700', '/3/0/13', '/26241/0/26253', '/3/0/14'].join(',');
    const server = service(
      ['lwm2m-server'],
      {
        ...{ 'gateway-id': gateway, 'kafka-brokers': edge, 'registry-url': registryUrl, 'snapshot-file': snapshotFile },
        ...{ 'coap-port': coap!, rest: 'no', observe: observed },
      },
      gateway,
    );
    service(['simulate-modbus'], { 'modbus-port': modbus!, 'interval-ms': 200 }, gateway);
    service(
      ['modbus'],
      { 'mapping-file': this.#modbusMapping(modbus!), 'server-uri': `coap://127.0.0.1:${coap}` },
      gateway,
    );
    const agents = this.#attachAgents([free.pop()!, free.pop()!]);
    agents.catch(() => undefined); // heard below
    await server.ready();
    const operator = new Operator(gateway, registryUrl);
    await operator.minuteBefore(edge);
    const replicator = service(
      ['replicator'],
      {
        ...{ 'gateway-id': gateway, 'edge-brokers': edge, 'cloud-brokers': cloud },
        'up-topics': resultTopics(gateway).join(','),
      },
      gateway,
    );
    this.#site = await GatewayDevice.start('pic-site', coap!);
    const serverUri = `coap://127.0.0.1:${coap}`;
    const leaving = new Service(['simulate'], free.pop()!, { 'server-uri': serverUri, prefix: 'pic-gone-' });
    this.#leaving = leaving;
    service(
      ['simulate'],
      { 'server-uri': `coap://127.0.0.1:${coap}`, count: 3, prefix: 'pic-', 'interval-ms': 200 },
      gateway,
    );
    const analysis = { 'gateway-id': gateway, 'kafka-brokers': edge, 'registry-url': registryUrl };
    const own = {
      counts: {},
      maxper30sec: {},
      downsample: { 'window-seconds': 5 },
      alarms: { 'rules-file': this.#rules() },
    };
    for (const [name, flags] of Object.entries(own))
      service(['stream', name], { ...analysis, 'snapshot-file': snapshotFile, 'grace-seconds': 0, ...flags }, gateway);
    await replicator.ready();
    this.influx = await InfluxReader.open(influxUrl, influx);
    service(['connect'], {
      ...{ 'kafka-brokers': cloud, 'registry-url': registryUrl },
      ...{ 'group-id': `connect-${gateway}`, 'rest-port': free.pop()! },
      'connectors-folder': this.#connectors(influxUrl, influx.tokenFile),
      'secret-folders': [influx.tokenFile, orientdb.passwordFile].map((file) => dirname(file)).join(','),
    });
    await eventually('the device that leaves has been heard', async () =>
      /^zeelos_simulator_notifications\S* [1-9]/m.test(await leaving.metrics()),
    );
    await leaving.stop();
    await agents;
    await this.#startPrometheus([free.pop()!, free.pop()!]);
    // A rate sees only what changes between two readings.
    const read = 'lwm2m_commands_received_total';
    await eventually('the first reading', async () => (await this.prometheus.series(read, 'instant')).length > 0);
    await operator.command(cloud);
    for (const one of this.#services) await one.ready();
    const stored = async () => (await this.influx.rows(storedReplies(gateway))).length;
    await eventually('all replies are stored', async () => (await stored()) === COMMANDS.length, 60_000);
  }

  #modbusMapping(port: number): string {
    const mapping = JSON.parse(readFileSync(join(ROOT, 'adapters/modbus/demo-mapping.json'), 'utf8'));
    mapping.connection.port = port;
    for (const unit of mapping.units) unit.pollMs = 300;
    const file = join(this.#folder, 'modbus.json');
    writeFileSync(file, JSON.stringify(mapping));
    return file;
  }

  #rules(): string {
    const file = join(this.#folder, 'rules.json');
    writeFileSync(file, JSON.stringify(ALARM_RULES));
    return file;
  }

  /** In the worker: the connectors as `zeelos up` has them, and what was stored, back to Kafka. */
  #connectors(influxUrl: string, tokenFile: string): string {
    const folder = join(this.#folder, 'connectors');
    mkdirSync(folder);
    const config = {
      'connector.class': 'InfluxSourceConnector',
      topic: `rows.${this.gatewayId}`,
      'connect.influx.url': influxUrl,
      'connect.influx.token': readFileSync(tokenFile, 'utf8').trim(),
      'connect.influx.start': new Date(Date.now() - 60_000).toISOString(),
      'connect.influx.key': 'ep',
      'connect.influx.delay.ms': '0',
      'connect.influx.query': `from(bucket: "zeelosdb") |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
        |> filter(fn: (r) => r._measurement == "resources" and r.serverId == "${this.gatewayId}" and r._field == "value")`,
    };
    const { credentials, ports } = this.stack;
    const addresses = { gatewayId: this.gatewayId, influxUrl, orientPort: ports.orientdbBinary };
    const ofUp = connectorConfigs({ addresses, credentials });
    const configs = { [`rows-${this.gatewayId}`]: config, ...ofUp };
    for (const [name, one] of Object.entries(configs))
      writeFileSync(join(folder, `${name}.json`), JSON.stringify({ name, config: one }));
    return folder;
  }

  async #attachAgents(agentPorts: readonly number[]): Promise<void> {
    const brokers = [
      ['kafka-edge', { gateway: this.gatewayId }],
      ['kafka-cloud', {}],
    ] as const;
    for (const [index, [server, labels]] of brokers.entries()) {
      const port = agentPorts[index]!;
      await attachJmxAgent(this.stack.pid(server)!, port, JMX_RULES);
      this.#targets.push({ targets: [`127.0.0.1:${port}`], labels: { job: 'kafka', ...labels } });
    }
  }

  async #startPrometheus([nodePort, port]: readonly [number, number]): Promise<void> {
    const programs = await providePrometheus();
    this.#peers.push(await startNodeExporter(programs, nodePort));
    this.#watch('node', nodePort);
    // The project's own files; only the pace is that of a test, and the targets are those of this one.
    const folder = join(this.#folder, 'prometheus');
    cpSync(PROMETHEUS_FILES, folder, { recursive: true, filter: (file) => !file.endsWith('local.json') });
    const config = join(folder, 'prometheus.yml');
    const text = readFileSync(config, 'utf8');
    const quick = text.replaceAll('15s', '1s').replaceAll('10s', '1s');
    assert.notEqual(quick, text);
    writeFileSync(config, quick);
    writeFileSync(join(folder, 'targets', 'test.json'), JSON.stringify(this.#targets));
    this.#peers.push(await startPrometheus(programs, { config, dataDir: join(this.#folder, 'tsdb'), port }));
    this.prometheus = new PrometheusReader(`http://127.0.0.1:${port}`);
  }

  #watch(job: string, port: number, gateway?: string): void {
    this.#targets.push({ targets: [`127.0.0.1:${port}`], labels: { job, ...(gateway !== undefined && { gateway }) } });
  }

  async stop(): Promise<void> {
    for (const peer of [...this.#peers].reverse()) await peer.stop();
    this.#site?.stop();
    await this.#leaving?.stop();
    await Promise.all([...this.#services].reverse().map((service) => service.stop()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function storedReplies(gatewayId: string): string {
  return `from(bucket: v.defaultBucket) |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
    |> filter(fn: (r) => r._measurement == "commands" and r.serverId == "${gatewayId}" and r._field == "ticket") |> group()`;
}
