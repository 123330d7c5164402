import { PlatformError } from '../../common/errors.ts';
import type { ModelLookup } from '../../lwm2m/model/object-models.ts';
import { formatPath, isId, type Lwm2mPath, pathLevel } from '../../lwm2m/path.ts';
import type {
  AvroCompositeNode,
  AvroInstanceResource,
  AvroMultipleResource,
  AvroResource,
  AvroType,
  AvroWriteRequest,
} from '../../schemas/generated/records.ts';
import { avroTypes } from '../../schemas/generated/records.ts';
import { AVRO } from './avro-names.ts';
import { guessType, type OpaqueText, valueOfType } from './value-input.ts';

/** Values of one body; more is refused before any work is done. */
const MAX_VALUES = 5_000;

/** An instance id that the device is to choose. */
export const CHOSEN_BY_DEVICE = -1;

export interface NodeInputOptions {
  /** Of the device: its types count; what they do not know is guessed. */
  readonly models: ModelLookup;
  readonly opaque: OpaqueText;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads bodies of the form `{id?, value | values | resources | instances, type?}`. Everything throws LWM2M_REQUEST. */
export class NodeInput {
  readonly #o: NodeInputOptions;
  #values = 0;

  constructor(options: NodeInputOptions) {
    this.#o = options;
  }

  /** The node of a write at `path`. */
  write(path: Lwm2mPath, body: unknown): AvroWriteRequest['node'] {
    switch (pathLevel(path)) {
      case 'resource':
      case 'resourceInstance':
        return this.#resource(path, fieldsOf(body));
      case 'instance':
        return { [AVRO.instance]: this.instance(path, body) };
      case 'object':
        return { [AVRO.object]: this.#object(path, fieldsOf(body)) };
      case 'root':
        throw fault('a write needs a path below /');
    }
  }

  composite(path: Lwm2mPath, body: unknown): AvroCompositeNode {
    const fields = fieldsOf(body);
    const text = formatPath(path);
    if ('values' in fields && pathLevel(path) === 'resource') {
      return { path: text, content: { [AVRO.multiple]: this.#multiple(path, fields) } };
    }
    return { path: text, content: this.write(path, body) };
  }

  /** @param path of the instance, or of the object when the body or the device chooses the instance id */
  instance(path: Lwm2mPath, body: unknown): AvroInstanceResource {
    const fields = fieldsOf(body);
    const id = idOf(fields) ?? path.instanceId ?? CHOSEN_BY_DEVICE;
    if (path.instanceId !== undefined && id !== path.instanceId) throw misplaced(path, id);
    const resources: AvroResource[] = [];
    const multiple: AvroMultipleResource[] = [];
    for (const [resourceId, resource] of listOf(fields, 'resources')) {
      const at = { ...path, instanceId: Math.max(id, 0), resourceId };
      if ('values' in resource) multiple.push(this.#multiple(at, resource));
      else resources.push(this.#single(at, resource));
    }
    return {
      id,
      kind: 'INSTANCE',
      resources,
      multipleResources: multiple.length === 0 ? null : { array: multiple },
    };
  }

  #object(path: Lwm2mPath, fields: Fields) {
    const id = path.objectId!;
    if ((idOf(fields) ?? id) !== id) throw misplaced(path, idOf(fields)!);
    const instances = listOf(fields, 'instances').map(([instanceId, instance]) =>
      this.instance({ ...path, instanceId }, instance),
    );
    return { id, kind: 'OBJECT', instances } as const;
  }

  /** Several values have no branch of their own in a write: see `multipleAsInstance`. */
  #resource(path: Lwm2mPath, fields: Fields): AvroWriteRequest['node'] {
    if ('values' in fields) throw fault(`${formatPath(path)}: several values are written by an update of the instance`);
    return { [AVRO.single]: this.#single(path, fields) };
  }

  /** The update of an instance that sets one resource with several values. */
  multipleAsInstance(path: Lwm2mPath, body: unknown): AvroWriteRequest['node'] {
    const multiple = this.#multiple(path, fieldsOf(body));
    return {
      [AVRO.instance]: {
        id: path.instanceId!,
        kind: 'INSTANCE',
        resources: [],
        multipleResources: { array: [multiple] },
      },
    };
  }

  #single(path: Lwm2mPath, fields: Fields): AvroResource {
    const id = (path.resourceInstanceId ?? path.resourceId)!;
    if ((idOf(fields) ?? id) !== id) throw misplaced(path, idOf(fields)!);
    if (!('value' in fields)) throw fault(`${formatPath(path)}: a value is missing`);
    return this.#value(path, id, this.#typeOf(path, fields, fields.value), fields.value);
  }

  #multiple(path: Lwm2mPath, fields: Fields): AvroMultipleResource {
    const id = path.resourceId!;
    if ((idOf(fields) ?? id) !== id) throw misplaced(path, idOf(fields)!);
    const entries = Object.entries(fieldsOf(fields.values));
    const type = this.#typeOf(path, fields, entries[0]?.[1]);
    const resources: [string, AvroResource][] = entries.map(([key, value]) => {
      if (!/^\d{1,5}$/.test(key) || !isId(Number(key))) throw fault(`${formatPath(path)}: an id is out of range`);
      return [key, this.#value({ ...path, resourceInstanceId: Number(key) }, Number(key), type, value)];
    });
    return {
      id,
      path: formatPath(path),
      kind: 'MULTIPLE_RESOURCE',
      type,
      resources: Object.fromEntries(resources),
    };
  }

  #value(path: Lwm2mPath, id: number, type: AvroType, value: unknown): AvroResource {
    if (++this.#values > MAX_VALUES) throw fault(`more than ${MAX_VALUES} values`);
    const text = formatPath(path);
    return { id, path: text, kind: 'SINGLE_RESOURCE', type, value: valueOfType(type, value, this.#o.opaque, text) };
  }

  #typeOf(path: Lwm2mPath, fields: Fields, value: unknown): AvroType {
    const { type: given } = fields;
    if (given !== undefined && !avroTypes.includes(given as AvroType))
      throw fault(`${formatPath(path)}: type is one of ${avroTypes.join(', ')}`);
    const known = this.#o.models.resource(path.objectId!, path.resourceId!)?.type;
    const type = (given as AvroType | undefined) ?? known ?? guessType(value);
    if (type === undefined) throw fault(`${formatPath(path)}: the value has no type that can be guessed`);
    return type;
  }
}

function fieldsOf(body: unknown): Fields {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw fault('the body must be a JSON object');
  return body as Fields;
}

/** A list `[{id, …}]`, each id once. */
function listOf(fields: Fields, name: string): [number, Fields][] {
  const list = fields[name];
  if (!Array.isArray(list)) throw fault(`${name} must be a list`);
  const seen = new Set<number>();
  return list.map((item) => {
    const entry = fieldsOf(item);
    const id = idOf(entry);
    if (id === undefined || seen.has(id)) throw fault(`each of ${name} needs an id of its own`);
    seen.add(id);
    return [id, entry];
  });
}

function idOf({ id }: Fields): number | undefined {
  if (id === undefined) return undefined;
  if (typeof id !== 'number' || !isId(id)) throw fault('an id is a whole number from 0 to 65534');
  return id;
}

function misplaced(path: Lwm2mPath, id: number): PlatformError {
  return fault(`id ${id} in the body is not that of ${formatPath(path)}`);
}

function fault(message: string): PlatformError {
  return new PlatformError('LWM2M_REQUEST', message);
}
