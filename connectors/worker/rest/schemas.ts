import { z } from 'zod';
import { TARGET_STATES } from '../connector-configs.ts';
import { RUN_STATES } from '../statuses.ts';

/** Schemas that OpenAPI shows under a name. */
export const NAMED = new Map<z.ZodType, string>();

function named<T extends z.ZodType>(id: string, schema: T): T {
  NAMED.set(schema, id);
  return schema;
}

export const nameParams = z.object({ name: z.string().describe('name of a connector') });
export const taskParams = nameParams.extend({ task: z.string().describe('number of a task, from 0') });
export const pluginParams = z.object({ name: z.string().describe('class of a connector, or any name for it') });

export const failureSchema = named('Failure', z.object({ error_code: z.int(), message: z.string() }));

export const configSchema = named('Config', z.record(z.string(), z.string()).describe('secrets are shown as [hidden]'));
const settingInput = z.union([z.string(), z.number(), z.boolean()]);
export const configInputSchema = named('ConfigInput', z.record(z.string(), settingInput));
export const configPatchSchema = named(
  'ConfigPatchInput',
  z.record(z.string(), settingInput.nullable()).describe('null removes a setting'),
);
export const connectorInputSchema = named(
  'ConnectorInput',
  z.object({
    name: z.string(),
    config: z.record(z.string(), settingInput),
    initial_state: z.enum(TARGET_STATES).optional(),
  }),
);

const taskId = z.object({ connector: z.string(), task: z.int() });
const typeSchema = z.enum(['sink', 'source', 'unknown']);

export const infoSchema = named(
  'Connector',
  z.strictObject({
    name: z.string(),
    config: z.record(z.string(), z.string()),
    tasks: z.array(taskId),
    type: typeSchema,
  }),
);

const status = {
  state: z.enum(RUN_STATES),
  worker_id: z.string().describe('empty while nobody has it'),
  trace: z.string().optional().describe('of a FAILED one: what ended it'),
  waiting: z.string().optional().describe('of a RUNNING one: what it waits for'),
};
export const taskStatusSchema = named('TaskStatus', z.strictObject({ id: z.int(), ...status }));
export const statusSchema = named(
  'ConnectorStatus',
  z.strictObject({
    name: z.string(),
    connector: z.strictObject(status),
    tasks: z.array(z.strictObject({ id: z.int(), ...status })),
    type: typeSchema,
  }),
);
export const listSchema = z.union([
  z.array(z.string()),
  z.record(z.string(), z.strictObject({ info: infoSchema.optional(), status: statusSchema.optional() })),
]);
export const tasksSchema = z.array(z.strictObject({ id: taskId, config: z.record(z.string(), z.string()) }));
export const topicsSchema = z.record(z.string(), z.strictObject({ topics: z.array(z.string()) }));

const sinkOffset = z.strictObject({
  partition: z.strictObject({ kafka_topic: z.string(), kafka_partition: z.int() }),
  offset: z.strictObject({ kafka_offset: z.int() }),
});
const sourceOffset = z.strictObject({
  partition: z.strictObject({ task: z.literal(0) }),
  offset: z.strictObject({ stop: z.iso.datetime().describe('where the next round begins') }),
});
export const offsetsSchema = named(
  'Offsets',
  z.strictObject({ offsets: z.union([z.array(sinkOffset), z.array(sourceOffset)]) }),
);
export const offsetsInputSchema = named(
  'OffsetsInput',
  z.object({
    offsets: z.array(
      z.union([
        sinkOffset.extend({ offset: sinkOffset.shape.offset.nullable() }),
        sourceOffset.extend({ offset: sourceOffset.shape.offset.nullable() }),
      ]),
    ),
  }),
);
export const messageSchema = z.strictObject({ message: z.string() });

const definitionSchema = z.strictObject({
  name: z.string(),
  type: z.string(),
  required: z.boolean(),
  default_value: z.string().nullable(),
  importance: z.enum(['HIGH', 'MEDIUM', 'LOW']),
  documentation: z.string(),
  group: z.string(),
  width: z.string(),
  display_name: z.string(),
  dependents: z.array(z.string()),
  order: z.int(),
});
export const definitionsSchema = z.array(definitionSchema);
export const pluginsSchema = z.array(
  z.strictObject({ class: z.string(), type: z.enum(['sink', 'source']), version: z.string() }),
);
export const validationSchema = named(
  'Validation',
  z.strictObject({
    name: z.string(),
    error_count: z.int(),
    groups: z.array(z.string()),
    configs: z.array(
      z.strictObject({
        definition: definitionSchema.nullable().describe('null of what is no setting of its own'),
        value: z.strictObject({
          name: z.string(),
          value: z.string().nullable(),
          recommended_values: z.array(z.string()),
          errors: z.array(z.string()),
          visible: z.boolean(),
        }),
      }),
    ),
  }),
);

export const workerSchema = z.strictObject({
  version: z.string(),
  commit: z.string(),
  kafka_cluster_id: z.string(),
});
export const healthSchema = z.strictObject({ status: z.literal('healthy'), message: z.string() });

export const LEVELS = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
  FATAL: 'fatal',
  OFF: 'silent',
} as const;
const levelNames = Object.keys(LEVELS) as [keyof typeof LEVELS];
export const loggerSchema = named(
  'Logger',
  z.strictObject({
    level: z.enum(levelNames),
    last_modified: z.int().nullable().describe('ms since 1970; null as it was at the start'),
  }),
);
export const loggersSchema = z.strictObject({ root: loggerSchema });
export const levelInputSchema = z.object({ level: z.enum(levelNames) });
