/** What a schema leaves open: each branch of a union and each symbol of an enum is one alternative. */

interface Named {
  readonly type: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly fields?: readonly { readonly name: string; readonly type: unknown }[];
  readonly symbols?: readonly string[];
  readonly items?: unknown;
  readonly values?: unknown;
}

/** Reads a self-contained schema; every named type carries its namespace. */
export class SchemaAlternatives {
  readonly #named = new Map<string, Named>();
  readonly #root: unknown;
  readonly all = new Set<string>();

  constructor(schema: unknown) {
    this.#root = schema;
    this.#collect(schema, '');
  }

  /** The alternatives that one value takes. @param value in Avro's JSON: a union is null or {branch: value} */
  taken(value: unknown): ReadonlySet<string> {
    const taken = new Set<string>();
    this.#walk(this.#root, value, '', taken);
    return taken;
  }

  #collect(schema: unknown, site: string): void {
    if (Array.isArray(schema)) {
      for (const branch of schema) {
        this.all.add(`${site}: ${nameOf(branch)}`);
        this.#collect(branch, site);
      }
    } else if (typeof schema === 'object' && schema !== null) {
      const type = schema as Named;
      if (type.name !== undefined) this.#named.set(nameOf(type), type);
      for (const symbol of type.symbols ?? []) this.all.add(`${nameOf(type)}: ${symbol}`);
      for (const field of type.fields ?? []) this.#collect(field.type, `${nameOf(type)}.${field.name}`);
      for (const inner of [type.items, type.values]) if (inner !== undefined) this.#collect(inner, site);
    }
  }

  #walk(schema: unknown, value: unknown, site: string, taken: Set<string>): void {
    const type = typeof schema === 'string' ? this.#named.get(schema) : schema;
    if (Array.isArray(type)) {
      const [branch, inner] = value === null ? ['null', null] : Object.entries(value as object)[0]!;
      taken.add(`${site}: ${branch}`);
      const found = type.find((one) => nameOf(one) === branch);
      this.#walk(found, inner, site, taken);
    } else if (typeof type === 'object' && type !== null) this.#walkType(type as Named, value, site, taken);
  }

  #walkType(type: Named, value: unknown, site: string, taken: Set<string>): void {
    if (type.symbols !== undefined) taken.add(`${nameOf(type)}: ${value}`);
    for (const field of type.fields ?? []) {
      const inner = (value as Record<string, unknown>)[field.name];
      this.#walk(field.type, inner, `${nameOf(type)}.${field.name}`, taken);
    }
    const items = type.items ?? type.values;
    if (items !== undefined) for (const item of Object.values(value as object)) this.#walk(items, item, site, taken);
  }
}

function nameOf(schema: unknown): string {
  if (typeof schema === 'string') return schema;
  const { type, name, namespace } = schema as Named;
  return name === undefined ? type : `${namespace}.${name}`;
}
