import type { Log } from '../common/log.ts';
import type { Artifact } from './cache.ts';
import type { StackPorts } from './ports.ts';
import type { ToolName } from './toolchain.ts';

/** In the order of starting; stopped in reverse. */
export const SERVER_NAMES = ['kafka-edge', 'kafka-cloud', 'registry', 'influxdb', 'orientdb'] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

/** One kind of real server: how it is fetched, launched, and asked whether it works. */
export interface ServerKind {
  readonly name: ServerName;
  readonly artifact: Artifact;
  /** Needed to run it, besides what fetching it needs. */
  readonly runTools: readonly ToolName[];
  ports(ports: StackPorts): readonly number[];
  /** Where clients reach it. */
  url(ports: StackPorts): string;
  /** Writes its settings and lays out its folder before each start. */
  prepare(site: ServerSite): Promise<Launch>;
  /** One real request, repeated until it gives true; what is needed once (a first user, a database) is made here. Errors only when trying again is no use. */
  isReady(site: ServerSite, signal: AbortSignal): Promise<boolean>;
}

/**
 * What a record that Kafka has acknowledged survives: the end of the broker's process, or also that of the machine, because the
 * answer comes after the disk has it (docs/durability.md).
 */
export const DURABILITIES = ['process', 'power'] as const;
export type Durability = (typeof DURABILITIES)[number];

/** Settings of a broker by their Kafka names, in the place of ours. */
export type BrokerSettings = Partial<
  Readonly<Record<'kafka-edge' | 'kafka-cloud', Readonly<Record<string, string | number | boolean>>>>
>;

/** Where one server of one stack lives. */
export interface ServerSite {
  readonly ports: StackPorts;
  /** Of the edge's Kafka. */
  readonly edgeDurability: Durability;
  readonly brokerSettings: BrokerSettings;
  /** The server's own folder, kept between starts. */
  readonly home: string;
  /** Emptied before each start. */
  readonly temporary: string;
  readonly secrets: string;
  /** The cached program files. */
  readonly files: string;
  readonly logFile: string;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Launch {
  readonly program: string;
  /** Visible to every user of the machine: no secrets. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}
