import { isRetriable, messageOf } from '../../common/errors.ts';
import type { KafkaCluster } from '../../common/kafka/client.ts';
import { readTopic } from '../../common/kafka/read-topic.ts';
import type { Log } from '../../common/log.ts';
import type { RecordReader } from '../../common/records.ts';
import type {
  AvroResponse,
  AvroResponseObserve,
  ModelState,
  ObservationState,
  ServerState,
} from '../../schemas/generated/records.ts';
import { TOPICS } from '../../schemas/topics.ts';
import type { RecordedNotifications } from '../observation/recorded-notifications.ts';
import type { Registration } from '../registration/registration.ts';
import { ANSWERED_LIMIT, type AnsweredCommands } from './answered-commands.ts';
import { registrationFromState } from './avro-registrations.ts';
import { identityOf } from './state-entries.ts';
import { WaitingCommand } from './waiting-command.ts';

/** Newest notifications looked through for repetitions after a restart: more than can be in flight towards one server. */
const RECORDED_LIMIT = 50_000;

export interface RestoredState {
  readonly registrations: readonly Registration[];
  readonly observations: readonly ObservationState[];
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
  const entries = new Map<string, Buffer>();
  const topic = TOPICS.state.nameFor(o.gatewayId);
  await readTopic({
    ...o,
    topic,
    onRecord: ({ key, value }) => {
      if (key === null) return;
      if (value === null) entries.delete(key.toString('latin1'));
      else entries.set(key.toString('latin1'), value);
    },
  });
  const unreadable = new Unreadable(topic, o.log);
  const restoring = new StateEntries();
  for (const value of entries.values()) {
    await unreadable.orElse(async () => restoring.take(await o.state.decode(value), value.length));
  }
  unreadable.report();
  return restoring.all();
}

/** Sorts the entries of the state topic by what they are of. */
export class StateEntries {
  readonly #registrations: Registration[] = [];
  readonly #observations: ObservationState[] = [];
  readonly #commands: WaitingCommand[] = [];
  readonly #models: ModelState[] = [];

  /** Throws for what we never wrote. */
  take({ body }: ServerState, bytes: number): void {
    if ('io.zeelos.lwm2m.state.RegistrationState' in body)
      this.#registrations.push(registrationFromState(body['io.zeelos.lwm2m.state.RegistrationState']));
    else if ('io.zeelos.lwm2m.state.ObservationState' in body)
      this.#observations.push(body['io.zeelos.lwm2m.state.ObservationState']);
    else if ('io.zeelos.lwm2m.state.ModelState' in body) this.#models.push(body['io.zeelos.lwm2m.state.ModelState']);
    else this.#commands.push(WaitingCommand.fromState(body['io.zeelos.lwm2m.state.CommandState'], bytes));
  }

  all(): RestoredState {
    this.#commands.sort(inTheirOrder);
    return {
      registrations: this.#registrations,
      observations: this.#observations,
      commands: this.#commands,
      models: this.#models,
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
    lastRecords: ANSWERED_LIMIT,
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
