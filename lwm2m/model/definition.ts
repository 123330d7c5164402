import type { ResourceType } from '../content/node.ts';
import type { ObjectModel, ResourceModel, ResourceOperations } from './object-models.ts';

/** First letter: single or multiple; second: mandatory or optional. */
export type Occurrence = 'SM' | 'SO' | 'MM' | 'MO';

/** '' holds no value; UNSIGNED is an INTEGER without a sign. */
export type DefinedType = ResourceType | 'UNSIGNED' | '';

/** id, name, operations, occurrence, type, range, units (as SenML spells them), description */
export type ResourceRow = readonly [
  number,
  string,
  ResourceOperations,
  Occurrence,
  DefinedType,
  string,
  string,
  string,
];

export interface ObjectHead {
  readonly id: number;
  readonly name: string;
  readonly version: string;
  readonly occurrence: Occurrence;
  readonly description: string;
}

/** Makes an object model out of its table. */
export function defineObject({ occurrence, ...head }: ObjectHead, rows: readonly ResourceRow[]): ObjectModel {
  const resources = rows.map(defineResource).map((model) => [model.id, model] as const);
  return { ...head, ...occurrenceOf(occurrence), resources: new Map(resources) };
}

function defineResource([
  id,
  name,
  operations,
  occurrence,
  type,
  range,
  units,
  description,
]: ResourceRow): ResourceModel {
  const value = type === 'UNSIGNED' ? ({ type: 'INTEGER', unsigned: true } as const) : type === '' ? {} : { type };
  return { id, name, operations, ...occurrenceOf(occurrence), ...value, range, units, description };
}

function occurrenceOf(occurrence: Occurrence) {
  return { multiple: occurrence.startsWith('M'), mandatory: occurrence.endsWith('M') };
}
