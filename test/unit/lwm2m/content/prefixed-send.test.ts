import assert from 'node:assert/strict';
import { CONTENT_FORMATS } from '../../../../lwm2m/content/content-formats.ts';
import { decodePrefixedSend } from '../../../../lwm2m/content/timed-content.ts';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import { formatPath } from '../../../../lwm2m/path.ts';

const MODELS = coreObjectModels();
const PREFIXES = new Set<string | undefined>([undefined, 'd01', 'd02', '3a']);
const modelsOf = (prefix: string | undefined) => (PREFIXES.has(prefix) ? MODELS : undefined);

/** Prefix, paths and number of faults of each device. */
function send(format: keyof typeof CONTENT_FORMATS, payload: Uint8Array, rootPath = '') {
  const contents = decodePrefixedSend(CONTENT_FORMATS[format].number, payload, 0, { rootPath, modelsOf });
  return contents.map(({ prefix, values, faults }) => [
    prefix ?? '',
    values.map(({ path }) => formatPath(path)),
    faults.length,
  ]);
}
const json = (records: unknown) => Buffer.from(JSON.stringify(records));

describe('lwm2m/content: a Send of a gateway', () => {
  it('is told apart by the prefix in each name, base names included', () => {
    const records = [
      { bn: '/d01/3303/0/', n: '5700', v: 1 },
      { n: '5701', vs: 'Cel' },
      { bn: '/', n: '3303/0/5700', v: 2 },
      { n: 'd02/3303/0/5700', v: 3 },
      { bn: '', n: '/3a/3/0/9', v: 50 },
    ];
    assert.deepEqual(send('SENML_JSON', json(records)), [
      ['d01', ['/3303/0/5700', '/3303/0/5701'], 0],
      ['', ['/3303/0/5700'], 0],
      ['d02', ['/3303/0/5700'], 0],
      ['3a', ['/3/0/9'], 0],
    ]);
  });

  it('has the prefix after the root path of the gateway, or alone', () => {
    const records = [
      { n: '/lwm2m/d01/3303/0/5700', v: 1 },
      { n: '/d01/3303/0/5701', vs: 'Cel' },
      { n: '/lwm2m/3/0/9', v: 2 },
    ];
    assert.deepEqual(send('SENML_JSON', json(records), '/lwm2m'), [
      ['d01', ['/3303/0/5700', '/3303/0/5701'], 0],
      ['', ['/3/0/9'], 0],
    ]);
  });

  it('counts a prefix that nobody has as a fault of the gateway, a bad value as one of its device', () => {
    const records = [
      { n: '/d01/3303/0/5700', vs: 'no number' },
      { n: '/d02/3303/0/5700', v: 1 },
      { n: '/d09/3303/0/5700', v: 1 },
    ];
    assert.deepEqual(send('SENML_JSON', json(records)), [
      ['d01', [], 1],
      ['d02', ['/3303/0/5700'], 0],
      ['', [], 1],
    ]);
    assert.throws(() => send('SENML_JSON', json(records.slice(2))), { code: 'LWM2M_CONTENT' });
  });

  it('reads the prefix as a text key of LwM2M CBOR', () => {
    // {"d01": {3: {0: {9: 50}}}, 3: {0: {9: 60}}, ["d02", 3, 0, 9]: 70}
    const payload = Buffer.from(
      'a3' + '63643031a103a100a1091832' + '03a100a109183c' + '846364303203000918' + '46',
      'hex',
    );
    assert.deepEqual(send('LWM2M_CBOR', payload), [
      ['d01', ['/3/0/9'], 0],
      ['', ['/3/0/9'], 0],
      ['d02', ['/3/0/9'], 0],
    ]);
  });
});
