import { KEYWORDS } from './parse.ts';
import type { FieldPath, SelectedField, Statement, Tag } from './statement.ts';
import { targetText } from './target.ts';

/** The text of a statement; read again it is the same statement. */
export function printKcql(statements: readonly Statement[]): string {
  return statements.map(printStatement).join(';\n');
}

function printStatement(statement: Statement): string {
  const { mode, target, all, fields, topic, ignored, timestamp, timestampUnit, tags, primaryKey } = statement;
  const selected = [...(all ? ['*'] : []), ...fields.map(printField)].join(', ');
  const parts = [`${mode} INTO ${quotedName(targetText(target))} SELECT ${selected} FROM ${quotedName(topic)}`];
  if (ignored.length > 0) parts.push(`IGNORE ${ignored.map(printPath).join(', ')}`);
  if (timestamp?.kind === 'sysTime') parts.push('WITHTIMESTAMP sys_time()');
  if (timestamp?.kind === 'field') parts.push(`WITHTIMESTAMP ${printPath(timestamp.path)}`);
  if (timestampUnit !== 'MILLISECONDS') parts.push(`TIMESTAMPUNIT = ${timestampUnit}`);
  if (tags.length > 0) parts.push(`WITHTAG (${tags.map(printTag).join(', ')})`);
  if (primaryKey.length > 0) parts.push(`PK ${primaryKey.map(quotedName).join(', ')}`);
  return parts.join(' ');
}

function printField({ path, alias }: SelectedField): string {
  return `${printPath(path)}${alias === undefined ? '' : ` AS ${quotedName(alias)}`}`;
}

function printTag(tag: Tag): string {
  if (tag.kind === 'field') return printField(tag);
  return `${quotedName(tag.name)} = '${tag.value.replaceAll("'", "''")}'`;
}

function printPath(path: FieldPath): string {
  return path.map(quotedName).join('.');
}

function quotedName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !KEYWORDS.has(name.toUpperCase())) return name;
  return `\`${name.replaceAll('`', '``')}\``;
}
