import { formatPath, type Lwm2mPath } from '../../lwm2m/path.ts';
import type {
  AvroInstanceResource,
  AvroMultipleResource,
  AvroReadResponseBody,
  AvroResource,
  AvroType,
} from '../../schemas/generated/records.ts';

/** Values of records as text, written as the Leshan clients write theirs, so that both accounts can be compared. */
const RESOURCE = 'io.zeelos.leshan.avro.resource';
export const SINGLE = `${RESOURCE}.AvroResource`;
export const MULTIPLE = `${RESOURCE}.AvroMultipleResource`;
export const INSTANCE = `${RESOURCE}.AvroInstanceResource`;
export const OBJECT = `${RESOURCE}.AvroObjectResource`;

export type Content = AvroReadResponseBody['content'];

function branch<T>(content: Content, name: string): T | undefined {
  return (content as Readonly<Record<string, unknown>>)[name] as T | undefined;
}

/** Bytes in hexadecimal, time in ms, {id=value, …} of several instances, resources by id of an instance. */
export function textOf(content: Content): string {
  const single = branch<AvroResource>(content, SINGLE);
  if (single !== undefined) return valueText(single);
  const multiple = branch<AvroMultipleResource>(content, MULTIPLE);
  if (multiple !== undefined) return severalText(multiple);
  const instance = branch<AvroInstanceResource>(content, INSTANCE);
  if (instance !== undefined) return instanceText(instance);
  const object = branch<{ readonly instances: readonly AvroInstanceResource[] }>(content, OBJECT);
  return object!.instances.map((each) => `${each.id}: ${instanceText(each)}`).join('\n');
}

function valueText({ type, value }: AvroResource): string {
  const held = Object.values(value)[0] as string | number | bigint | boolean;
  return type === 'OPAQUE' ? Buffer.from(String(held), 'base64').toString('hex') : String(held);
}

function severalText({ resources }: AvroMultipleResource): string {
  const ids = Object.keys(resources).sort((a, b) => Number(a) - Number(b));
  return `{${ids.map((id) => `${id}=${valueText(resources[id]!)}`).join(', ')}}`;
}

function instanceText({ resources, multipleResources }: AvroInstanceResource): string {
  const multiple = (multipleResources as { readonly array?: readonly AvroMultipleResource[] } | null | undefined)
    ?.array;
  const all = [
    ...resources.map((each) => [each.id, valueText(each)] as const),
    ...(multiple ?? []).map((each) => [each.id, severalText(each)] as const),
  ];
  return all
    .sort(([a], [b]) => a - b)
    .map(([id, text]) => `${id}=${text}`)
    .join('; ');
}

const BRANCHES = {
  STRING: (text: string) => ({ string: text }),
  INTEGER: (text: string) => ({ long: BigInt(text) }),
  FLOAT: (text: string) => ({ double: Number(text) }),
  BOOLEAN: (text: string) => ({ boolean: text === 'true' }),
  OPAQUE: (hex: string) => ({ string: Buffer.from(hex, 'hex').toString('base64') }),
  TIME: (text: string) => ({ long: Number(text) }),
  OBJLNK: (text: string) => ({ string: text }),
} as const satisfies Record<AvroType, (text: string) => AvroResource['value']>;

function resource(path: string, id: number, type: AvroType, text: string): AvroResource {
  return { id, path, kind: 'SINGLE_RESOURCE', type, value: BRANCHES[type](text) };
}

export function singleValue(path: Lwm2mPath, type: AvroType, text: string): Content {
  const id = path.resourceInstanceId ?? path.resourceId!;
  return { [SINGLE]: resource(formatPath(path), id, type, text) } as Content;
}

export function severalValues(path: Lwm2mPath, type: AvroType, texts: readonly string[]): Content {
  const at = formatPath(path);
  const resources = Object.fromEntries(texts.map((text, id) => [String(id), resource(`${at}/${id}`, id, type, text)]));
  return { [MULTIPLE]: { id: path.resourceId!, path: at, kind: 'MULTIPLE_RESOURCE', type, resources } } as Content;
}

/** @param id -1: the device chooses */
export function instanceOf(
  path: string,
  id: number,
  values: readonly (readonly [number, AvroType, string])[],
): AvroInstanceResource {
  const resources = values.map(([number, type, text]) => resource(`${path}/${number}`, number, type, text));
  return { id, kind: 'INSTANCE', resources, multipleResources: null };
}
