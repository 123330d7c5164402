import { inFlight } from './in-flight.ts';
import type { OrientMap, OrientRecordId, OrientRow, OrientSession } from './session.ts';

/** One LwM2M object definition as the caller hands it in. */
export interface GraphObjectModel {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly multiple: boolean;
  readonly mandatory: boolean;
  readonly resources: readonly GraphResourceModel[];
}
export interface GraphResourceModel {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly multiple: boolean;
  readonly mandatory: boolean;
  readonly operations: string;
  readonly type?: string | undefined;
  readonly range: string;
  readonly units: string;
}

const COMMON_FIELDS = ['id', 'name', 'description', 'multiple', 'mandatory'] as const;
/** `modelled` is false for an object that a device announces and no model describes. */
const OBJECT_FIELDS = [...COMMON_FIELDS, 'modelled'] as const;
const RESOURCE_FIELDS = [...COMMON_FIELDS, 'operations', 'type', 'range', 'units'] as const;
const quoted = (name: string) => `\`${name}\``;
const assignments = (names: readonly string[]) => names.map((name) => `${quoted(name)} = :${name}`).join(', ');

const UPSERT_OBJECT = `UPDATE Objects SET ${assignments(OBJECT_FIELDS)} UPSERT WHERE id = :id`;
const UPDATE_RESOURCE = `UPDATE Resources SET ${assignments(RESOURCE_FIELDS)} WHERE @rid = :rid`;
// In one transaction, so that no crash leaves a resource without its object.
const CREATE_RESOURCES = `FOREACH ($r IN :rows) {
 LET made = CREATE VERTEX Resources SET ${RESOURCE_FIELDS.map((name) => `${quoted(name)} = $r.${name}`).join(', ')};
 CREATE EDGE hasResource FROM $r.object TO $made;
}`;
/** Resources that one transaction makes. */
const RESOURCES_AT_ONCE = 100;

/** Brings Objects and Resources in line with the models: makes what is missing, mends what differs, removes nothing. */
export async function ensureModelVertices(session: OrientSession, models: readonly GraphObjectModel[]): Promise<void> {
  const before = await objectRows(session);
  const changed = models.filter((model) => differs(before.get(model.id), objectParams(model)));
  await inFlight(changed, (model) => session.command(UPSERT_OBJECT, objectParams(model)));
  const objects = changed.length === 0 ? before : await objectRows(session);
  const resources = await resourceRows(session);
  const made: OrientMap[] = [];
  const mended: OrientMap[] = [];
  for (const model of models) {
    const object = objects.get(model.id)?.rid as OrientRecordId | undefined;
    for (const resource of model.resources) {
      const params = resourceParams(resource);
      const found = resources.get(`${model.id}/${resource.id}`);
      if (found === undefined && object !== undefined) made.push({ ...params, object });
      else if (found !== undefined && differs(found, params))
        mended.push({ ...params, rid: found.rid as OrientRecordId });
    }
  }
  await inFlight(mended, (params) => session.command(UPDATE_RESOURCE, params));
  const groups = Array.from({ length: Math.ceil(made.length / RESOURCES_AT_ONCE) }, (_, at) =>
    made.slice(at * RESOURCES_AT_ONCE, (at + 1) * RESOURCES_AT_ONCE),
  );
  await inFlight(groups, (rows) => session.transaction(CREATE_RESOURCES, { rows }));
}

async function objectRows(session: OrientSession): Promise<ReadonlyMap<number, OrientRow>> {
  const rows = await session.query(`SELECT @rid AS rid, ${OBJECT_FIELDS.map(quoted).join(', ')} FROM Objects`);
  return new Map(rows.map((row) => [row.id as number, row]));
}

async function resourceRows(session: OrientSession): Promise<ReadonlyMap<string, OrientRow>> {
  const fields = RESOURCE_FIELDS.map((name) => `in.${quoted(name)} AS ${quoted(name)}`).join(', ');
  const rows = await session.query(`SELECT in.@rid AS rid, out.id AS objectId, ${fields} FROM hasResource`);
  return new Map(rows.map((row) => [`${row.objectId}/${row.id}`, row]));
}

function differs(row: OrientRow | undefined, params: OrientMap): boolean {
  return row === undefined || Object.entries(params).some(([name, value]) => (row[name] ?? null) !== value);
}

function objectParams({ id, name, description, multiple, mandatory }: GraphObjectModel): OrientMap {
  return { id, name, description, multiple, mandatory, modelled: true };
}

function resourceParams(resource: GraphResourceModel): OrientMap {
  const { id, name, description, multiple, mandatory, operations, type = null, range, units } = resource;
  return { id, name, description, multiple, mandatory, operations, type, range, units };
}
