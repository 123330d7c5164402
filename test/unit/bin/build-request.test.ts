import assert from 'node:assert/strict';
import { requestFromWords } from '../../../bin/build-request.ts';
import { avroType } from '../../../schemas/avro-types.ts';

const REQUEST = avroType('io.zeelos.leshan.avro.request.AvroRequest');
const NAMES = 'io.zeelos.leshan.avro.request.';

function payloadOf(...words: string[]) {
  const options = { format: 'AUTO', mode: 'REPLACE', type: undefined, ticket: 't' } as const;
  const request = requestFromWords(['gw1', 'dev', ...words], options);
  assert.ok(REQUEST.isValid(request));
  const { kind, path, contentFormat, body } = JSON.parse(JSON.stringify(request)).payload;
  return [kind, path, contentFormat, body];
}

const paths = (...texts: string[]) => ({ paths: texts });

describe('zeelos request in words', () => {
  it('takes the paths of composite operations with commas', () => {
    const read = { [`${NAMES}AvroReadCompositeRequest`]: paths('/3/0/9', '/3303/0') };
    assert.deepEqual(payloadOf('readComposite', '/3/0/9,/3303/0'), ['readComposite', '/', 'AUTO', read]);
    const observe = { [`${NAMES}AvroObserveCompositeRequest`]: paths('/3/0/9') };
    assert.deepEqual(payloadOf('observeComposite', '/3/0/9'), ['observeComposite', '/', 'AUTO', observe]);
    assert.deepEqual(payloadOf('observeCancel', '/3/0/9,'), ['observeCancel', '/', 'AUTO', observe]);
    assert.deepEqual(payloadOf('observeCancel', '/3/0/9'), ['observeCancel', '/3/0/9', 'AUTO', null]);
  });

  it('writes several resources, each with the type of its model', () => {
    const [, , , body] = payloadOf('writeComposite', '/3303/0/5700,/3/0/14', '[21.5, "+02:00"]');
    const { nodes } = body[`${NAMES}AvroWriteCompositeRequest`];
    const value = (node: { content: Record<string, { value: unknown }> }) => Object.values(node.content)[0]!.value;
    assert.deepEqual(nodes.map(value), [{ double: 21.5 }, { string: '+02:00' }]);
    const [, , , one] = payloadOf('writeComposite', '/3/0/14', '+02:00');
    assert.deepEqual(one[`${NAMES}AvroWriteCompositeRequest`].nodes.map(value), [{ string: '+02:00' }]);
  });

  it('leaves the instance id to the device where a create does not say it', () => {
    const id = (value: string) =>
      payloadOf('create', '/3303', value)[3][`${NAMES}AvroCreateRequest`].instance.id as number;
    assert.equal(id('{"5700": 1}'), -1);
    assert.equal(id('{"id": 7, "5700": 1}'), 7);
  });

  it('names the command that cancel withdraws', () => {
    assert.deepEqual(payloadOf('cancel', '/', 't-1'), [
      'cancel',
      '/',
      'AUTO',
      { [`${NAMES}AvroCancelRequest`]: { ticket: 't-1' } },
    ]);
  });

  const wrong = [
    ['writeComposite', '/3/0/14,/3/0/15', '["one"]'],
    ['writeComposite', '/3/0/14,/3/0/15', 'one'],
    ['writeComposite', '/3/0', '1'],
    ['writeComposite', '/3/0/14'],
    ['readComposite', '/3/0', 'value'],
    ['observeCancel', '/3/0', 'value'],
    ['cancel', '/3/0', 't-1'],
    ['cancel', '/'],
  ];
  for (const words of wrong) {
    it(`refuses ${words.join(' ')}`, () => {
      assert.throws(() => payloadOf(...words), { code: 'USAGE' });
    });
  }
});
