import assert from 'node:assert/strict';
import { CONTENT_FORMATS } from '../../../../lwm2m/content/content-formats.ts';
import type { Lwm2mNode } from '../../../../lwm2m/content/node.ts';
import { formatFor, preferredFormat } from '../../../../lwm2m-server/operation/content-negotiation.ts';

const { TLV, JSON: OLD_JSON, TEXT, OPAQUE, SENML_JSON, SENML_CBOR, CBOR, LWM2M_CBOR } = CONTENT_FORMATS;
const announces = (version: string, ...contentFormats: number[]) => ({ version, contentFormats });
const FLOAT: Lwm2mNode = { kind: 'resource', id: 1, value: { type: 'FLOAT', value: 1 } };
const BYTES: Lwm2mNode = { kind: 'resource', id: 1, value: { type: 'OPAQUE', value: Buffer.alloc(1) } };
const MULTIPLE: Lwm2mNode = { kind: 'multipleResource', id: 1, type: 'FLOAT', values: new Map() };

describe('content negotiation', () => {
  it('asks a device of LwM2M 1.0 for TLV, whatever it announces, and writes single values as text or opaque', () => {
    for (const device of [
      announces('1.0'),
      announces('1.0', OLD_JSON.number),
      announces('1.0', 1543, SENML_CBOR.number),
    ]) {
      assert.equal(preferredFormat(device, 'read'), TLV.number);
      assert.equal(preferredFormat(device, 'create'), TLV.number);
      assert.equal(preferredFormat(device, MULTIPLE), TLV.number);
      assert.equal(preferredFormat(device, FLOAT), TEXT.number);
      assert.equal(preferredFormat(device, BYTES), OPAQUE.number);
    }
  });

  it('takes the first format that a device of 1.1 announces and that can carry a node', () => {
    const device = announces('1.1', CBOR.number, SENML_JSON.number, SENML_CBOR.number, TLV.number);
    for (const use of ['read', 'create', FLOAT, BYTES, MULTIPLE] as const)
      assert.equal(preferredFormat(device, use), SENML_JSON.number);
    assert.equal(preferredFormat(announces('1.2', LWM2M_CBOR.number, TLV.number), 'read'), LWM2M_CBOR.number);
    assert.equal(preferredFormat(announces('1.1', TLV.number, SENML_CBOR.number), 'read'), TLV.number);
  });

  it('falls back to TLV, and for single values to text, when nothing fit is announced', () => {
    for (const device of [announces('1.1'), announces('1.1', 0, 42, 60, 1542, 65000)]) {
      assert.equal(preferredFormat(device, 'read'), TLV.number);
      assert.equal(preferredFormat(device, FLOAT), TEXT.number);
      assert.equal(preferredFormat(device, 'composite'), SENML_CBOR.number);
    }
  });

  it('asks for several paths in a format that can name them', () => {
    assert.equal(preferredFormat(announces('1.1', TLV.number, OLD_JSON.number, SENML_JSON.number), 'composite'), 110);
    assert.equal(preferredFormat(announces('1.0', SENML_JSON.number), 'composite'), 110);
    assert.equal(preferredFormat(announces('1.2', LWM2M_CBOR.number), 'composite'), 11544);
  });

  const explicit = [
    ['TLV', 11542],
    ['JSON_CODE', 11543],
    ['TEXT_CODE', 0],
    ['OPAQUE_CODE', 42],
    ['CBOR', 60],
    ['SENML_JSON', 110],
    ['SENML_CBOR', 112],
    ['LWM2M_CBOR', 11544],
  ] as const;
  for (const [symbol, number] of explicit) {
    it(`takes ${symbol} at its word`, () => {
      for (const use of ['read', 'create', 'composite', FLOAT] as const)
        assert.equal(formatFor(symbol, announces('1.1', SENML_CBOR.number), use), number);
    });
  }

  it('chooses by itself for AUTO, and for links, which carry no values', () => {
    for (const symbol of ['AUTO', 'LINK_CODE'] as const) {
      assert.equal(formatFor(symbol, announces('1.1', SENML_CBOR.number), 'read'), SENML_CBOR.number);
      assert.equal(formatFor(symbol, announces('1.0'), 'read'), TLV.number);
    }
  });
});
