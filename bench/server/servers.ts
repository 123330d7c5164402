import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type SchemaSnapshot, subjectsOf, writeSnapshot } from '../../common/schema-registry.ts';
import { TOPICS } from '../../schemas/topics.ts';
import type { Broker, Yardstick } from '../yardstick.ts';
import type { ServerSettings } from './settings.ts';

const BIN = fileURLToPath(new URL('../../bin/zeelos.ts', import.meta.url));

/** What every device is observed at, by both servers. */
export const OBSERVED = '/3303/0/5700';

export type Side = 'ours' | 'peer';

/** One of the two servers as the yardstick wants it: how to start it, where its records hold the value, how to command it. */
export interface ServerUnderTest {
  readonly side: Side;
  readonly gatewayId: string;
  readonly command: readonly string[];
  readonly observationArgs: readonly string[];
  readonly commandArgs: readonly string[];
}

export interface Surroundings {
  readonly settings: ServerSettings;
  readonly yardstick: Yardstick;
  readonly broker: Broker;
  readonly ports: { readonly coap: number; readonly health: number };
  readonly folder: string;
}

/** A server with a gateway id that was never used, so that it finds no topic and no state of another. */
export function serverUnderTest(side: Side, gatewayId: string, o: Surroundings): ServerUnderTest {
  return side === 'ours' ? ours(gatewayId, o) : peer(gatewayId, o);
}

function ours(gatewayId: string, { settings, broker, ports, folder }: Surroundings): ServerUnderTest {
  const files = join(folder, gatewayId);
  mkdirSync(files);
  const snapshot = snapshotOf(gatewayId);
  writeSnapshot(join(files, 'schemas.json'), snapshot);
  const schemaOf = (topic: 'observations' | 'requests' | 'replies') => {
    const file = join(files, `${topic}.avsc`);
    const id = snapshot.subjects[`${TOPICS[topic].nameFor(gatewayId)}-value`]!;
    writeFileSync(file, JSON.stringify(snapshot.schemas[id]));
    return { file, id, type: TOPICS[topic].value, schema: snapshot.schemas[id] as RecordSchema };
  };
  const [observations, requests, replies] = [schemaOf('observations'), schemaOf('requests'), schemaOf('replies')];
  const flags = {
    'gateway-id': gatewayId,
    'kafka-brokers': broker.address,
    // Nobody listens there: the snapshot has every id.
    'registry-url': 'http://127.0.0.1:9',
    'snapshot-file': join(files, 'schemas.json'),
    'coap-port': ports.coap,
    'health-port': ports.health,
    'rest-port': 0,
    'max-registrations': 200_000,
    observe: OBSERVED,
  };
  const words = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  return {
    ...{ side: 'ours', gatewayId },
    command: [process.execPath, ...settings.nodeFlags, BIN, 'lwm2m-server', ...words],
    observationArgs: [
      ...['--format', 'avro', '--schema', observations.file, '--type', observations.type],
      ...['--field', 'rep.body.content.value'],
    ],
    commandArgs: [
      ...['--schema', requests.file, '--type', requests.type, '--schema-id', String(requests.id)],
      ...['--rep-schema', replies.file, '--rep-type', replies.type, '--code-field', 'rep.code'],
      ...['--template', requestTemplate(requests.schema)],
    ],
  };
}

function peer(gatewayId: string, { settings, yardstick, broker, ports }: Surroundings): ServerUnderTest {
  const jar = join(yardstick.cache, 'leshan-peer/leshan-peer-1.jar');
  const classes = `${jar}:${join(yardstick.cache, 'leshan-peer/libs')}/*`;
  const { peerSchemas } = yardstick;
  return {
    ...{ side: 'peer', gatewayId },
    command: [
      ...[yardstick.java, ...words(settings.peerJava), '-cp', classes, 'yardstick.LeshanPeer'],
      ...['--port', String(ports.coap), '--gw', gatewayId, '--bootstrap', broker.address],
      ...['--observe', OBSERVED, ...words(settings.peerArgs)],
    ],
    observationArgs: [
      '--format',
      'avro',
      '--schema',
      peerSchemas,
      '--type',
      'yardstick.Observation',
      '--field',
      'value',
    ],
    commandArgs: [
      ...['--schema', peerSchemas, '--type', 'yardstick.Request', '--schema-id', '4'],
      ...['--rep-type', 'yardstick.Response'],
    ],
  };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/** What a registry would answer; ids are only numbers, and here nobody else gives any out. */
function snapshotOf(gatewayId: string): SchemaSnapshot {
  const subjects: Record<string, number> = {};
  const schemas: Record<string, unknown> = {};
  for (const [subject, schema] of subjectsOf(gatewayId)) {
    const id = Object.keys(subjects).length + 1;
    subjects[subject] = id;
    schemas[String(id)] = schema;
  }
  return { gatewayId, subjects, schemas };
}

interface RecordSchema {
  readonly fields: readonly { readonly name: string; readonly default?: unknown }[];
}

/** A read in Avro's JSON encoding, which has to name every field. */
function requestTemplate(schema: RecordSchema): string {
  const payload = { kind: 'read', path: '$PATH', contentFormat: 'TEXT_CODE', body: null };
  const known: Readonly<Record<string, unknown>> = { serverId: '$SERVER', ep: '$EP', ticket: '$TICKET', payload };
  const fields = schema.fields.map((field) => [field.name, known[field.name] ?? field.default ?? null]);
  return JSON.stringify(Object.fromEntries(fields));
}
