// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${yyyy} is KCQL

import assert from 'node:assert/strict';
import { PlatformError } from '../../../../common/errors.ts';
import { parseKcql } from '../../../../connectors/kcql/parse.ts';
import { compileTarget } from '../../../../connectors/kcql/target.ts';

function faultOf(text: string): { readonly line: unknown; readonly column: unknown; readonly expected: unknown } {
  try {
    parseKcql(text);
  } catch (error) {
    assert.ok(error instanceof PlatformError);
    assert.equal(error.code, 'KCQL_INVALID');
    const { line, column, expected } = error.details;
    return { line, column, expected };
  }
  throw new Error(`${JSON.stringify(text)} was taken`);
}

describe('KCQL parser', () => {
  it('reads every clause', () => {
    const [one] = parseKcql(`
      upsert into \`my target\` select *, a.b.c as x, \`odd.name\`.d from iot.gw1.observations
      ignore e, f.g withtimestamp h timestampunit = SECONDS withtag (ep, a.b AS nested, site = home, note='it''s =, here') pk x`);
    assert.ok(one);
    const { at, ...rest } = one;
    assert.deepEqual(at, { line: 2, column: 7 });
    assert.deepEqual(
      { ...rest, fields: rest.fields.map(({ path, alias }) => [path, alias]), tags: rest.tags.map(withoutPlace) },
      {
        mode: 'UPSERT',
        target: [{ kind: 'text', text: 'my target' }],
        all: true,
        fields: [
          [['a', 'b', 'c'], 'x'],
          [['odd.name', 'd'], undefined],
        ],
        topic: 'iot.gw1.observations',
        ignored: [['e'], ['f', 'g']],
        timestamp: { kind: 'field', path: ['h'], at: { line: 3, column: 35 } },
        timestampUnit: 'SECONDS',
        tags: [
          { kind: 'field', path: ['ep'] },
          { kind: 'field', path: ['a', 'b'], alias: 'nested' },
          { kind: 'constant', name: 'site', value: 'home' },
          { kind: 'constant', name: 'note', value: "it's =, here" },
        ],
        primaryKey: ['x'],
      },
    );
  });

  it('reads several statements, with a comment and a semicolon at the end', () => {
    const statements = parseKcql(
      'INSERT INTO a SELECT * FROM t; -- the first\nINSERT INTO b SELECT x FROM t WITHTIMESTAMP sys_time();',
    );
    assert.deepEqual(
      statements.map(({ timestamp }) => timestamp),
      [undefined, { kind: 'sysTime' }],
    );
  });

  it('makes targets of the time of a record, in UTC', () => {
    const [statement] = parseKcql('INSERT INTO temperature-${yyyyMM} SELECT a FROM t');
    const target = compileTarget(statement!.target);
    assert.equal(target(Date.UTC(2026, 11, 31, 23, 59)), 'temperature-202612');
    assert.equal(target(Date.UTC(2027, 0, 1)), 'temperature-202701');
    const [other] = parseKcql('INSERT INTO `x ${yyyy-MM-dd} ${HH:mm}` SELECT a FROM t');
    assert.equal(compileTarget(other!.target)(Date.UTC(2026, 1, 3, 4, 5)), 'x 2026-02-03 04:05');
  });

  for (const [text, line, column, expected] of [
    ['', 1, 1, 'INSERT or UPSERT'],
    ['SELECT a FROM t', 1, 1, 'INSERT or UPSERT'],
    ['INSERT a', 1, 8, 'INTO'],
    ['INSERT INTO m SELECT FROM t', 1, 22, 'a field'],
    ['INSERT INTO m SELECT a b FROM t', 1, 24, 'AS, , or FROM'],
    ['INSERT INTO m\n SELECT a\n  FORM t', 3, 3, 'AS, , or FROM'],
    [
      'INSERT INTO m SELECT a FROM t WITHTAGS (x)',
      1,
      31,
      'IGNORE, WITHTIMESTAMP, TIMESTAMPUNIT, WITHTAG, PK, ; or the end',
    ],
    ['INSERT INTO m SELECT a FROM t PK a PK a', 1, 36, 'IGNORE, WITHTIMESTAMP, TIMESTAMPUNIT, WITHTAG, ; or the end'],
    ['INSERT INTO m SELECT a FROM t WITHTAG x', 1, 39, '('],
    ['INSERT INTO m SELECT a FROM t WITHTAG (x', 1, 41, ', or )'],
    ['INSERT INTO m SELECT a FROM t TIMESTAMPUNIT = DAYS', 1, 47, 'SECONDS, MILLISECONDS, MICROSECONDS or NANOSECONDS'],
    ['INSERT INTO m-${yy} SELECT a FROM t', 1, 17, 'a date of yyyy, MM, dd, HH, mm and separators'],
    ['INSERT INTO m SELECT a.`b FROM t', 1, 24, 'a closing `'],
    ['INSERT INTO m SELECT a..b FROM t', 1, 24, 'a name'],
    ['INSERT INTO m SELECT a FROM t PK b', 1, 1, 'the PK field "b" among the selected ones'],
  ] as const)
    it(`says where ${JSON.stringify(text)} is wrong`, () =>
      assert.deepEqual(faultOf(text), { line, column, expected }));
});

function withoutPlace<T extends object>(tag: T): Omit<T, 'at'> {
  const { at: _, ...rest } = tag as T & { at?: unknown };
  return rest;
}
