import assert from 'node:assert/strict';
import { fieldsOf } from '../../../../connectors/fields/field.ts';
import { shapeOf } from '../../../../connectors/fields/shape.ts';
import { transformedFields } from '../../../../connectors/fields/transforms.ts';
import { selfContainedSchema } from '../../../../schemas/avro-types.ts';
import { TOPICS } from '../../../../schemas/topics.ts';

const shape = shapeOf(selfContainedSchema(TOPICS.observations.value));
const BODY = 'io.zeelos.leshan.avro.response.AvroReadResponseBody';
const RESOURCE = 'io.zeelos.leshan.avro.resource.AvroResource';

function withValue(value: object): unknown {
  return {
    ep: 'e',
    seq: { long: 5 },
    rep: { kind: 'observe', body: { [BODY]: { content: { [RESOURCE]: { value } } } } },
  };
}

describe('fields of an Avro record', () => {
  const fields = fieldsOf(shape);
  const get = (path: string, record: unknown) => fields.find(path.split('.'))?.get(record);

  it('are found by path, with the branch by its full or last name, or without it', () => {
    const record = withValue({ double: 1.5 });
    for (const path of [
      'rep.body.AvroReadResponseBody.content.AvroResource.value.double',
      `rep.body.${BODY}.content.${RESOURCE}.value.double`,
      'rep.body.content.value.double',
      'rep.body.content.value',
    ])
      assert.equal(get(path, record), 1.5, path);
    assert.equal(get('seq', record), 5);
    assert.equal(get('rep.body.content.value.long', record), undefined);
    for (const missing of ['nothing', 'rep', 'rep.body.AvroNothing.x', 'ep.x', ''])
      assert.equal(fields.find(missing.split('.')), undefined, missing);
  });

  it('tell the kind of a value that may be of several', () => {
    const field = fields.find(['rep', 'body', 'content', 'value'])!;
    assert.equal(field.kind, 'mixed');
    assert.deepEqual(
      [{ double: 1 }, { long: 1 }, { string: 'x' }, { boolean: true }].map((value) => field.kindOf(withValue(value))),
      ['float', 'integer', 'string', 'boolean'],
    );
  });

  it('are absent, not a fault, where the record has another branch or none', () => {
    for (const body of [null, undefined, { 'io.zeelos.leshan.avro.response.AvroGenericResponse': { message: 'm' } }])
      assert.equal(get('rep.body.content.value', { rep: { body } }), undefined);
    assert.equal(
      get('rep.body.message', {
        rep: { body: { 'io.zeelos.leshan.avro.response.AvroGenericResponse': { message: 'm' } } },
      }),
      'm',
    );
  });

  it('are flattened, left out, renamed and cast by transforms', () => {
    const made = transformedFields(shape, [
      { kind: 'flatten', delimiter: '_', blacklist: new Set(['AvroObjectResource']) },
      {
        kind: 'replace',
        include: new Set(['ep', 'rep_body_AvroReadResponseBody_content_AvroResource_value_long']),
        exclude: new Set(),
        renames: new Map([['rep_body_AvroReadResponseBody_content_AvroResource_value_long', 'value']]),
      },
      { kind: 'cast', spec: new Map([['value', 'float64' as const]]) },
    ]);
    assert.deepEqual([...made.all().keys()], ['ep', 'value']);
    const value = made.find(['value'])!;
    assert.deepEqual([value.kind, value.get(withValue({ long: 2n ** 60n }))], ['float', 2 ** 60]);
    assert.equal(value.get(withValue({ string: 'x' })), undefined);
  });

  it('end where a schema refers to itself', () => {
    const node = {
      type: 'record',
      name: 'Node',
      fields: [
        { name: 'id', type: 'int' },
        { name: 'next', type: ['null', 'Node'] },
      ],
    };
    const all = fieldsOf(shapeOf(node)).all();
    assert.ok(all.size > 3 && all.size < 50);
    assert.equal(
      fieldsOf(shapeOf(node))
        .find(['next', 'next', 'id'])
        ?.get({ next: { Node: { next: { Node: { id: 7 } } } } }),
      7,
    );
  });
});
