import { messageOf, PlatformError } from '../../common/errors.ts';
import type { ResourceType, ResourceValue } from '../../lwm2m/content/node.ts';
import { CORE_OBJECTS } from '../../lwm2m/model/core-objects.ts';
import { type ObjectModel, ObjectModels, type ResourceModel } from '../../lwm2m/model/object-models.ts';
import { formatPath } from '../../lwm2m/path.ts';
import {
  type ConnectionEntry,
  mappingFileSchema,
  normalized,
  type RegistersEntry,
  type ResourceEntry,
  type Table,
  type UnitEntry,
} from './mapping-file.ts';
import { isWholeFormat, REGISTER_FORMATS, type ValueFormat } from './registers.ts';

export interface PointPath {
  readonly objectId: number;
  readonly instanceId: number;
  readonly resourceId: number;
}

/** A resource that lives in a table of the unit. */
export interface Point {
  readonly path: PointPath;
  readonly table: Table;
  readonly address: number;
  /** Registers or bits of one value. */
  readonly width: number;
  /** Values in a row, as resource instances from 0; 0: a single value. */
  readonly quantity: number;
  /** Registers or bits in all. */
  readonly span: number;
  readonly format: ValueFormat;
  readonly resourceType: 'FLOAT' | 'INTEGER' | 'BOOLEAN';
  readonly writable: boolean;
  readonly pollMs: number;
}

export interface Constant {
  readonly path: PointPath;
  readonly value: ResourceValue;
}

export interface UnitMapping {
  readonly unitId: number;
  readonly endpointName: string;
  readonly lifetimeSeconds: number;
  /** Most registers, bits that this unit gives in one request; unmapped ones that may be read along between two mapped. */
  readonly maxRegisters: number;
  readonly maxBits: number;
  readonly maxGap: number;
  readonly points: readonly Point[];
  readonly constants: readonly Constant[];
}

export interface ConnectionMapping {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly units: readonly UnitMapping[];
}

export interface ModbusMapping {
  readonly connections: readonly ConnectionMapping[];
  /** The objects zeelos knows, and what the file adds to them. */
  readonly models: ObjectModels;
}

/** Object 0 is not for the wire, object 1 is made by the device itself. */
const RESERVED_OBJECTS: ReadonlySet<number> = new Set([0, 1]);
/** Most that one request writes: Modbus Application Protocol V1.1b3 §6.11, §6.12. */
const MAX_WRITE_REGISTERS = 123;
const MAX_WRITE_BITS = 1_968;
const TABLE_SIZE = 65_536;
const MAX_FAULTS_TOLD = 50;

const CORE_MODELS = new ObjectModels(CORE_OBJECTS);

/** Reads the text of a mapping file. Throws MODBUS_CONFIG that names every fault with its place. */
export function parseMapping(text: string): ModbusMapping {
  const result = mappingFileSchema.safeParse(normalized(parseJson(text)));
  if (!result.success) {
    refuse(result.error.issues.map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`));
  }
  const faults: string[] = [];
  const connections = result.data.connections.map((entry) => connectionMapping(entry, faults));
  faults.push(...repeatedNames(connections));
  if (faults.length > 0) refuse(faults);
  return { connections, models: modelsOf(connections) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return refuse([`not JSON: ${messageOf(error)}`]);
  }
}

function refuse(faults: readonly string[]): never {
  const told = faults.slice(0, MAX_FAULTS_TOLD);
  const rest = faults.length - told.length;
  const message = [...told, ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ');
  throw new PlatformError('MODBUS_CONFIG', message, { details: { faults: faults.length } });
}

function repeatedNames(connections: readonly ConnectionMapping[]): string[] {
  const names = connections.flatMap(({ units }) => units.map((unit) => unit.endpointName));
  const repeated = new Set(names.filter((name, i) => names.indexOf(name) !== i));
  return [...repeated].map((name) => `endpointName ${JSON.stringify(name)} stands twice`);
}

function connectionMapping(entry: ConnectionEntry, faults: string[]): ConnectionMapping {
  return { ...entry.connection, units: entry.units.map((unit) => unitMapping(unit, faults)) };
}

function unitMapping({ objects, pollMs, ...unit }: UnitEntry, faults: string[]): UnitMapping {
  const points: Point[] = [];
  const constants: Constant[] = [];
  for (const [objectKey, instances] of Object.entries(objects)) {
    const objectId = Number(objectKey);
    if (RESERVED_OBJECTS.has(objectId)) faults.push(`${unit.endpointName}: object ${objectId} cannot be mapped`);
    for (const [instanceId, resources] of instances.entries()) {
      for (const [resourceKey, entry] of Object.entries(resources)) {
        const path = { objectId, instanceId, resourceId: Number(resourceKey) };
        const fault = (what: string): void => void faults.push(`${unit.endpointName} ${formatPath(path)}: ${what}`);
        if (entry.kind === 'constant') addConstant(path, entry.constant, constants, fault);
        else points.push(pointOf(path, entry, { ...unit, pollMs }, fault));
      }
    }
  }
  return { ...unit, points, constants };
}

type Fault = (what: string) => void;
type UnitLimits = Pick<UnitEntry, 'pollMs' | 'maxRegisters' | 'maxBits'>;

function pointOf(path: PointPath, entry: RegistersEntry, unit: UnitLimits, fault: Fault): Point {
  const isBits = entry.type === 'coil' || entry.type === 'discrete-input';
  const model = CORE_MODELS.resource(path.objectId, path.resourceId);
  const width = isBits ? 1 : REGISTER_FORMATS[entry.format].registers;
  const span = width * Math.max(1, entry.quantity);
  const writable = writableOf(entry, model, fault);
  checkSpan(entry, span, writable, isBits ? unit.maxBits : unit.maxRegisters, fault);
  if (model !== undefined && model.multiple !== entry.quantity > 0) {
    fault(model.multiple ? 'a multiple resource needs a quantity' : 'a single resource takes no quantity');
  }
  const { format, wordOrder, byteOrder, scale, offset } = entry;
  const value = { format, wordOrder, byteOrder, scale, offset };
  const resourceType = isBits ? 'BOOLEAN' : registerType(value, model?.type);
  if (model !== undefined && model.type !== resourceType) {
    fault(
      `${entry.type} with this format, scale and offset gives ${resourceType}, the resource is ${model.type ?? 'executable'}`,
    );
  }
  const { type: table, address, quantity } = entry;
  const pollMs = entry.pollMs ?? unit.pollMs;
  return { path, table, address, width, quantity, span, format: value, resourceType, writable, pollMs };
}

function registerType(format: ValueFormat, modelled: ResourceType | undefined): 'FLOAT' | 'INTEGER' {
  return isWholeFormat(format) && modelled !== 'FLOAT' ? 'INTEGER' : 'FLOAT';
}

/** What the object model says, else what the table allows; `writable` of the file decides where it can. */
function writableOf(entry: RegistersEntry, model: ResourceModel | undefined, fault: Fault): boolean {
  const possible = entry.type === 'holding-register' || entry.type === 'coil';
  if (entry.writable === true && !possible) fault(`a ${entry.type} cannot be written`);
  return possible && (entry.writable ?? (model === undefined || model.operations.includes('W')));
}

function checkSpan(entry: RegistersEntry, span: number, writable: boolean, mostRead: number, fault: Fault): void {
  const isBits = entry.type === 'coil' || entry.type === 'discrete-input';
  const most = Math.min(mostRead, writable ? (isBits ? MAX_WRITE_BITS : MAX_WRITE_REGISTERS) : mostRead);
  if (span > most) fault(`${span} registers or bits do not fit one request, ${most} do`);
  if (entry.address + span > TABLE_SIZE) fault('reaches beyond address 65535');
}

function addConstant(path: PointPath, value: ResourceEntryConstant, constants: Constant[], fault: Fault): void {
  const model = CORE_MODELS.resource(path.objectId, path.resourceId);
  const typed = constantValue(value, model);
  if (typed === undefined || model?.multiple === true) fault(`${JSON.stringify(value)} is no value for this resource`);
  else constants.push({ path, value: typed });
}

type ResourceEntryConstant = Extract<ResourceEntry, { kind: 'constant' }>['constant'];

function constantValue(value: ResourceEntryConstant, model: ResourceModel | undefined): ResourceValue | undefined {
  if (model !== undefined && model.type === undefined) return undefined;
  const natural = naturalValue(value);
  if (model === undefined || model.type === natural.type) return natural;
  if (model.type === 'FLOAT' && natural.type === 'INTEGER') return { type: 'FLOAT', value: Number(natural.value) };
  return undefined;
}

function naturalValue(value: ResourceEntryConstant): ResourceValue {
  if (typeof value === 'string') return { type: 'STRING', value };
  if (typeof value === 'boolean') return { type: 'BOOLEAN', value };
  return { type: Number.isSafeInteger(value) ? 'INTEGER' : 'FLOAT', value };
}

/** What a server writes is decoded by these: resources that no model knows get the type that their mapping has. */
function modelsOf(connections: readonly ConnectionMapping[]): ObjectModels {
  const added = new Map<number, Map<number, ResourceModel>>();
  const add = (path: PointPath, type: ResourceType, multiple: boolean): void => {
    const known = CORE_MODELS.object(path.objectId)?.resources;
    if (known?.has(path.resourceId) === true) return;
    const resources = added.get(path.objectId) ?? new Map(known);
    added.set(path.objectId, resources.set(path.resourceId, resourceModel(path.resourceId, type, multiple)));
  };
  for (const unit of connections.flatMap(({ units }) => units)) {
    for (const point of unit.points) add(point.path, point.resourceType, point.quantity > 0);
    for (const { path, value } of unit.constants) add(path, value.type, false);
  }
  return new ObjectModels([...CORE_OBJECTS, ...[...added].map(([id, resources]) => objectModel(id, resources))]);
}

function resourceModel(id: number, type: ResourceType, multiple: boolean): ResourceModel {
  const texts = { name: `Resource ${id}`, range: '', units: '', description: 'Defined by the Modbus mapping' };
  return { ...texts, id, operations: 'RW', multiple, mandatory: false, type };
}

function objectModel(id: number, resources: ReadonlyMap<number, ResourceModel>): ObjectModel {
  const known = CORE_MODELS.object(id);
  if (known !== undefined) return { ...known, resources };
  const description = 'Defined by the Modbus mapping';
  return { id, name: `Object ${id}`, version: '1.0', multiple: true, mandatory: false, description, resources };
}
