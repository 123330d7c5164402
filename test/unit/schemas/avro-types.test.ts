import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { avroType, compileSchema, SCHEMA_FILES, selfContainedSchema } from '../../../schemas/avro-types.ts';
import { generateRecords } from '../../../schemas/generate-records.ts';
import { TOPICS } from '../../../schemas/topics.ts';

const REQUEST = avroType('io.zeelos.leshan.avro.request.AvroRequest');
const RESOURCE = avroType('io.zeelos.leshan.avro.resource.AvroResource');

/** The request lines that the original system's manual gives for kafka-avro-console-producer. */
const MANUAL_LINES = [
  '{"serverId": "rock64", "ep": "<endpoint-id>", "ticket": "ticket#1", "payload": {"kind": "observe", "path": "/3303/0/5700", "contentFormat": "TLV", "body": null}}',
  '{"serverId": "rock64", "ep": "<endpoint-id>", "ticket": "ticket#1", "payload": {"kind": "observeCancel", "path": "/3303/0/5700", "contentFormat": "TLV", "body": null}}',
  '{"serverId": "rock64", "ep": "<endpoint-id>", "ticket": "ticket#2", "payload": {"kind": "read", "path": "/3/0/0", "contentFormat": "TLV", "body": null}}',
  '{"serverId": "rock64", "ep": "<endpoint-id>", "ticket": "ticket#3", "payload": {"kind": "read", "path": "/1/0/6", "contentFormat": "TLV", "body": null}}',
  '{"serverId": "rock64", "ep": "<endpoint-id>", "ticket": "ticket#4", "payload": {"kind": "write", "path": "/1/0/6", "contentFormat": "TLV", "body":{"io.zeelos.leshan.avro.request.AvroWriteRequest":{"mode":"REPLACE", "node":{"io.zeelos.leshan.avro.resource.AvroResource":{"id":6,"path":"/1/0/6","kind":"SINGLE_RESOURCE","type":"BOOLEAN","value":{"boolean":false}}}}}}}',
  '{"serverId": "server1", "ep": "<endpoint-id>", "ticket": "ticket#5", "payload": {"kind": "execute", "path": "/3/0/4", "contentFormat": "TLV", "body":{"io.zeelos.leshan.avro.request.AvroExecuteRequest":{"parameters":"param1,param2"}}}}',
];

function integer(value: number | bigint) {
  return { id: 1, path: '/1/0/1', kind: 'SINGLE_RESOURCE', type: 'INTEGER', value: { long: value } };
}

describe('schemas/avro-types', () => {
  it('keeps generated/records.ts in step with the schema files', () => {
    const file = new URL('../../../schemas/generated/records.ts', import.meta.url);
    assert.equal(readFileSync(file, 'utf8'), generateRecords());
  });

  it('documents every schema and every field, and each file bears the name of its schema', () => {
    for (const [fullName, schema] of SCHEMA_FILES) {
      assert.ok(schema.doc, fullName);
      for (const field of schema.fields ?? []) assert.ok(field.doc, `${fullName}.${field.name}`);
      const file = new URL(`../../../schemas/avro/${schema.name}.avsc`, import.meta.url);
      assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), schema);
    }
  });

  it('makes every topic schema self-contained: it compiles without our files', () => {
    for (const row of Object.values(TOPICS)) {
      const text = JSON.stringify(selfContainedSchema(row.value));
      const alone = compileSchema(JSON.parse(text));
      assert.equal(alone.name, row.value);
      // Each named type is written out once only: a second definition is refused by every registry.
      const defined = [...text.matchAll(/"type":"(?:record|enum)","name":"(\w+)"/g)].map((match) => match[1]);
      assert.equal(new Set(defined).size, defined.length);
    }
  });

  for (const line of MANUAL_LINES) {
    const { kind } = (JSON.parse(line) as { payload: { kind: string } }).payload;
    it(`takes the manual's ${kind} line as it is`, () => {
      const request = REQUEST.fromString(line.replace('<endpoint-id>', 'urn:dev:1'));
      assert.equal(REQUEST.isValid(request), true);
      const again = REQUEST.fromBuffer(REQUEST.toBuffer(request));
      const given = JSON.parse(line.replace('<endpoint-id>', 'urn:dev:1')) as { payload: { body: unknown } };
      assert.deepEqual(JSON.parse(REQUEST.toString(again)), {
        ...given,
        expiresAt: null,
        timeoutMs: null,
        requestedBy: null,
        queue: null,
        coalesce: null,
      });
    });
  }

  it('carries every 64-bit integer: as a number while that is exact, as a bigint beyond', () => {
    const safe = Number.MAX_SAFE_INTEGER;
    const cases: [number | bigint, number | bigint][] = [
      [0, 0],
      [-1, -1],
      [2 ** 31, 2 ** 31],
      [-(2 ** 32), -(2 ** 32)],
      [safe, safe],
      [-safe, -safe],
      [BigInt(safe), safe],
      [BigInt(safe) + 1n, BigInt(safe) + 1n],
      [-BigInt(safe) - 1n, -BigInt(safe) - 1n],
      [2n ** 63n - 1n, 2n ** 63n - 1n],
      [-(2n ** 63n), -(2n ** 63n)],
    ];
    for (const [given, read] of cases) {
      const back = RESOURCE.fromBuffer(RESOURCE.toBuffer(integer(given))) as { value: { long: number | bigint } };
      assert.equal(back.value.long, read);
    }
  });

  it('refuses what a 64-bit integer is not', () => {
    for (const bad of [2n ** 63n, -(2n ** 63n) - 1n, 2 ** 53, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1', null]) {
      assert.equal(RESOURCE.isValid(integer(bad as number)), false, String(bad));
      assert.throws(() => RESOURCE.toBuffer(integer(bad as number)), String(bad));
    }
  });
});
