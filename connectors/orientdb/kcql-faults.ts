import { nameOf, type Position, type Statement } from '../kcql/statement.ts';
import { targetText } from '../kcql/target.ts';
import { WRITES_CLASS } from './connection.ts';
import { GRAPH_CLASSES } from './schema.ts';
import { PLACE_PROPERTIES, propertyName } from './vertex-mapping.ts';

/** Letters, digits and underscores, which OrientDB takes for a class without quoting it; a date may stand in it. */
const CLASS_NAME = /^[A-Za-z][A-Za-z0-9_]{0,119}$/;
/** OrientDB's own: V, E, _studio and such as OUser. */
const SYSTEM_CLASS =
  /^([VE]|_.*|O(Function|Identity|Restricted|Role|Schedule|SecurityPolicy|Sequence|Triggered|User))$/i;

const OWN_CLASSES: ReadonlySet<string> = new Set([...GRAPH_CLASSES, WRITES_CLASS.toLowerCase()]);

/** What OrientDB cannot do of statements that are right in themselves, with the place of each. */
export function orientFaultsOf(statements: readonly Statement[]): readonly string[] {
  return [...statements.flatMap(faultsOfOne), ...faultsOfClasses(statements)];
}

function faultsOfOne(statement: Statement): readonly string[] {
  const faults: string[] = [];
  const add = (at: Position | undefined, expected: string, found: string) =>
    faults.push(`${placeText(at ?? statement.at)}expected ${expected}, found ${found}`);
  const target = targetText(statement.target);
  const sample = statement.target.map((part) => (part.kind === 'text' ? part.text : dateSample(part.parts))).join('');
  if (!CLASS_NAME.test(sample) || SYSTEM_CLASS.test(sample))
    add(undefined, 'the name of a vertex class of letters, digits and underscores', JSON.stringify(target));
  else if (OWN_CLASSES.has(sample.toLowerCase()))
    add(undefined, 'a class that is none of our own', JSON.stringify(target));
  if (statement.mode === 'UPSERT' && statement.primaryKey.length === 0) add(undefined, 'PK with UPSERT', 'none');
  if (statement.tags.length > 0) add(undefined, 'no WITHTAG, for a vertex has only properties', 'one');
  if (statement.timestamp !== undefined && !statement.target.some(({ kind }) => kind === 'date'))
    add(undefined, 'a target with a date where WITHTIMESTAMP is given', JSON.stringify(target));
  for (const field of statement.fields) {
    const name = nameOf(field);
    if (name !== propertyName(name) || PLACE_PROPERTIES.some((own) => own === name))
      add(field.at, 'AS with a name of letters, digits and underscores', JSON.stringify(name));
  }
  return faults;
}

function dateSample(parts: readonly (string | { readonly text: string })[]): string {
  return parts.map((part) => (typeof part === 'string' ? '1' : part.text)).join('');
}

/** Statements that meet in one class must agree on what makes a vertex the same. Class names do not tell upper from lower case. */
function faultsOfClasses(statements: readonly Statement[]): readonly string[] {
  const classes = Map.groupBy(statements, ({ target }) => targetText(target).toLowerCase());
  return [...classes.values()].flatMap(([first, ...others]) =>
    others.flatMap((other) => {
      const target = JSON.stringify(targetText(other.target));
      if (other.primaryKey.join() !== first!.primaryKey.join())
        return [`${placeText(other.at)}expected the same PK for all statements into ${target}, found another`];
      if (other.primaryKey.length === 0 && other.topic === first!.topic)
        return [
          `${placeText(other.at)}expected PK where two statements go from ${other.topic} into ${target}, found none`,
        ];
      return [];
    }),
  );
}

function placeText(at: Position | undefined): string {
  return at === undefined ? '' : `line ${at.line}, column ${at.column}: `;
}
