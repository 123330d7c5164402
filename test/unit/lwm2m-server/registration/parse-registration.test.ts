import assert from 'node:assert/strict';
import fc from 'fast-check';
import { hasCode, PlatformError } from '../../../../common/errors.ts';
import { NOTHING_ANNOUNCED } from '../../../../lwm2m-server/registration/announced-objects.ts';
import {
  parseRegistration,
  parseUpdate,
  UnsupportedVersion,
} from '../../../../lwm2m-server/registration/parse-registration.ts';

const nothing = new Uint8Array();
const parse = (query: readonly string[], links = '') => parseRegistration(query, Buffer.from(links));

function refused(
  query: readonly string[],
  payload: Uint8Array | string,
  code: 'LWM2M_REGISTRATION' | 'LWM2M_LINK_FORMAT',
) {
  assert.throws(
    () => parseRegistration(query, Buffer.from(payload)),
    (error) => hasCode(error, code),
    JSON.stringify([query, String(payload).slice(0, 50)]),
  );
}

describe('lwm2m-server/registration/parse-registration', () => {
  it('fills in what a device leaves out', () => {
    assert.deepEqual(parse(['ep=a']), {
      endpointName: 'a',
      version: '1.0',
      lifetimeSeconds: 86_400,
      binding: 'U',
      queueMode: false,
      smsNumber: undefined,
      profileId: undefined,
      attributes: undefined,
      announced: NOTHING_ANNOUNCED,
    });
  });

  it('reads every parameter; the unknown ones become attributes', () => {
    const query = ['ep=urn:imei:1=2', 'lt=30', 'lwm2m=1.1', 'b=U', 'Q', 'sms=+49', 'pid=x', 'flag', 'e='];
    const { announced, ...said } = parse(query, '</3/0>;ver=1.2');
    assert.deepEqual(announced.links, [{ url: '/3/0', attributes: { ver: '1.2' } }]);
    assert.deepEqual(said, {
      endpointName: 'urn:imei:1=2',
      version: '1.1',
      lifetimeSeconds: 30,
      binding: 'U',
      queueMode: true,
      smsNumber: '+49',
      profileId: 'x',
      attributes: { pid: 'x', flag: '', e: '' },
    });
  });

  it('keeps a parameter with the name of a property of every object', () => {
    const { attributes } = parse(['ep=a', '__proto__=x', 'constructor=y']);
    assert.deepEqual(Object.entries(attributes!), [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  it('refuses endpoint names that are missing, doubled, too long or not printable', () => {
    const names = ['ep', 'ep=', `ep=${'x'.repeat(10_240)}`, `ep=${'x'.repeat(253)}`, `ep=${'ü'.repeat(127)}`];
    for (const name of [...names, 'ep=a\u0000', 'ep=a\nb', 'ep=\u001b[31m', 'ep=\u007f', 'ep=\ufffd'])
      refused([name], nothing, 'LWM2M_REGISTRATION');
    refused([], nothing, 'LWM2M_REGISTRATION');
    refused(['lt=30'], nothing, 'LWM2M_REGISTRATION');
    refused(['ep=a', 'ep=a'], nothing, 'LWM2M_REGISTRATION');
    assert.equal(parse([`ep=${'x'.repeat(252)}`]).endpointName.length, 252);
    assert.equal(parse(['ep=Gerät 7/ß "x"']).endpointName, 'Gerät 7/ß "x"');
  });

  it('takes lifetimes of whole seconds from 1 to 2^32 - 1 and no others', () => {
    for (const bad of ['0', '-1', '4294967296', '1e3', '30s', ' 30', '', '1.5', '0x10', '99999999999', '٣'])
      refused(['ep=a', `lt=${bad}`], nothing, 'LWM2M_REGISTRATION');
    for (const good of [1, 30, 2 ** 32 - 1]) assert.equal(parse(['ep=a', `lt=${good}`]).lifetimeSeconds, good);
    assert.equal(parse(['ep=a', 'lt=0000000030']).lifetimeSeconds, 30);
  });

  it('tells a version it does not speak from a bad one it cannot read: both are unsupported', () => {
    for (const version of ['2.0', '1.3', '0.9', '', 'one', '1.0 '])
      assert.throws(() => parse(['ep=a', `lwm2m=${version}`]), UnsupportedVersion);
    for (const version of ['1.0', '1.1', '1.2']) assert.equal(parse(['ep=a', `lwm2m=${version}`]).version, version);
  });

  it('reads the bindings of 1.0, which name queue mode among the letters', () => {
    const bindings = { U: ['U', false], UQ: ['U', true], S: ['S', false], SQ: ['S', true], US: ['US', false] };
    for (const [b, expected] of [...Object.entries(bindings), ['UQS', ['US', true]]]) {
      const { binding, queueMode } = parse(['ep=a', `b=${b}`]);
      assert.deepEqual([binding, queueMode], expected, `${b}`);
    }
    assert.equal(parse(['ep=a', 'b=U', 'Q']).queueMode, true);
    for (const bad of ['X', 'u', '', 'QU', 'SU', 'UT', 'N', 'UUQ', 'U Q'])
      refused(['ep=a', `b=${bad}`], nothing, 'LWM2M_REGISTRATION');
  });

  it('reads the bindings of 1.1 and 1.2: each transport once in any order, queue mode apart', () => {
    for (const version of ['1.1', '1.2']) {
      for (const b of ['U', 'T', 'S', 'N', 'UT', 'TU', 'UTSN', 'NSTU', 'SU']) {
        const { binding, queueMode } = parse(['ep=a', `lwm2m=${version}`, `b=${b}`]);
        assert.deepEqual([binding, queueMode], [b, false]);
        assert.equal(parse(['ep=a', `lwm2m=${version}`, `b=${b}`, 'Q']).queueMode, true);
      }
      const { binding, queueMode } = parse(['ep=a', `lwm2m=${version}`, 'b=UQ']);
      assert.deepEqual([binding, queueMode], ['U', true]);
      for (const bad of ['b=', 'b=Q', 'b=UU', 'b=UQQ', 'b=X', 'b=u', 'b=UTSNU', 'Q=1', 'Q=false'])
        refused(['ep=a', `lwm2m=${version}`, bad], nothing, 'LWM2M_REGISTRATION');
    }
  });

  it('takes the name that the transport proves, and no other beside it', () => {
    assert.equal(parseRegistration([], nothing, 'proven').endpointName, 'proven');
    assert.equal(parseRegistration(['ep=proven'], nothing, 'proven').endpointName, 'proven');
    for (const query of [['ep=other'], ['ep='], ['ep']])
      assert.throws(
        () => parseRegistration(query, nothing, 'proven'),
        (error) => hasCode(error, 'LWM2M_REGISTRATION'),
      );
  });

  it('takes a lifetime without end since 1.1', () => {
    assert.equal(parse(['ep=a', 'lwm2m=1.1', 'lt=0']).lifetimeSeconds, 0);
    refused(['ep=a', 'lwm2m=1.0', 'lt=0'], nothing, 'LWM2M_REGISTRATION');
  });

  it('refuses more parameters than a device has use for, and long ones', () => {
    const many = (count: number) => ['ep=a', ...Array.from({ length: count - 1 }, (_, n) => `p${n}=1`)];
    assert.equal(Object.keys(parse(many(32)).attributes!).length, 31);
    refused(many(33), nothing, 'LWM2M_REGISTRATION');
    refused(['ep=a', `x=${'y'.repeat(254)}`], nothing, 'LWM2M_REGISTRATION');
    refused(['ep=a', 'x=1', 'x=2'], nothing, 'LWM2M_REGISTRATION');
  });

  it('refuses links that are no link format', () => {
    for (const bad of ['</3/0', '/3/0', '</3/0>,', '</3/0>;', '</3/0>;t="x', '</3/0>;=1', '</3/0></4/0>', '\u0000'])
      refused(['ep=a'], bad, 'LWM2M_LINK_FORMAT');
    refused(['ep=a'], Uint8Array.of(0x3c, 0xff, 0x3e), 'LWM2M_LINK_FORMAT');
  });

  it('refuses 100,000 links at once and without delay', () => {
    const startedAt = performance.now();
    refused(['ep=a'], '</3/0>,'.repeat(100_000), 'LWM2M_LINK_FORMAT');
    refused(['ep=a'], `${'<>,'.repeat(20_000)}<>`, 'LWM2M_LINK_FORMAT');
    assert.ok(performance.now() - startedAt < 1_000);
  });

  it('takes from an update only what it says', () => {
    const current = { endpointName: 'a', version: '1.0', attributes: undefined };
    assert.deepEqual(parseUpdate([], nothing, current), {});
    assert.deepEqual(parseUpdate(['lt=5'], nothing, current), { lifetimeSeconds: 5 });
    const { announced, ...said } = parseUpdate(['b=UQ', 'sms=1', 'x=1', 'pid=3'], Buffer.from('</1>'), current);
    assert.deepEqual(announced!.links, [{ url: '/1', attributes: {} }]);
    assert.deepEqual(said, {
      binding: 'U',
      queueMode: true,
      smsNumber: '1',
      profileId: '3',
      attributes: { x: '1', pid: '3' },
    });
    assert.deepEqual(parseUpdate(['b=U'], nothing, current), { binding: 'U', queueMode: false });
    assert.deepEqual(parseUpdate(['b=U'], nothing, { ...current, version: '1.1' }), { binding: 'U' });
    assert.deepEqual(parseUpdate(['ep=a', 'lwm2m=1.0'], nothing, current), {});
  });

  it('refuses an update that would make another device of it, or more of it than a registration may say', () => {
    const attributes = Object.fromEntries(Array.from({ length: 31 }, (_, n) => [`p${n}`, '1']));
    const current = { endpointName: 'a', version: '1.0', attributes };
    assert.deepEqual(parseUpdate(['p0=2', 'q=1'], nothing, current), { attributes: { p0: '2', q: '1' } });
    for (const query of [['lt=0'], ['ep=b'], ['ep='], ['lwm2m=1.1'], ['b=UT'], ['q=1', 'r=1'], ['lt=1', 'lt=1']])
      assert.throws(
        () => parseUpdate(query, nothing, current),
        (error) => hasCode(error, 'LWM2M_REGISTRATION'),
        query.join(),
      );
  });

  it('never throws anything else, whatever arrives', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 6 }), fc.uint8Array({ maxLength: 80 }), (query, payload) => {
        try {
          parseRegistration(['ep=a', ...query], payload);
        } catch (error) {
          const codes = ['LWM2M_REGISTRATION', 'LWM2M_LINK_FORMAT'];
          assert.ok(
            error instanceof UnsupportedVersion || (error instanceof PlatformError && codes.includes(error.code)),
          );
        }
      }),
    );
  });
});
