import { messageOf, PlatformError } from '../errors.ts';

interface KafkaJsError {
  readonly name: string;
  readonly retriable?: boolean;
  readonly type?: string;
  readonly cause?: unknown;
}

/** Answers of a broker that no repetition changes. Everything else that kafkajs reports is an outage to wait for. */
const REFUSALS = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'INVALID_RECORD',
  'INVALID_REQUIRED_ACKS',
  'INVALID_TIMESTAMP',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'POLICY_VIOLATION',
]);

/** Errors after which an idempotent producer must start over with a new producer id. */
const LOST_SEQUENCE = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'PRODUCER_FENCED',
]);

/** What a producer with a fence is told once another was opened. */
const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED']);

export function isFenced(error: unknown): boolean {
  return FENCED.has(brokerErrorType(error) ?? '');
}

/** The broker's own error name, looked for through the causes that kafkajs wraps around it. */
export function brokerErrorType(error: unknown): string | undefined {
  for (let at = error as KafkaJsError | undefined, depth = 0; at !== undefined && at !== null && depth < 5; depth++) {
    if (typeof at.type === 'string') return at.type;
    at = at.cause as KafkaJsError | undefined;
  }
  return undefined;
}

export function hasLostSequence(error: unknown): boolean {
  const type = brokerErrorType(error);
  return type !== undefined && LOST_SEQUENCE.has(type);
}

/** KAFKA_REFUSED when the broker said no for good, else KAFKA_UNAVAILABLE (retriable). */
export function kafkaError(error: unknown, doing: string): PlatformError {
  if (error instanceof PlatformError) return error;
  const type = brokerErrorType(error);
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION') {
    return new PlatformError('KAFKA_NO_TOPIC', `${doing}: there is no such topic`, { cause: error });
  }
  const code = type !== undefined && REFUSALS.has(type) ? 'KAFKA_REFUSED' : 'KAFKA_UNAVAILABLE';
  return new PlatformError(code, `${doing}: ${type ?? messageOf(error)}`, { cause: error });
}
