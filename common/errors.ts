/**
 * Every error that zeelos raises on purpose: its code, whether the same call may succeed later, and what to do.
 * Match on `code`, never on text. `docs/errors.md` is generated from this table and a test keeps them in step.
 */
export const ERROR_CODES = {
  // settings and process
  CONFIG_INVALID: {
    retriable: false,
    meaning: 'one or more settings are missing or out of range',
    remedy: 'mend each setting that the message names; `--help` and docs/settings.md list them all',
  },
  USAGE: { retriable: false, meaning: 'the command line cannot be understood', remedy: 'see `--help` of the command' },
  SHUTTING_DOWN: {
    retriable: true,
    meaning: 'the service is stopping and takes no more work',
    remedy: 'try again once it is back',
  },
  INTERNAL: {
    retriable: false,
    meaning: 'a fault in zeelos itself',
    remedy: 'report it with the log line; the process keeps serving others',
  },

  // Kafka and the registry
  KAFKA_UNAVAILABLE: {
    retriable: true,
    meaning: 'no Kafka broker answers at the configured address',
    remedy: 'start the broker or correct the address; the caller goes on trying',
  },
  KAFKA_BACKLOG_FULL: {
    retriable: true,
    meaning: 'records wait for Kafka up to the configured limit',
    remedy: 'nothing was accepted, so nothing is lost; it clears when Kafka answers again',
  },
  KAFKA_NO_TOPIC: {
    retriable: true,
    meaning: 'a topic does not exist',
    remedy: 'check the name; the topics of a gateway are made when its services first run',
  },
  KAFKA_REFUSED: {
    retriable: false,
    meaning: 'Kafka refused a record or a request for good',
    remedy: 'see the cause: usually a size limit, a missing topic or a missing right',
  },
  KAFKA_OFFSET_GONE: {
    retriable: false,
    meaning: 'a partition no longer has, or does not yet have, the offset that is to be read next',
    remedy:
      'records went by retention before they were read, or the topic was made anew; the reader goes on at the first record there is and says so',
  },
  PRODUCER_FENCED: {
    retriable: false,
    meaning: 'another producer was opened under the same transactional id: the partition has a new owner',
    remedy: 'nothing, the new owner goes on; if it happens again and again, two groups share one name',
  },
  KAFKA_SENDER_ENDED: {
    retriable: true,
    meaning: 'what writes to Kafka ended, or Kafka no longer knows what it has written',
    remedy:
      'the process ends and must be started again; nothing acknowledged is lost. Report the log line if it comes again',
  },
  SERVER_FENCED: {
    retriable: false,
    meaning: 'another server serves this gateway id, so this one writes nothing and ends',
    remedy: 'run one server per gateway id: stop the one that the message names, or give this one an id of its own',
  },
  STREAM_STATE_STRANGE: {
    retriable: false,
    meaning: 'a record in the changelog of an analysis is none that the analysis can have written',
    remedy: 'find out who writes there; such records are passed over, and compaction never takes them away',
  },
  REGISTRY_UNAVAILABLE: {
    retriable: true,
    meaning: 'the schema registry does not answer',
    remedy: 'start it; a gateway that was enrolled once boots from its snapshot without it',
  },
  REGISTRY_REFUSED: {
    retriable: false,
    meaning: 'the schema registry refused a schema',
    remedy: 'the message carries its reason; usually an incompatible schema under the same subject',
  },
  REGISTRY_NOT_ENROLLED: {
    retriable: true,
    meaning: 'this gateway has no schema ids yet and the registry is out of reach',
    remedy: 'let it reach the registry once; the ids are then kept on disk',
  },
  AVRO_FRAME: {
    retriable: false,
    meaning: 'bytes are not in the Confluent wire format (0x00 and a 4-byte schema id)',
    remedy: 'the record is skipped and counted; find out who produces it',
  },
  RECORD_BATCH_CORRUPT: {
    retriable: false,
    meaning: 'bytes that a broker gave are no batch of records of format 2, or fail its checksum',
    remedy:
      "the position stays before it; see the broker's disk and log, and whether its topics are of a Kafka before 0.11",
  },
  AVRO_UNKNOWN_SCHEMA: {
    retriable: false,
    meaning: 'a record names a schema id that nobody knows',
    remedy: 'register the schema or dead-letter the record',
  },
  AVRO_INVALID: {
    retriable: false,
    meaning: 'a value does not fit its Avro schema',
    remedy: 'the message names the field; compare with schemas/avro',
  },

  // stack: the real servers on this machine
  STACK_TOOL_MISSING: {
    retriable: false,
    meaning: 'a program needed to fetch or run a server is not installed',
    remedy: 'install what the message names',
  },
  STACK_PORT_BUSY: {
    retriable: true,
    meaning: 'a port is taken by a process that zeelos did not start',
    remedy: 'stop that process or choose another port',
  },
  STACK_ALREADY_RUNNING: {
    retriable: true,
    meaning: 'the same data folder is already in use by a running stack',
    remedy: 'stop the other one first, or name another data folder',
  },
  STACK_DISK_FULL: {
    retriable: true,
    meaning: 'too little free disk space to fetch or start a server',
    remedy: 'free the space that the message names',
  },
  STACK_FETCH_FAILED: {
    retriable: true,
    meaning: 'a server could not be fetched or built',
    remedy: 'see the end of the build log that the message names',
  },
  STACK_START_FAILED: {
    retriable: true,
    meaning: 'a server ended or did not answer in time while starting',
    remedy: 'see the end of its log that the message names',
  },

  // CoAP message layer
  COAP_MALFORMED: {
    retriable: false,
    meaning: 'a datagram is not a CoAP message',
    remedy: 'it is dropped and counted',
  },
  COAP_TIMEOUT: {
    retriable: true,
    meaning: 'no acknowledgement or no response came in time',
    remedy: 'the device is out of reach or asleep; try again when it is back',
  },
  COAP_RESET: {
    retriable: false,
    meaning: 'the peer answered with a reset: it does not know this message',
    remedy: 'register or observe anew',
  },
  COAP_QUEUE_FULL: {
    retriable: true,
    meaning: 'too many messages wait for one peer or in total',
    remedy: 'send less at once to this device',
  },
  COAP_BLOCK_FAILED: {
    retriable: true,
    meaning: 'a block-wise transfer broke off or did not fit together',
    remedy: 'start the transfer again',
  },
  COAP_TOO_LARGE: {
    retriable: false,
    meaning: 'a body is larger than the limit',
    remedy: 'send less, or raise the limit',
  },
  COAP_CANCELLED: {
    retriable: true,
    meaning: 'the caller withdrew a request before it was answered',
    remedy: 'none is needed',
  },
  TRANSPORT_BIND: {
    retriable: true,
    meaning: 'a UDP or TCP port cannot be opened',
    remedy: 'another process holds the port: stop it or choose another port',
  },

  // REST
  HTTP_ACCESS: {
    retriable: false,
    meaning: 'an HTTP request has no valid token, or comes from a foreign web page',
    remedy:
      'send `Authorization: Bearer` with the token of --rest-token-file, on a health port of --health-token-file; without one use the loopback address as it is',
  },
  HTTP_REQUEST: {
    retriable: false,
    meaning: 'an HTTP request cannot be understood, or what it names does not exist',
    remedy: 'compare with /api/v1/openapi.json and docs/rest.md; for /flows with docs/commands/replicator.md',
  },

  // LwM2M
  LWM2M_PATH: {
    retriable: false,
    meaning: 'a path is not an LwM2M path',
    remedy: 'use /object/instance/resource/resource-instance with numbers from 0 to 65534',
  },
  LWM2M_LINK_FORMAT: {
    retriable: false,
    meaning: 'a link-format text cannot be parsed (RFC 6690)',
    remedy: 'the message gives the position',
  },
  LWM2M_ATTRIBUTES: {
    retriable: false,
    meaning: 'notification attributes cannot be parsed or contradict each other',
    remedy: 'use pmin, pmax, epmin, epmax, gt, lt, st, edge, con, hqmax with numbers; lt + 2 st < gt, pmin <= pmax',
  },
  LWM2M_TLV: {
    retriable: false,
    meaning: 'a TLV payload is cut short or nested wrongly',
    remedy: 'the message gives the byte offset',
  },
  LWM2M_CONTENT: {
    retriable: false,
    meaning: 'a payload does not hold what its content format, path and object model say',
    remedy: 'the message names path and type',
  },
  LWM2M_CONTENT_FORMAT: {
    retriable: false,
    meaning: 'a content format is unknown or cannot carry this path',
    remedy:
      'text, opaque and CBOR carry single values; TLV, SenML and LwM2M CBOR objects and instances; SenML and LwM2M CBOR composites',
  },
  LWM2M_MODEL: {
    retriable: false,
    meaning: 'an object model (definition) is not valid',
    remedy: 'the message names the object and the fault',
  },
  LWM2M_REGISTRATION: {
    retriable: false,
    meaning: 'a registration or update has bad parameters',
    remedy: 'the device must mend ep, lt, b or its links',
  },
  LWM2M_NOT_REGISTERED: {
    retriable: true,
    meaning: 'no registration for this endpoint',
    remedy: 'wait until the device registers',
  },
  LWM2M_REQUEST: {
    retriable: false,
    meaning: 'a management request cannot be understood',
    remedy: 'the reply names the field',
  },
  COMMAND_EXPIRED: {
    retriable: false,
    meaning: 'the time of a command was over before its device could be asked',
    remedy: 'give it more time with expiresAt, or see why the device does not come',
  },
  COMMAND_WITHDRAWN: {
    retriable: false,
    meaning: 'a waiting command was cancelled, or a newer one took its place',
    remedy: 'none is needed',
  },
  COMMAND_INTERRUPTED: {
    retriable: false,
    meaning: 'the server ended while a command ran that changes its device',
    remedy: 'read from the device whether it was done before you repeat it',
  },
  LWM2M_REFUSED: {
    retriable: false,
    meaning: 'a device refuses an operation on purpose',
    remedy: 'the response code says why: no such path, not writable, value out of range',
  },

  // adapters
  MODBUS_CONFIG: { retriable: false, meaning: 'a Modbus mapping is not valid', remedy: 'the message names each fault' },
  MODBUS_EXCEPTION: {
    retriable: false,
    meaning: 'a Modbus unit answered with an exception',
    remedy: 'the message names the exception code',
  },
  MODBUS_UNREACHABLE: {
    retriable: true,
    meaning: 'a Modbus unit does not answer',
    remedy: 'check line, unit id and address; polling goes on with growing pauses',
  },

  // replicator and connectors
  REPLICATOR_FENCED: {
    retriable: false,
    meaning: 'another replicator copies for this gateway id, so this one writes nothing and ends',
    remedy: 'run one replicator per gateway id, at the edge or in a hub: stop one of the two',
  },
  REPLICATION_POSITIONS: {
    retriable: false,
    meaning: 'how far the copy is cannot be read at its target',
    remedy:
      'somebody else wrote to the topic of the positions: remove what is not ours from it; without any record in it the copy begins anew and doubles what is there',
  },
  REPLICATION_OVERLAP: {
    retriable: false,
    meaning: 'a topic would be copied in both directions, or a cluster onto itself',
    remedy: 'give each topic one direction and each side its own cluster',
  },
  SINK_UNAVAILABLE: {
    retriable: true,
    meaning: 'a store does not answer',
    remedy: 'start it; offsets are not committed, so nothing is lost',
  },
  SINK_REFUSED: {
    retriable: false,
    meaning: 'a store refused a record for good',
    remedy: 'the record goes to the dead-letter topic with the reason',
  },
  GRAPH_UNKNOWN: {
    retriable: true,
    meaning: 'the graph in OrientDB has no such server, or there is no graph yet',
    remedy:
      'correct the name, or start a connector to OrientDB, which makes the graph of the registrations of a gateway',
  },
  KCQL_INVALID: {
    retriable: false,
    meaning: 'a KCQL statement cannot be understood, or names a field that its topic does not have',
    remedy: 'the message gives line, column and what was expected there; the grammar stands in docs/connectors.md',
  },
} as const satisfies Record<string, { retriable: boolean; meaning: string; remedy: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface ErrorOptionsOf {
  /** Facts for a log search: paths, offsets, ports. Never a secret, never a payload. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The one error class. The message says what happened; the code's table row says what to do. */
export class PlatformError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptionsOf = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PlatformError';
    this.code = code;
    this.details = options.details ?? {};
  }

  /** True when the same call may succeed later without a change of input. */
  get retriable(): boolean {
    return ERROR_CODES[this.code].retriable;
  }
}

/** True only for a `PlatformError` of that code. */
export function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof PlatformError && error.code === code;
}

/** Unknown errors are not retriable: retrying a fault of our own hides it. */
export function isRetriable(error: unknown): boolean {
  return error instanceof PlatformError && error.retriable;
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
