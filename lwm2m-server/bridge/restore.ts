import { isRetriable, messageOf } from '../../common/errors.ts';
import type { KafkaCluster } from '../../common/kafka/client.ts';
import { readTopic } from '../../common/kafka/read-topic.ts';
import type { Log } from '../../common/log.ts';
import type { RecordReader } from '../../common/records.ts';
import type { AvroResponse, AvroResponseObserve, ModelState, ServerState } from '../../schemas/generated/records.ts';
import { TOPICS } from '../../schemas/topics.ts';
import type { Observation } from '../observation/observations.ts';
import type { RecordedNotifications } from '../observation/recorded-notifications.ts';
import type { Registration } from '../registration/registration.ts';
import type { AnsweredCommands } from './answered-commands.ts';
import { registrationFromState } from './avro-registrations.ts';
import { identityOf, observationFromState } from './state-entries.ts';
import { WaitingCommand } from './waiting-command.ts';

/** Newest notifications looked through for repetitions after a restart: more than can be in flight towards one server. */
const RECORDED_LIMIT = 50_000;

export interface RestoredState {
  readonly registrations: readonly Registration[];
  /** All in doubt: whether their devices still hold them is not known. */
  readonly observations: readonly Observation[];
  /** Commands without a reply, oldest first. */
  readonly commands: readonly WaitingCommand[];
  readonly models: readonly ModelState[];
}

export interface RestoreOptions {
  readonly gatewayId: string;
  readonly kafka: KafkaCluster;
  readonly state: RecordReader<ServerState>;
  readonly replies: RecordReader<AvroResponse>;
  readonly notifications: RecordReader<AvroResponseObserve>;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/**
 * The state as the topic holds it: the last record of each key, without those that a tombstone ended. What cannot be read is no
 * record of ours: it is left out and reported. Errors: KAFKA_UNAVAILABLE.
 */
export async function restoreState(o: RestoreOptions): Promise<RestoredState> {
  const topic = TOPICS.state.nameFor(o.gatewayId);
  const entries = new StateEntries();
  const unreadable = new Unreadable(topic, o.log);
  await readTopic({
    ...o,
    topic,
    onRecord: async ({ key, value }) => {
      if (key === null) return;
      const name = key.toString('latin1');
      entries.delete(name);
      if (value !== null)
        await unreadable.orElse(async () => entries.set(name, await o.state.decode(value), value.length));
    },
  });
  unreadable.report();
  return entries.all();
}

/** The entries of the state topic by what they are of. Each is made at once into what the server keeps: 100,000 records would be as many buffers. */
export class StateEntries {
  readonly #registrations = new Map<string, Registration>();
  readonly #observations = new Map<string, Observation>();
  readonly #commands = new Map<string, WaitingCommand>();
  readonly #models = new Map<string, ModelState>();

  /** Throws for what we never wrote. */
  set(key: string, { body }: ServerState, bytes: number): void {
    if ('io.zeelos.lwm2m.state.RegistrationState' in body)
      this.#registrations.set(key, registrationFromState(body['io.zeelos.lwm2m.state.RegistrationState']));
    else if ('io.zeelos.lwm2m.state.ObservationState' in body)
      this.#observations.set(key, observationFromState(body['io.zeelos.lwm2m.state.ObservationState']));
    else if ('io.zeelos.lwm2m.state.ModelState' in body)
      this.#models.set(key, body['io.zeelos.lwm2m.state.ModelState']);
    else this.#commands.set(key, WaitingCommand.fromState(body['io.zeelos.lwm2m.state.CommandState'], bytes));
  }

  delete(key: string): void {
    for (const entries of [this.#registrations, this.#observations, this.#commands, this.#models]) entries.delete(key);
  }

  all(): RestoredState {
    return {
      registrations: [...this.#registrations.values()],
      observations: [...this.#observations.values()],
      commands: [...this.#commands.values()].sort(inTheirOrder),
      models: [...this.#models.values()],
    };
  }
}

/**
 * A record that was written again stands behind those that waited for it: what was started comes first, the others as they came.
 * A command that came in no topic has no number and keeps its place at the end.
 */
function inTheirOrder(one: WaitingCommand, other: WaitingCommand): number {
  const started = Number(other.startedBefore) - Number(one.startedBefore);
  if (started !== 0) return started;
  return (one.sequence ?? Number.MAX_SAFE_INTEGER) - (other.sequence ?? Number.MAX_SAFE_INTEGER);
}

/** Which commands already have their reply. */
export async function restoreAnswered(o: RestoreOptions, answered: AnsweredCommands): Promise<void> {
  const topic = TOPICS.replies.nameFor(o.gatewayId);
  const unreadable = new Unreadable(topic, o.log);
  await readTopic({
    ...o,
    topic,
    lastRecords: answered.limit,
    onRecord: async ({ value }) => {
      const reply = value === null ? undefined : await unreadable.orElse(() => o.replies.decode(value));
      if (reply !== undefined) answered.add(identityOf(reply.ep, reply.ticket, reply.rep.kind, reply.path));
    },
  });
  unreadable.report();
}

/** Which notifications a former run recorded and may not have acknowledged. */
export async function restoreRecorded(o: RestoreOptions, recorded: RecordedNotifications): Promise<void> {
  const topic = TOPICS.observations.nameFor(o.gatewayId);
  const unreadable = new Unreadable(topic, o.log);
  await readTopic({
    ...o,
    topic,
    lastRecords: RECORDED_LIMIT,
    onRecord: async ({ value }) => {
      const record = value === null ? undefined : await unreadable.orElse(() => o.notifications.decode(value));
      if (record !== undefined) recorded.remember(record);
    },
  });
  unreadable.report();
}

/** Records in our own topics that others wrote: they must not keep a gateway from starting. */
class Unreadable {
  readonly #topic: string;
  readonly #log: Log;
  #count = 0;
  #reason = '';

  constructor(topic: string, log: Log) {
    this.#topic = topic;
    this.#log = log;
  }

  async orElse<T>(decode: () => Promise<T>): Promise<T | undefined> {
    try {
      return await decode();
    } catch (error) {
      if (isRetriable(error)) throw error;
      this.#count++;
      this.#reason = messageOf(error);
      return undefined;
    }
  }

  report(): void {
    if (this.#count === 0) return;
    const found = { topic: this.#topic, records: this.#count, last: this.#reason };
    this.#log.warn(found, 'records that this gateway did not write are left out; see who produced them');
  }
}
