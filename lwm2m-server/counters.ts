import { Counter, Gauge, type Registry } from 'prom-client';
import { CONTENT_FORMATS, type ContentFormatName, contentFormatName } from '../lwm2m/content/content-formats.ts';

/** What the server counts of its own; each name is a metric. Plain numbers on the hot path, read when the metrics are asked for. */
export const SERVER_COUNTERS = {
  registrations_new: 'devices that registered',
  registrations_updated: 'registration updates',
  registrations_deregistered: 'devices that left',
  registrations_expired: 'registrations whose lifetime ran out',
  registrations_refused: 'registrations answered with an error code',
  registrations_shed:
    'registrations and updates answered with 5.03, because Kafka took nothing, too many came at once or the limit was reached',
  children_registered: 'devices behind a gateway that were registered, as its object 25 says',
  children_updated: 'devices behind a gateway whose objects or address changed',
  children_ended: 'devices behind a gateway that are no more, or whose gateway is not',
  children_left_out:
    'instances of object 25 that are no devices: of a gateway with too many, with a bad or repeated prefix or id, or with a name that is taken',
  children_without_objects: 'devices behind a gateway whose list of objects cannot be read',
  gateways_unread: 'times that the object 25 of a gateway could not be read; its children stay as they were',
  notifications_recorded: 'notifications appended for Kafka',
  notifications_acknowledged: 'confirmable notifications acknowledged after their record was committed',
  notifications_repeated: 'notifications that a former run had recorded already',
  notifications_reordered: 'notifications older than one already recorded; recorded all the same',
  notifications_unknown_token: 'notifications of no known observation, answered with a reset',
  notifications_after_end:
    'notifications of an observation that was cancelled, refused or replaced, answered with a reset',
  notifications_no_registration: 'notifications of a device whose registration ended, answered with a reset',
  notifications_wrong_peer: 'notifications from an address that is not the registered one, answered with a reset',
  notifications_undecodable: 'notifications whose content could not be read; recorded with the reason',
  content_faults: 'records within a payload that could not be read while others of it could; recorded with the reason',
  sends_recorded: 'Send messages appended for Kafka',
  sends_acknowledged: 'Send messages answered after their records were committed',
  sends_refused: 'Send messages answered with an error code, because of the sender or of their content',
  sends_shed: 'Send messages answered with 5.03, because Kafka took nothing',
  notifications_ended: 'notifications with an error code, which end their observation',
  notifications_shed: 'notifications left unanswered, because the backlog was full or the record was not committed',
  model_version_mismatch:
    'values read with a model that is older than the version their device announced, or of another major version; see which to upload',
  commands_received: 'commands taken from the topic',
  commands_repeated: 'commands seen before, not run again',
  commands_undecodable: 'records of the command topic that could not be read, dead-lettered',
  commands_answered: 'replies committed',
  commands_expired: 'commands answered as expired',
  commands_interrupted: 'commands that were running when the server died, answered as of unknown outcome',
} as const;

export type ServerCounter = keyof typeof SERVER_COUNTERS;

/** Content formats that faults are counted by; `unknown` stands for every other number. */
export const DECODE_FORMATS = [...(Object.keys(CONTENT_FORMATS) as ContentFormatName[]), 'unknown'] as const;
type DecodeCounter = `decode_errors_${(typeof DECODE_FORMATS)[number]}`;

export type ServerCounters = Record<ServerCounter | DecodeCounter, number>;

export function newServerCounters(): ServerCounters {
  const names = [...Object.keys(SERVER_COUNTERS), ...DECODE_FORMATS.map((format) => `decode_errors_${format}`)];
  return Object.fromEntries(names.map((name) => [name, 0])) as ServerCounters;
}

/** @param contentFormat of the payload; undefined counts as text, as it is read */
export function countDecodeErrors(counters: ServerCounters, contentFormat: number | undefined, faults = 1): void {
  const format = contentFormatName(contentFormat ?? CONTENT_FORMATS.TEXT.number) ?? 'unknown';
  counters[`decode_errors_${format}`] += faults;
}

/** Shows counters under `<prefix>_<name>_total`, in snake case as Prometheus has it. */
export function exposeCounters(
  registry: Registry,
  prefix: string,
  about: Readonly<Record<string, string>>,
  counters: Readonly<Record<string, number>>,
): void {
  for (const [name, help] of Object.entries(about)) {
    new Counter({
      name: `${prefix}_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_total`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(counters[name] ?? 0);
      },
    });
  }
}

export function exposeGauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}
