import assert from 'node:assert/strict';
import fc from 'fast-check';
import { hasCode, PlatformError } from '../../../../common/errors.ts';
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
      links: [],
      rootPath: '/',
    });
  });

  it('reads every parameter; the unknown ones become attributes', () => {
    const query = ['ep=urn:imei:1=2', 'lt=30', 'lwm2m=1.1', 'b=U', 'Q', 'sms=+49', 'pid=x', 'flag', 'e='];
    assert.deepEqual(parse(query, '</3/0>;ver=1.2'), {
      endpointName: 'urn:imei:1=2',
      version: '1.1',
      lifetimeSeconds: 30,
      binding: 'UQ',
      smsNumber: '+49',
      links: [{ url: '/3/0', attributes: { ver: '1.2' } }],
      rootPath: '/',
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

  it('maps bindings of 1.0 and 1.1 to those of the record', () => {
    const bindings: [string[], string][] = [
      [['b=U'], 'U'],
      [['b=UQ'], 'UQ'],
      [['b=S'], 'S'],
      [['b=SQ'], 'SQ'],
      [['b=US'], 'US'],
      [['b=UQS'], 'UQS'],
      [['b=U', 'Q'], 'UQ'],
      [['b=US', 'Q'], 'UQS'],
      [['Q'], 'UQ'],
      [['b=T'], 'U'],
      [['b=UT'], 'U'],
      [['b=N'], 'U'],
    ];
    for (const [query, binding] of bindings) assert.equal(parse(['ep=a', ...query]).binding, binding, query.join());
    for (const bad of ['b=X', 'b=u', 'b=UUUUUU', 'b=U Q']) refused(['ep=a', bad], nothing, 'LWM2M_REGISTRATION');
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

  it('finds the root path that a device announces', () => {
    assert.equal(parse(['ep=a'], '</lwm2m>;rt="oma.lwm2m",</lwm2m/3/0>').rootPath, '/lwm2m');
    assert.equal(parse(['ep=a'], '</a/b/>;rt="core.x oma.lwm2m"').rootPath, '/a/b/');
    assert.equal(parse(['ep=a'], '</>;rt="oma.lwm2m";ct=11542,</3/0>').rootPath, '/');
    assert.equal(parse(['ep=a'], '</x>;rt="oma.lwm2mx"').rootPath, '/');
    for (const bad of ['', 'coap://elsewhere/', '//', '/a//b', `/${'x'.repeat(255)}`, '/'.repeat(60_000)])
      refused(['ep=a'], `<${bad}>;rt="oma.lwm2m"`, 'LWM2M_REGISTRATION');
  });

  it('takes from an update only what it says', () => {
    assert.deepEqual(parseUpdate([], nothing), {});
    assert.deepEqual(parseUpdate(['lt=5'], nothing), { lifetimeSeconds: 5 });
    assert.deepEqual(parseUpdate(['b=UQ', 'sms=1', 'x=1'], Buffer.from('</1>')), {
      binding: 'UQ',
      smsNumber: '1',
      links: [{ url: '/1', attributes: {} }],
      rootPath: '/',
      attributes: { x: '1' },
    });
    assert.throws(
      () => parseUpdate(['lt=0'], nothing),
      (error) => hasCode(error, 'LWM2M_REGISTRATION'),
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
