import assert from 'node:assert/strict';
import { decodeBlock, encodeBlock, encodeUint, LARGEST_BLOCK_NUMBER } from '../../../../lwm2m/coap/block-option.ts';

describe('block option, RFC 7959 §2.2', () => {
  const cases: readonly [string, number, boolean, number][] = [
    ['', 0, false, 16],
    ['08', 0, true, 16],
    ['0b', 0, true, 128],
    ['23', 2, false, 128],
    ['0106', 16, false, 1024],
    ['fffffe', LARGEST_BLOCK_NUMBER, true, 1024],
  ];
  for (const [hex, number, more, sizeBytes] of cases) {
    it(`${number}/${more ? 1 : 0}/${sizeBytes} is ${hex || 'empty'}`, () => {
      assert.deepEqual(decodeBlock(Buffer.from(hex, 'hex')), { number, more, sizeBytes });
      assert.equal(encodeBlock({ number, more, sizeBytes }).toString('hex'), hex);
    });
  }

  it('has no meaning for the reserved exponent', () => assert.equal(decodeBlock(Buffer.from([0x0f])), undefined));

  it('writes a uint without leading zeros', () => {
    assert.deepEqual(
      [0, 1, 256, 2 ** 32 - 1].map((n) => encodeUint(n).toString('hex')),
      ['', '01', '0100', 'ffffffff'],
    );
  });
});
