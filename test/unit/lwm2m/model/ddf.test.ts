import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { parseDdf } from '../../../../lwm2m/model/ddf.ts';
import { type DdfObject, type DdfResource, ddfXml } from '../../../rig/ddf.ts';

const xmlOf = (of: Partial<DdfObject>) => ddfXml({ id: 27000, version: '1.0', resources: [], ...of });
const resourceOf = (of: Partial<DdfResource>) =>
  parseDdf(xmlOf({ resources: [{ id: 1, ...of }] }))[0]!.resources.get(1);

/** The fault, with what it must say so that somebody can mend the file. */
function refuses(file: string | Uint8Array, says: RegExp): void {
  assert.throws(
    () => parseDdf(file),
    (error: { code?: string; message: string }) => {
      assert.equal(error.code, 'LWM2M_MODEL');
      assert.match(error.message, says);
      assert.ok(error.message.length < 500, 'a fault is one line');
      return true;
    },
  );
}

describe('object definitions in XML', () => {
  it('are read whole', () => {
    const [model, second] = parseDdf(
      ddfXml(
        {
          id: 27000,
          name: 'Water Meter',
          version: '1.2',
          description: '<![CDATA[Litres & <pulses>]]>',
          resources: [
            {
              id: 1,
              name: 'Volume',
              mandatory: 'Mandatory',
              type: 'Float',
              range: '0..9',
              units: 'm3',
              description: ' a\n  b ',
            },
            { id: 0, name: 'Tariffs', operations: 'RW', multiple: 'Multiple', type: 'String' },
          ],
        },
        { id: 27001, multiple: 'Single', mandatory: 'Mandatory', resources: [] },
      ),
    );
    const { resources, ...head } = model!;
    assert.deepEqual(head, {
      id: 27000,
      name: 'Water Meter',
      version: '1.2',
      multiple: true,
      mandatory: false,
      description: 'Litres & <pulses>',
    });
    assert.deepEqual(
      [...resources.values()],
      [
        {
          id: 1,
          name: 'Volume',
          operations: 'R',
          multiple: false,
          mandatory: true,
          type: 'FLOAT',
          range: '0..9',
          units: 'm3',
          description: 'a b',
        },
        {
          id: 0,
          name: 'Tariffs',
          operations: 'RW',
          multiple: true,
          mandatory: false,
          type: 'STRING',
          range: '',
          units: '',
          description: '',
        },
      ],
    );
    assert.deepEqual(
      [second?.id, second?.multiple, second?.mandatory, second?.resources.size],
      [27001, false, true, 0],
    );
  });

  const types = [
    ['String', 'STRING'],
    ['Integer', 'INTEGER'],
    ['Float', 'FLOAT'],
    ['Boolean', 'BOOLEAN'],
    ['Opaque', 'OPAQUE'],
    ['Time', 'TIME'],
    ['Objlnk', 'OBJLNK'],
    ['Corelnk', 'STRING'],
    ['string', 'STRING'],
  ] as const;
  for (const [written, type] of types) {
    it(`take ${written} as ${type}`, () => {
      assert.equal(resourceOf({ type: written })?.type, type);
      assert.equal(resourceOf({ type: written })?.unsigned, undefined);
    });
  }

  it('take Unsigned Integer as INTEGER without a sign', () => {
    const { type, unsigned } = resourceOf({ type: 'Unsigned Integer' })!;
    assert.deepEqual({ type, unsigned }, { type: 'INTEGER', unsigned: true });
  });

  it('need no type for what can only be executed, and keep none', () => {
    assert.equal(resourceOf({ operations: 'E', type: '' })?.type, undefined);
    assert.equal(resourceOf({ operations: 'E', type: 'String' })?.type, undefined);
    assert.equal(resourceOf({ operations: '', type: 'Opaque' })?.type, 'OPAQUE');
  });

  it('are of version 1.0 where they do not say', () => {
    assert.equal(parseDdf(xmlOf({ version: undefined }))[0]?.version, '1.0');
    assert.equal(parseDdf(xmlOf({ version: '' }))[0]?.version, '1.0');
    assert.equal(parseDdf(xmlOf({ version: '2.01' }))[0]?.version, '2.1');
  });

  it('may have the five entities of XML, numbered characters, comments and a byte order mark', () => {
    const description = '&lt;&gt;&amp;&apos;&quot; &#60;&#x20AC; <!-- &no; <!DOCTYPE> --> <![CDATA[&no; <!DOCTYPE>]]>';
    const xml = xmlOf({ description });
    const read = '<>&\'" <€ &no; <!DOCTYPE>';
    for (const file of [xml, `\ufeff${xml}`, Buffer.from(xml), Buffer.from(`\ufeff${xml}`)]) {
      assert.equal(parseDdf(file)[0]?.description, read);
    }
  });
});

describe('object definitions that nobody should have written', () => {
  const bad: readonly [string, Partial<DdfObject>, RegExp][] = [
    [
      'an unknown type',
      { resources: [{ id: 5, type: 'Flaot' }] },
      /object 27000, resource 5: Type "Flaot".*write one of String/,
    ],
    ['a type from the prototype', { resources: [{ id: 5, type: 'constructor' }] }, /Type "constructor"/],
    ['no type for a value', { resources: [{ id: 5, type: '' }] }, /resource 5: .*no Type/],
    ['unknown operations', { resources: [{ id: 5, operations: 'RX' }] }, /resource 5: Operations "RX"/],
    [
      'an unknown occurrence',
      { resources: [{ id: 5, multiple: 'Many' }] },
      /MultipleInstances "Many": write Multiple or Single/,
    ],
    ['an unknown obligation', { mandatory: 'yes' }, /object 27000: Mandatory "yes"/],
    ['a resource twice', { resources: [{ id: 5 }, { id: 5 }] }, /resource 5 stands here twice/],
    ['a resource id out of range', { resources: [{ id: 65535 }] }, /"65535" is no id/],
    ['a resource id that is no number', { resources: [{ id: '-1' }] }, /"-1" is no id/],
    ['an object id out of range', { id: 65535 }, /ObjectID "65535"/],
    ['an object id that is no number', { id: '0x10' }, /ObjectID "0x10"/],
    ['a bad version', { version: '1' }, /ObjectVersion "1": write major.minor/],
    ['a version of letters', { version: '1.x' }, /ObjectVersion "1.x"/],
    ['no name', { name: '' }, /Name is empty/],
    ['elements within text', { name: 'a<b>c</b>' }, /object 27000: Name holds elements: write text/],
    ['a name twice', { name: 'a</Name><Name>b' }, /2 elements or attributes Name/],
    ['too many resources', { resources: Array.from({ length: 2_001 }, (_, id) => ({ id })) }, /more than/],
  ];
  for (const [what, of, says] of bad) {
    it(`are refused with ${what}`, () => refuses(xmlOf(of), says));
  }

  it('are refused when they define the same twice', () => {
    const object = { id: 27000, resources: [] };
    refuses(ddfXml(object, { ...object, version: '1.0' }), /object 27000 version 1.0 stands here twice/);
  });

  it('are refused when something is missing', () => {
    for (const name of ['ObjectID', 'Name', 'MultipleInstances', 'Mandatory', 'Resources']) {
      const xml = xmlOf({}).replace(new RegExp(`<${name}>[^]*?</${name}>`), '');
      refuses(xml, new RegExp(name));
    }
    refuses(xmlOf({ resources: [{ id: 3 }] }).replace(' ID="3"', ''), /@?ID/);
  });

  const files: readonly [string, string | Uint8Array, RegExp][] = [
    ['nothing', '', /no well-formed XML/],
    ['no XML', 'hello', /no well-formed XML/],
    ['another document', '<html/>', /must be one <LWM2M>/],
    ['a document without objects', '<LWM2M/>', /holds no <Object>/],
    ['two documents', `${xmlOf({})}<LWM2M/>`, /LWM2M|well-formed/],
    ['a cut document', xmlOf({}).slice(0, 200), /no well-formed XML/],
    ['crossed elements', '<LWM2M><Object></LWM2M></Object>', /line 1: no well-formed XML/],
    ['dangerous names', '<LWM2M><__proto__><x>1</x></__proto__></LWM2M>', /cannot be read|no <Object>/],
    ['an unclosed comment', '<LWM2M><!-- x</LWM2M>', /"-->" is missing/],
    ['control characters', '<LWM2M>\u0000</LWM2M>', /control characters/],
    ['a zip archive', Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(100, 7)]), /zip archive: unpack/],
    ['a gzip file', gzipSync(xmlOf({})), /gzip file: unpack/],
    ['UTF-16', Buffer.from(`\ufeff${xmlOf({})}`, 'utf16le'), /UTF-16: save it as UTF-8/],
    ['UTF-16 without its mark', Buffer.from(xmlOf({}), 'utf16le'), /UTF-16: save it as UTF-8/],
    ['Latin-1', Buffer.from(xmlOf({ name: 'Zähler' }), 'latin1'), /not UTF-8: save it as UTF-8/],
    ['a declared encoding that it is not read in', xmlOf({}).replace('UTF-8', 'ISO-8859-1'), /encoding="ISO-8859-1"/],
    ['elements too deep', `<LWM2M>${'<a>'.repeat(200)}${'</a>'.repeat(200)}</LWM2M>`, /deep/],
    ['too many elements', `<LWM2M>${'<a/>'.repeat(30_000)}</LWM2M>`, /more than 20000 elements/],
    [
      'too many objects',
      ddfXml(...Array.from({ length: 101 }, (_, id) => ({ id, resources: [] }))),
      /more than 100 objects/,
    ],
  ];
  for (const [what, file, says] of files) {
    it(`are refused when they are ${what}`, () => refuses(file, says));
  }

  const entities: readonly [string, string, RegExp][] = [
    ['an external entity', `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>`, /line 2: a DOCTYPE/],
    ['an external DTD', `<!DOCTYPE LWM2M SYSTEM "http://127.0.0.1:9/x.dtd">`, /a DOCTYPE/],
    ['a parameter entity', `<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/">%x;]>`, /a DOCTYPE/],
    ['a DOCTYPE in small letters', `<!doctype a>`, /a DOCTYPE/],
    [
      'a billion laughs',
      `<!DOCTYPE a [<!ENTITY b "ha">${Array.from({ length: 10 }, (_, i) => `<!ENTITY b${i} "${`&b${i - 1 < 0 ? '' : i - 1};`.repeat(10)}">`).join('')}]>`,
      /a DOCTYPE/,
    ],
  ];
  for (const [what, declaration, says] of entities) {
    it(`are refused with ${what}`, () => {
      const [first, ...rest] = xmlOf({ name: '&x;' }).split('\n');
      refuses([first, declaration, ...rest].join('\n'), says);
    });
  }

  it('are refused with an entity that nobody declared, or a bare &', () => {
    for (const name of ['&x;', '&nbsp;', 'AT&T', '&#;', '&#xZZ;', '&#99999999;']) {
      refuses(xmlOf({ name }), /line 4: an entity or a bare &: write &amp;/);
    }
  });

  it('are refused at 50 MB before anything is looked at', () => {
    const [bytes, text] = [Buffer.alloc(50_000_000, '<a>'), '<a>'.repeat(17_000_000)];
    const started = process.cpuUsage();
    refuses(bytes, /more than the 1048576/);
    refuses(text, /more than the 1048576/);
    assert.ok(process.cpuUsage(started).user < 500_000, 'it was looked at');
  });

  it('take no more than seconds to refuse, whatever they repeat', () => {
    const pieces = [
      '<',
      '<a>',
      '<!---->',
      '<!--',
      '<![CDATA[',
      '&amp;',
      '<?',
      '</a>',
      ' ',
      '"',
      ']]>',
      '<a b="',
      '<a b ',
    ];
    for (const piece of pieces) {
      const started = process.cpuUsage();
      refuses(piece.repeat(Math.floor((2 ** 20 - 100) / piece.length)), /./);
      assert.ok(process.cpuUsage(started).user < 3_000_000, `${JSON.stringify(piece)} takes too long`);
    }
  });
});
