import { type AvroSchemaFile, SCHEMA_FILES } from './avro-types.ts';

const PRIMITIVES: Readonly<Record<string, string>> = {
  null: 'null',
  boolean: 'boolean',
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  bytes: 'Buffer',
  string: 'string',
};

/** A long inside the value union is a 64-bit LwM2M INTEGER and may be a bigint; every other long is a time or a count. */
const LONG_IN_UNION = 'number | bigint';

function branchName(schema: unknown): string {
  if (typeof schema === 'string') return schema;
  return (schema as { type: string }).type;
}

function typeText(schema: unknown): string {
  if (typeof schema === 'string') return PRIMITIVES[schema] ?? schema.slice(schema.lastIndexOf('.') + 1);
  if (Array.isArray(schema)) return unionText(schema);
  const node = schema as { type: string; items?: unknown; values?: unknown };
  if (node.type === 'array') return `readonly (${typeText(node.items)})[]`;
  if (node.type === 'map') return `Readonly<Record<string, ${typeText(node.values)}>>`;
  throw new Error(`schemas/avro: a type that the generator does not know: ${JSON.stringify(schema)}`);
}

function unionText(branches: readonly unknown[]): string {
  const several = branches.filter((branch) => branch !== 'null').length > 1;
  return branches
    .map((branch) => {
      if (branch === 'null') return 'null';
      const text = branch === 'long' && several ? LONG_IN_UNION : typeText(branch);
      return `{ readonly '${branchName(branch)}': ${text} }`;
    })
    .join(' | ');
}

function declaration(schema: AvroSchemaFile): string {
  const doc = `/** ${schema.doc ?? schema.name} */\n`;
  if (schema.type === 'enum') {
    const list = `${schema.name[0]!.toLowerCase()}${schema.name.slice(1)}s`;
    const symbols = schema.symbols!.map((symbol) => `'${symbol}'`).join(', ');
    return `${doc}export const ${list} = [${symbols}] as const;\nexport type ${schema.name} = (typeof ${list})[number];\n`;
  }
  const fields = schema.fields!.map((field) => {
    const optional = field.default === undefined ? '' : '?';
    const orMissing = field.default === undefined ? '' : ' | undefined';
    return `  /** ${field.doc} */\n  readonly ${field.name}${optional}: ${typeText(field.type)}${orMissing};\n`;
  });
  return `${doc}export interface ${schema.name} {\n${fields.join('')}}\n`;
}

/** The text of schemas/generated/records.ts. */
export function generateRecords(): string {
  const names = [...SCHEMA_FILES].filter(([, schema]) => schema.type === 'record');
  return [
    '// Made from schemas/avro by `npm run gen`; a test keeps it in step. Do not edit.\n',
    ...[...SCHEMA_FILES.values()].map(declaration),
    '/** Record types by full Avro name. */\nexport interface AvroRecords {\n',
    ...names.map(([fullName, schema]) => `  '${fullName}': ${schema.name};\n`),
    '}\n',
  ].join('\n');
}
