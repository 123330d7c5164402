import { join } from 'node:path';
import type { ServerName } from '../stack/stack.ts';
import { connectorsFolder } from './connector-files.ts';
import { ANALYSIS_NAMES, type AnalysisName, DEFAULT_ANALYSES, resultTopics } from './edge-analyses.ts';
import type { SystemAddresses } from './running-system.ts';

export type ServiceName =
  | 'lwm2m-server'
  | 'replicator'
  | 'connect'
  | `stream-${AnalysisName}`
  | 'simulate-modbus'
  | 'modbus'
  | 'simulate';

/** What the flags of a service are made of. */
export interface ServiceSite {
  readonly gatewayId: string;
  /** Full path. */
  readonly dataDir: string;
  readonly addresses: SystemAddresses;
  readonly connectPort: number;
  /** Holds the files that connectors refer to. */
  readonly secretsFolder: string;
  /** Paths that the server observes on each device. */
  readonly observe: readonly string[];
  /** Mapping file of the Modbus adapter. */
  readonly modbusMapping: string;
  readonly alarmRules: string;
  readonly simulatedDevices: number;
}

/** By name without the dashes; an empty value is left out. */
type Flags = Readonly<Record<string, string | number>>;

export interface ServiceRow {
  /** The sub-command with its operands; the name of the service when absent. */
  readonly words?: readonly string[];
  readonly healthPort: number;
  /** What must answer before it is started; it would wait by itself, but with a less telling log. */
  readonly needs: { readonly servers?: readonly ServerName[]; readonly services?: readonly ServiceName[] };
  /** Where it stands; what stands in the cloud belongs to no gateway. */
  readonly at: 'edge' | 'cloud';
  /** All but the health port. No secret, since arguments can be seen by others. */
  flags(site: ServiceSite): Flags;
}

/** Every service of a system, in the order in which they are started. */
export const SERVICES: Readonly<Record<ServiceName, ServiceRow>> = {
  'lwm2m-server': {
    healthPort: 9100,
    needs: { servers: ['kafka-edge', 'registry'] },
    at: 'edge',
    flags: (site) => ({
      ...enrolled(site),
      'coap-port': site.addresses.coapPort,
      'rest-port': new URL(site.addresses.restUrl).port,
      observe: site.observe.join(','),
    }),
  },
  replicator: {
    healthPort: 9110,
    needs: { servers: ['kafka-edge', 'kafka-cloud'] },
    at: 'edge',
    flags: ({ gatewayId, addresses }) => ({
      'gateway-id': gatewayId,
      'edge-brokers': addresses.edgeBrokers,
      'cloud-brokers': addresses.cloudBrokers,
      'up-topics': resultTopics(gatewayId).join(','),
    }),
  },
  connect: {
    healthPort: 9122,
    needs: { servers: ['kafka-cloud', 'registry'] },
    at: 'cloud',
    flags: ({ addresses, dataDir, connectPort, secretsFolder }) => ({
      'kafka-brokers': addresses.cloudBrokers,
      'registry-url': addresses.registryUrl,
      'connectors-folder': connectorsFolder(dataDir),
      'secret-folders': secretsFolder,
      'rest-port': connectPort,
    }),
  },
  'stream-counts': stream('counts', 9140),
  'stream-maxper30sec': stream('maxper30sec', 9141),
  'stream-downsample': stream('downsample', 9142),
  'stream-alarms': stream('alarms', 9143),
  'simulate-modbus': {
    healthPort: 9130,
    needs: {},
    at: 'edge',
    flags: ({ addresses }) => ({ 'modbus-port': addresses.modbusPort }),
  },
  modbus: {
    healthPort: 9131,
    needs: { services: ['lwm2m-server'] },
    at: 'edge',
    flags: (site) => ({ 'mapping-file': site.modbusMapping, 'server-uri': serverUri(site) }),
  },
  simulate: {
    healthPort: 9132,
    needs: { services: ['lwm2m-server'] },
    at: 'edge',
    flags: (site) => ({ 'server-uri': serverUri(site), count: site.simulatedDevices, prefix: 'sensor-' }),
  },
};

export const SERVICE_NAMES = Object.keys(SERVICES) as readonly ServiceName[];

/** What a system runs with these analyses, and with simulated devices or without. */
export function servicesWith(o: {
  readonly analyses: readonly AnalysisName[];
  readonly simulated: boolean;
}): readonly ServiceName[] {
  const left = new Set<ServiceName>(
    ANALYSIS_NAMES.filter((name) => !o.analyses.includes(name)).map((name) => `stream-${name}` as const),
  );
  if (!o.simulated) left.add('simulate');
  return SERVICE_NAMES.filter((name) => !left.has(name));
}

/** What `zeelos up` runs when nothing else is said. */
export const DEFAULT_SERVICES = servicesWith({ analyses: DEFAULT_ANALYSES, simulated: true });

/** The words of the process of a service. */
export function argumentsOf(name: ServiceName, site: ServiceSite, healthPort: number): readonly string[] {
  const { words = [name], flags } = SERVICES[name];
  const all = Object.entries<string | number>({ ...flags(site), 'health-port': healthPort });
  return [...words, ...all.flatMap(([flag, value]) => (value === '' ? [] : [`--${flag}`, String(value)]))];
}

function stream(analysis: AnalysisName, healthPort: number): ServiceRow {
  return {
    words: ['stream', analysis],
    healthPort,
    // The server makes the topic that is read, and the file of schema ids that both use.
    needs: { servers: ['kafka-edge'], services: ['lwm2m-server'] },
    at: 'edge',
    flags: (site) => ({ ...enrolled(site), 'rules-file': analysis === 'alarms' ? site.alarmRules : '' }),
  };
}

function enrolled({ gatewayId, dataDir, addresses }: ServiceSite): Flags {
  return {
    'gateway-id': gatewayId,
    'kafka-brokers': addresses.edgeBrokers,
    'registry-url': addresses.registryUrl,
    'snapshot-file': join(dataDir, 'edge', gatewayId, 'schemas.json'),
  };
}

function serverUri({ addresses }: ServiceSite): string {
  return `coap://127.0.0.1:${addresses.coapPort}`;
}
