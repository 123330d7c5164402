import assert from 'node:assert/strict';
import { coapUri } from '../../../adapters/coap-uri.ts';

describe('coap uri setting', () => {
  for (const [text, host, port] of [
    ['coap://10.0.0.1:5000', '10.0.0.1', 5_000],
    ['coap://gateway.local', 'gateway.local', 5_683],
    ['coap://[::1]:5683/', '::1', 5_683],
  ] as const) {
    it(`reads ${text}`, () => assert.deepEqual(coapUri.parse(text), { host, port }));
  }

  for (const text of [
    '',
    'coaps://a:1',
    'coap://',
    'coap://a:0',
    'coap://a:65536',
    'coap://a/rd',
    'coap://u@a',
    'http://a',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(coapUri.safeParse(text).success, false));
  }
});
