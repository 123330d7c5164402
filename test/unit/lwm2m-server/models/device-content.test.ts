import assert from 'node:assert/strict';
import { CONTENT_FORMATS } from '../../../../lwm2m/content/content-formats.ts';
import type { ObjectInstance, SingleResource } from '../../../../lwm2m/content/node.ts';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import { parseDdf } from '../../../../lwm2m/model/ddf.ts';
import { parsePath } from '../../../../lwm2m/path.ts';
import {
  decodeDeviceComposite,
  decodeDeviceContent,
  decodeDeviceTimedContent,
} from '../../../../lwm2m-server/models/device-content.ts';
import { registrationModels } from '../../../../lwm2m-server/models/registration-models.ts';
import { parseAnnouncement } from '../../../../lwm2m-server/registration/announced-objects.ts';
import { ddfXml } from '../../../rig/ddf.ts';

const { TEXT, TLV, OPAQUE, CBOR, SENML_JSON, SENML_CBOR, JSON: OLD_JSON, LWM2M_CBOR } = CONTENT_FORMATS;

function read(
  links: string,
  format: { number: number },
  payload: string | Uint8Array,
  path: string,
  ddf: string[] = [],
) {
  const models = coreObjectModels();
  for (const xml of ddf) for (const model of parseDdf(xml)) models.add(model);
  const { objectVersions } = parseAnnouncement(links);
  const own = registrationModels(models, { objectVersions, version: '1.1' });
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  return decodeDeviceContent(format.number, bytes, parsePath(path), own, '');
}

const readValue = (node: unknown) => (node as SingleResource).value;

describe('content of an object without a model', () => {
  const links = '</27123/0>';

  it('arrives as text', () => {
    const node = read(links, TEXT, '21.5', '/27123/0/7');
    assert.deepEqual(readValue(node), { type: 'STRING', value: '21.5' });
  });

  it('arrives as opaque bytes', () => {
    assert.deepEqual(readValue(read(links, OPAQUE, Buffer.of(1, 2), '/27123/0/7')), {
      type: 'OPAQUE',
      value: Buffer.of(1, 2),
    });
  });

  it('arrives as TLV, value and instance', () => {
    // LwM2M TLV: resource 7 with two bytes; c2 = resource, 8-bit id, length 2.
    const entry = Buffer.of(0xc2, 7, 0x12, 0x34);
    const value = { type: 'OPAQUE', value: Buffer.of(0x12, 0x34) };
    assert.deepEqual(readValue(read(links, TLV, entry, '/27123/0/7')), value);
    const { id, resources } = read(links, TLV, entry, '/27123/0') as ObjectInstance;
    assert.deepEqual({ id, resources }, { id: 0, resources: [{ kind: 'resource', id: 7, value }] });
  });

  it('arrives as CBOR', () => {
    assert.equal(readValue(read(links, CBOR, Buffer.of(0x18, 42), '/27123/0/7')).value, 42);
  });

  it('arrives as SenML JSON, SenML CBOR and the old JSON', () => {
    const senml = read(links, SENML_JSON, '[{"bn":"/27123/0/7","v":21.5}]', '/27123/0/7');
    assert.deepEqual(readValue(senml), { type: 'FLOAT', value: 21.5 });
    const text = read(links, SENML_JSON, '[{"bn":"/27123/0/7","vs":"on"}]', '/27123/0/7');
    assert.deepEqual(readValue(text), { type: 'STRING', value: 'on' });
    // RFC 8428 §6: [{-2: "/27123/0/7", 4: true}]
    const cbor = Buffer.concat([Buffer.of(0x81, 0xa2, 0x21, 0x6a), Buffer.from('/27123/0/7'), Buffer.of(4, 0xf5)]);
    assert.deepEqual(readValue(read(links, SENML_CBOR, cbor, '/27123/0/7')), { type: 'BOOLEAN', value: true });
    const old = read(links, OLD_JSON, '{"bn":"/27123/0/7","e":[{"sv":"on"}]}', '/27123/0/7');
    assert.deepEqual(readValue(old), { type: 'STRING', value: 'on' });
  });

  it('arrives as LwM2M CBOR', () => {
    // {27123: {0: {7: 42}}}
    const payload = Buffer.of(0xa1, 0x19, 0x69, 0xf3, 0xa1, 0x00, 0xa1, 0x07, 0x18, 0x2a);
    const node = read(links, LWM2M_CBOR, payload, '/27123/0') as ObjectInstance;
    assert.equal(readValue(node.resources[0]).value, 42);
  });

  it('arrives for a resource that the model of its object does not have', () => {
    assert.deepEqual(readValue(read('</3303/0>', TEXT, 'x', '/3303/0/9999')), { type: 'STRING', value: 'x' });
  });
});

describe('content of an object in a version without a model', () => {
  const meter = (version: string, type: string) => ddfXml({ id: 27123, version, resources: [{ id: 7, type }] });

  it('is read with the nearest', () => {
    const ddf = [meter('1.0', 'Integer'), meter('2.0', 'Float')];
    assert.deepEqual(readValue(read('</27123>;ver=1.4,</27123/0>', TEXT, '42', '/27123/0/7', ddf)), {
      type: 'INTEGER',
      value: 42,
    });
    assert.deepEqual(readValue(read('</27123>;ver=3.0,</27123/0>', TEXT, '42', '/27123/0/7', ddf)), {
      type: 'FLOAT',
      value: 42,
    });
  });

  it('is kept as it came where the nearest cannot read it', () => {
    const ddf = [meter('1.0', 'Integer')];
    const links = '</27123>;ver=2.0,</27123/0>';
    assert.deepEqual(readValue(read(links, TEXT, 'off', '/27123/0/7', ddf)), { type: 'STRING', value: 'off' });
    const tlv = readValue(read(links, TLV, Buffer.of(0xc3, 7, 1, 2, 3), '/27123/0/7', ddf));
    assert.deepEqual(tlv, { type: 'OPAQUE', value: Buffer.of(1, 2, 3) });
  });

  it('is kept as it came, also in SenML and in a Send', () => {
    const models = coreObjectModels();
    for (const model of parseDdf(meter('1.0', 'Integer'))) models.add(model);
    const { objectVersions } = parseAnnouncement('</27123>;ver=2.0,</27123/0>');
    const own = registrationModels(models, { objectVersions, version: '1.1' });
    const lone = Buffer.from('[{"n":"/27123/0/7","vs":"off"}]');
    const one = decodeDeviceTimedContent(SENML_JSON.number, lone, parsePath('/27123/0/7'), own, 0, '');
    assert.deepEqual([one.values.map(({ node }) => readValue(node).value), one.faults], [['off'], []]);
    const both = Buffer.from('[{"n":"/27123/0/7","vs":"off"},{"n":"/3/0/9","v":80}]');
    const sent = decodeDeviceComposite(SENML_JSON.number, both, undefined, own, 0, '');
    assert.deepEqual(
      [sent.values.map(({ node }) => readValue(node)), sent.faults],
      [
        [
          { type: 'STRING', value: 'off' },
          { type: 'INTEGER', value: 80 },
        ],
        [],
      ],
    );
  });

  it('is refused where the model is the right one and the content is at fault', () => {
    const ddf = [meter('1.0', 'Integer')];
    for (const links of ['</27123>;ver=1.0,</27123/0>', '</27123/0>']) {
      assert.throws(() => read(links, TEXT, 'off', '/27123/0/7', ddf), { code: 'LWM2M_CONTENT' });
    }
  });

  it('is read by the version that a core object has where the device gives none', () => {
    const server10 = ddfXml({ id: 1, version: '1.0', resources: [{ id: 1, type: 'String' }] });
    assert.equal(readValue(read('</1/0>', TEXT, '300', '/1/0/1', [server10])).type, 'INTEGER');
    assert.equal(readValue(read('</1>;ver=1.0,</1/0>', TEXT, '300', '/1/0/1', [server10])).type, 'STRING');
  });
});
