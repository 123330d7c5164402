/** Who may write a topic and where its copy goes: `up` = edge to cloud, `down` = cloud to edge, `edge` = stays on the gateway. */
export type TopicDirection = 'up' | 'down' | 'edge';

export interface TopicRow {
  readonly direction: TopicDirection;
  /** Full name of the Avro record; `text` for a plain UTF-8 key. */
  readonly key: 'io.zeelos.leshan.avro.AvroKey' | 'text';
  readonly value:
    | 'io.zeelos.leshan.avro.registration.AvroRegistrationResponse'
    | 'io.zeelos.leshan.avro.response.AvroResponseObserve'
    | 'io.zeelos.leshan.avro.response.AvroResponse'
    | 'io.zeelos.leshan.avro.request.AvroRequest'
    | 'io.zeelos.lwm2m.state.ServerState'
    | 'io.zeelos.analytics.AvroWindowStatistics'
    | 'io.zeelos.analytics.AvroAlarm';
  readonly partitions: { readonly edge: number; readonly cloud: number };
  readonly cleanup: 'delete' | 'compact';
  nameFor(gatewayId: string): string;
}

const KEY = 'io.zeelos.leshan.avro.AvroKey';

/** The one table of topics. Names are the same at the edge and in the cloud, so each topic flows one way only (docs/adr/0006). */
export const TOPICS = {
  registrations: {
    direction: 'up',
    key: KEY,
    value: 'io.zeelos.leshan.avro.registration.AvroRegistrationResponse',
    partitions: { edge: 1, cloud: 2 },
    cleanup: 'delete',
    nameFor: (gatewayId: string) => `iot.${gatewayId}.registrations`,
  },
  observations: {
    direction: 'up',
    key: KEY,
    value: 'io.zeelos.leshan.avro.response.AvroResponseObserve',
    partitions: { edge: 1, cloud: 2 },
    cleanup: 'delete',
    nameFor: (gatewayId: string) => `iot.${gatewayId}.observations`,
  },
  replies: {
    direction: 'up',
    key: KEY,
    value: 'io.zeelos.leshan.avro.response.AvroResponse',
    partitions: { edge: 1, cloud: 2 },
    cleanup: 'delete',
    nameFor: (gatewayId: string) => `iot.${gatewayId}.management.rep`,
  },
  requests: {
    direction: 'down',
    key: KEY,
    value: 'io.zeelos.leshan.avro.request.AvroRequest',
    partitions: { edge: 1, cloud: 1 },
    cleanup: 'delete',
    nameFor: (gatewayId: string) => `iot.${gatewayId}.management.req`,
  },
  state: {
    direction: 'edge',
    key: 'text',
    value: 'io.zeelos.lwm2m.state.ServerState',
    partitions: { edge: 1, cloud: 0 },
    cleanup: 'compact',
    nameFor: (gatewayId: string) => `lwm2m.${gatewayId}.state`,
  },
  maxPer30Seconds: {
    direction: 'edge',
    key: KEY,
    value: 'io.zeelos.leshan.avro.response.AvroResponseObserve',
    partitions: { edge: 1, cloud: 0 },
    cleanup: 'delete',
    nameFor: (gatewayId: string) => `analytics.${gatewayId}.observations.maxper30sec`,
  },
  downsampled: {
    direction: 'edge',
    key: KEY,
    value: 'io.zeelos.analytics.AvroWindowStatistics',
    partitions: { edge: 1, cloud: 0 },
    cleanup: 'delete',
    nameFor: (gatewayId: string) => `analytics.${gatewayId}.observations.downsampled`,
  },
  singleObservations: {
    direction: 'edge',
    key: KEY,
    value: 'io.zeelos.leshan.avro.response.AvroResponseObserve',
    partitions: { edge: 1, cloud: 0 },
    cleanup: 'delete',
    nameFor: (gatewayId: string) => `analytics.${gatewayId}.observations.single`,
  },
  alarms: {
    direction: 'edge',
    key: KEY,
    value: 'io.zeelos.analytics.AvroAlarm',
    partitions: { edge: 1, cloud: 0 },
    cleanup: 'delete',
    nameFor: (gatewayId: string) => `analytics.${gatewayId}.alarms`,
  },
} as const satisfies Record<string, TopicRow>;

export type TopicName = keyof typeof TOPICS;

/** Letters, digits, dot, dash and underscore as Kafka allows; no dot, so that `iot.<gateway>.x` can be read back. */
const GATEWAY_ID = /^[A-Za-z0-9_-]{1,64}$/;

export function isGatewayId(text: string): boolean {
  return GATEWAY_ID.test(text);
}

/** Topics that a copy in this direction takes. */
export function topicsFlowing(direction: 'up' | 'down'): readonly TopicRow[] {
  return Object.values(TOPICS).filter((row) => row.direction === direction);
}

/** The row that a topic's full name belongs to, with the gateway id in it; undefined for a stranger's topic. */
export function topicRowOf(topic: string): { readonly row: TopicRow; readonly gatewayId: string } | undefined {
  const gatewayId = topic.split('.')[1];
  if (gatewayId === undefined) return undefined;
  for (const row of Object.values(TOPICS)) if (row.nameFor(gatewayId) === topic) return { row, gatewayId };
  return undefined;
}
