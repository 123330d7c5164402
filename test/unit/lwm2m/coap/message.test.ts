import assert from 'node:assert/strict';
import { hasCode } from '../../../../common/errors.ts';
import {
  type CoapMessage,
  decodeMessage,
  emptyAck,
  emptyConfirmable,
  emptyReset,
  encodeMessage,
  fingerprintOf,
  frameFault,
} from '../../../../lwm2m/coap/message.ts';
import vectors from '../../../vectors/coap.json' with { type: 'json' };

const message = (vector: (typeof vectors)[number]): CoapMessage => ({
  type: vector.type as CoapMessage['type'],
  code: vector.code,
  messageId: vector.messageId,
  token: Buffer.from(vector.token, 'hex'),
  options: vector.options.map(({ name, value }) => ({ name, value: Buffer.from(value, 'hex') })),
  payload: Buffer.from(vector.payload, 'hex'),
});

describe('CoAP message', () => {
  for (const vector of vectors) {
    it(`reads and writes: ${vector.name} (${vector.source})`, () => {
      const datagram = Buffer.from(vector.hex, 'hex');
      assert.equal(frameFault(datagram), undefined);
      assert.deepEqual(decodeMessage(datagram), message(vector));
      assert.equal(encodeMessage(message(vector)).toString('hex'), vector.hex);
    });
  }

  it('writes empty messages by hand as the codec does', () => {
    assert.equal(emptyAck(0xad7b).toString('hex'), '6000ad7b');
    assert.equal(emptyReset(0xad7c).toString('hex'), '7000ad7c');
    assert.equal(emptyConfirmable(1).toString('hex'), '40000001');
  });

  it('finds no fault in 8 token bytes, 13- and 14-extended options', () => {
    assert.equal(frameFault(Buffer.from(`48010001${'11'.repeat(8)}`, 'hex')), undefined);
    assert.equal(frameFault(Buffer.from(`40010001d20a0102`, 'hex')), undefined);
    assert.equal(frameFault(Buffer.from(`40010001ee0000${'0000'}${'aa'.repeat(269)}`, 'hex')), undefined);
    assert.equal(frameFault(Buffer.from(`40010001ee0000${'0001'}${'aa'.repeat(269)}`, 'hex')), 'format');
  });

  it('refuses to write a code or token that is none', () => {
    const base = message(vectors[0]!);
    for (const code of ['', '2', '2.5', '2.32', '1.01', '7.01', 'GET']) {
      assert.throws(
        () => encodeMessage({ ...base, code }),
        (error) => hasCode(error, 'INTERNAL'),
        code,
      );
    }
    assert.throws(
      () => encodeMessage({ ...base, token: Buffer.alloc(9) }),
      (error) => hasCode(error, 'INTERNAL'),
    );
    assert.throws(
      () => encodeMessage({ ...base, payload: Buffer.alloc(66_000) }),
      (error) => hasCode(error, 'COAP_TOO_LARGE'),
    );
  });

  it('fingerprints by every byte: FNV-1a 32', () => {
    assert.equal(fingerprintOf(Buffer.from('')) >>> 0, 0x811c9dc5);
    assert.equal(fingerprintOf(Buffer.from('foobar')) >>> 0, 0xbf9cf968);
  });
});
