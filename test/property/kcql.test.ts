// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${yyyy} is KCQL

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { hasCode } from '../../common/errors.ts';
import { parseKcql } from '../../connectors/kcql/parse.ts';
import { printKcql } from '../../connectors/kcql/print.ts';
import { nameOf, type Statement, TIMESTAMP_UNITS } from '../../connectors/kcql/statement.ts';
import { parseTarget } from '../../connectors/kcql/target.ts';

const word = fc.oneof(
  fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/),
  fc.constantFrom('from', 'SELECT', 'as', 'pk', 'sys_time'),
  fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }).filter((text) => !text.includes('$')),
);
const path = fc.array(word, { minLength: 1, maxLength: 4 });
// A topic and an alias are one name: its dots are part of it.
const name = word;
const alias = fc.option(name, { nil: undefined });
const named = fc.record({ path, alias }).map(({ path, alias }) => ({ path, ...(alias !== undefined && { alias }) }));
const target = fc
  .tuple(name, fc.constantFrom('', '-${yyyyMM}', '${yyyy-MM-dd}', '-${yyyy}-${HH:mm}x'))
  .map(([text, date]) => parseTarget(text + date))
  .filter((parts) => !('fault' in parts)) as fc.Arbitrary<Statement['target']>;

const statement: fc.Arbitrary<Statement> = fc
  .record({
    mode: fc.constantFrom('INSERT' as const, 'UPSERT' as const),
    target,
    all: fc.boolean(),
    fields: fc.array(named, { minLength: 1, maxLength: 5 }),
    topic: name,
    ignored: fc.array(path, { maxLength: 3 }),
    time: fc.oneof(
      fc.constant({}),
      fc.constant({ timestamp: { kind: 'sysTime' as const } }),
      path.map((field) => ({ timestamp: { kind: 'field' as const, path: field } })),
    ),
    timestampUnit: fc.constantFrom(...TIMESTAMP_UNITS),
    tags: fc.array(
      fc.oneof(
        named.map((field) => ({ kind: 'field' as const, ...field })),
        fc.record({ kind: fc.constant('constant' as const), name, value: fc.string({ unit: 'grapheme' }) }),
      ),
      { maxLength: 4 },
    ),
    keyed: fc.boolean(),
  })
  .map(({ time, keyed, ...rest }) => ({
    ...rest,
    ...time,
    primaryKey: keyed ? [...new Set(rest.fields.map(nameOf))] : [],
  }));

function withoutPlaces(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, inner) => (key === 'at' ? undefined : inner)));
}

describe('KCQL properties', () => {
  it('reads what it prints as the same statements', () => {
    fc.assert(
      fc.property(fc.array(statement, { minLength: 1, maxLength: 3 }), (statements) => {
        assert.deepEqual(withoutPlaces(parseKcql(printKcql(statements))), withoutPlaces(statements));
      }),
      { numRuns: 400 },
    );
  });

  it('answers any text with statements or KCQL_INVALID', () => {
    const pieces = fc.constantFrom(
      ...['INSERT', 'UPSERT', ' INTO ', 'SELECT', 'FROM', '*', ',', ';', '(', ')', '=', '`', "'", '"', '.', '--', '\n'],
      ...['WITHTAG', 'WITHTIMESTAMP', 'PK', 'AS', '$' + '{', 'yyyy', '}', ' ', 'a', 'é', '\u0000', '😀'],
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 40 }).map((all) => all.join('')),
    );
    fc.assert(fc.property(text, isReadOrRefused), { numRuns: 2_000 });
  });

  it('answers any damage to a good text so', () => {
    const damaged = fc
      .tuple(statement, fc.nat(), fc.nat(5), fc.string({ maxLength: 3 }))
      .map(([one, place, length, put]) => {
        const text = printKcql([one]);
        const at = place % (text.length + 1);
        return text.slice(0, at) + put + text.slice(at + length);
      });
    fc.assert(fc.property(damaged, isReadOrRefused), { numRuns: 1_000 });
  });
});

function isReadOrRefused(text: string): void {
  try {
    const read = parseKcql(text);
    assert.deepEqual(withoutPlaces(parseKcql(printKcql(read))), withoutPlaces(read));
  } catch (error) {
    if (hasCode(error, 'KCQL_INVALID')) {
      assert.match(String((error as { details?: { line?: unknown } }).details?.line), /^\d+$/);
      return;
    }
    throw error;
  }
}
