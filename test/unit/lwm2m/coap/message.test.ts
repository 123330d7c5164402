import assert from 'node:assert/strict';
import { parse } from 'coap-packet';
import { hasCode } from '../../../../common/errors.ts';
import {
  decodeMessage,
  emptyAck,
  emptyConfirmable,
  emptyReset,
  encodeMessage,
  fingerprintOf,
  frameFault,
  listOptions,
  type MessageToSend,
} from '../../../../lwm2m/coap/message.ts';
import { optionName } from '../../../../lwm2m/coap/options.ts';
import vectors from '../../../vectors/coap.json' with { type: 'json' };

/** The vectors name their options. */
function numberOf(name: string): number {
  for (let number = 0; number < 300; number++) if (optionName(number) === name) return number;
  return assert.fail(`no option ${name}`);
}

const message = (vector: (typeof vectors)[number]): MessageToSend => ({
  type: vector.type as MessageToSend['type'],
  code: vector.code,
  messageId: vector.messageId,
  token: Buffer.from(vector.token, 'hex'),
  options: vector.options.map(({ name, value }) => ({ number: numberOf(name), value: Buffer.from(value, 'hex') })),
  payload: Buffer.from(vector.payload, 'hex'),
});

describe('CoAP message', () => {
  for (const vector of vectors) {
    it(`reads and writes: ${vector.name} (${vector.source})`, () => {
      const datagram = Buffer.from(vector.hex, 'hex');
      assert.equal(frameFault(datagram), undefined);
      const { options: _meaning, ...read } = decodeMessage(datagram);
      assert.deepEqual({ ...read, options: listOptions(datagram) }, message(vector));
      assert.equal(encodeMessage(message(vector)).toString('hex'), vector.hex);
    });
  }

  it('reads as coap-packet does', () => {
    for (const { hex } of vectors) {
      const theirs = parse(Buffer.from(hex, 'hex'));
      const ours = decodeMessage(Buffer.from(hex, 'hex'));
      assert.deepEqual([ours.code, ours.messageId, ours.token], [theirs.code, theirs.messageId, theirs.token]);
      assert.deepEqual(
        listOptions(Buffer.from(hex, 'hex')).map(({ number, value }) => [optionName(number), value]),
        theirs.options.map(({ name, value }) => [name, value]),
      );
    }
  });

  it('writes empty messages by hand as the codec does', () => {
    assert.equal(emptyAck(0xad7b).toString('hex'), '6000ad7b');
    assert.equal(emptyReset(0xad7c).toString('hex'), '7000ad7c');
    assert.equal(emptyConfirmable(1).toString('hex'), '40000001');
  });

  it('finds no fault in 8 token bytes, 13- and 14-extended options', () => {
    assert.equal(frameFault(Buffer.from(`48010001${'11'.repeat(8)}`, 'hex')), undefined);
    assert.equal(frameFault(Buffer.from(`40010001d20a0102`, 'hex')), undefined);
    assert.equal(frameFault(Buffer.from(`40010001ee0000${'0000'}${'aa'.repeat(269)}`, 'hex')), undefined);
    assert.equal(frameFault(Buffer.from(`40010001ee0000${'0001'}${'aa'.repeat(269)}`, 'hex')), 'options');
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
