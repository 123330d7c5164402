import type { KafkaCluster } from '../../common/kafka/client.ts';
import { readTopic } from '../../common/kafka/read-topic.ts';
import type { Log } from '../../common/log.ts';
import type { RecordReader } from '../../common/records.ts';
import type {
  AvroResponse,
  AvroResponseObserve,
  CommandState,
  ObservationState,
  ServerState,
} from '../../schemas/generated/records.ts';
import { TOPICS } from '../../schemas/topics.ts';
import type { RecordedNotifications } from '../observation/recorded-notifications.ts';
import type { Registration } from '../registration/registration.ts';
import { ANSWERED_LIMIT, type AnsweredCommands } from './answered-commands.ts';
import { registrationFromAvro } from './avro-registrations.ts';
import { identityOf } from './state-entries.ts';

/** Newest notifications looked through for repetitions after a restart: more than can be in flight towards one server. */
const RECORDED_LIMIT = 50_000;

export interface RestoredState {
  readonly registrations: readonly Registration[];
  readonly observations: readonly ObservationState[];
  /** Commands without a reply, oldest first. */
  readonly commands: readonly CommandState[];
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

/** The state as the topic holds it: the last record of each key, without those that a tombstone ended. Errors: KAFKA_UNAVAILABLE, AVRO_*. */
export async function restoreState(o: RestoreOptions): Promise<RestoredState> {
  const entries = new Map<string, Buffer>();
  const topic = TOPICS.state.nameFor(o.gatewayId);
  await readTopic({
    ...o,
    topic,
    onRecord: ({ key, value }) => {
      if (key === null) return;
      if (value === null) entries.delete(key.toString());
      else entries.set(key.toString(), value);
    },
  });
  const registrations: Registration[] = [];
  const observations: ObservationState[] = [];
  const commands: CommandState[] = [];
  for (const value of entries.values()) {
    const { body } = await o.state.decode(value);
    if ('io.zeelos.lwm2m.state.RegistrationState' in body)
      registrations.push(registrationFromAvro(body['io.zeelos.lwm2m.state.RegistrationState'].registration));
    else if ('io.zeelos.lwm2m.state.ObservationState' in body)
      observations.push(body['io.zeelos.lwm2m.state.ObservationState']);
    else commands.push(body['io.zeelos.lwm2m.state.CommandState']);
  }
  commands.sort((one, other) => one.receivedAt - other.receivedAt);
  return { registrations, observations, commands };
}

/** Which commands already have their reply. */
export async function restoreAnswered(o: RestoreOptions, answered: AnsweredCommands): Promise<void> {
  const topic = TOPICS.replies.nameFor(o.gatewayId);
  await readTopic({
    ...o,
    topic,
    lastRecords: ANSWERED_LIMIT,
    onRecord: async ({ value }) => {
      if (value === null) return;
      const { ep, ticket, path, rep } = await o.replies.decode(value);
      answered.add(identityOf(ep, ticket, rep.kind, path));
    },
  });
}

/** Which notifications a former run recorded and may not have acknowledged. */
export async function restoreRecorded(o: RestoreOptions, recorded: RecordedNotifications): Promise<void> {
  const topic = TOPICS.observations.nameFor(o.gatewayId);
  await readTopic({
    ...o,
    topic,
    lastRecords: RECORDED_LIMIT,
    onRecord: async ({ value }) => {
      if (value !== null) recorded.remember(await o.notifications.decode(value));
    },
  });
}
