import assert from 'node:assert/strict';
import {
  formatLinkFormat,
  MAX_LINK_FORMAT_CHARS,
  MAX_LINKS,
  parseLinkFormat,
  type WebLink,
} from '../../../lwm2m/link-format.ts';
import { readVectors } from '../../vectors/lwm2m-vectors.ts';

interface LinkVector {
  readonly name: string;
  readonly source: string;
  readonly text: string;
  readonly links: WebLink[];
}

describe('link-format', () => {
  for (const vector of readVectors<LinkVector[]>('link-format')) {
    it(`reads ${vector.name} (${vector.source})`, () => assert.deepEqual(parseLinkFormat(vector.text), vector.links));
    it(`writes ${vector.name} so that it reads back`, () => {
      assert.deepEqual(parseLinkFormat(formatLinkFormat(vector.links)), vector.links);
    });
  }

  const read: readonly [string, WebLink[]][] = [
    ['', []],
    [' \r\n', []],
    ['<>', [{ url: '', attributes: {} }]],
    ['</3>;obs', [{ url: '/3', attributes: { obs: null } }]],
    ['</1>;a="x,y;z";b', [{ url: '/1', attributes: { a: 'x,y;z', b: null } }]],
    ['</1>;a="</2>,</3>"', [{ url: '/1', attributes: { a: '</2>,</3>' } }]],
    [String.raw`</1>;a="say \"hi\" \\ \n"`, [{ url: '/1', attributes: { a: String.raw`say "hi" \ n` } }]],
    ['</1>;a=""', [{ url: '/1', attributes: { a: '' } }]],
    ['</1>;a="é\t"', [{ url: '/1', attributes: { a: 'é\t' } }]],
    ['</1>;a=1;a=2', [{ url: '/1', attributes: { a: '1' } }]],
    ['</1>;a;a=2', [{ url: '/1', attributes: { a: null } }]],
    ["</1>;title*=UTF-8'en'x%20y", [{ url: '/1', attributes: { 'title*': "UTF-8'en'x%20y" } }]],
    ['</1>;a=<x>=/:y', [{ url: '/1', attributes: { a: '<x>=/:y' } }]],
    [
      '</1> ; ver=1.1 ,\t</2/0>',
      [
        { url: '/1', attributes: { ver: '1.1' } },
        { url: '/2/0', attributes: {} },
      ],
    ],
    ['</a?b=c&d#e,;f>', [{ url: '/a?b=c&d#e,;f', attributes: {} }]],
  ];
  for (const [text, links] of read) {
    it(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(parseLinkFormat(text), links));
  }

  const refused: readonly [string, number][] = [
    ['/3', 0],
    ['</3', 3],
    ['</3>,', 5],
    ['</3>,,</4>', 5],
    [',</3>', 0],
    ['</3>;', 5],
    ['</3>;=1', 5],
    ['</3>;a=', 7],
    ['</3>;a=;b', 7],
    ['</3>;a="x', 9],
    [String.raw`</3>;a="x\"`, 11],
    ['</3>;a= 1', 7],
    ['</3>;a =1', 7],
    ['</3>;a="x"y', 10],
    ['</3></4>', 4],
    ['</3>;a="x\ny"', 9],
    ['</3>;a="x\u0000"', 9],
    ['</3>;a="\ud800"', 8],
    ['</ 3>', 2],
    ['</é>', 2],
    ['<</3>>', 1],
    ['</3>\u0000', 4],
    ['</3>;é=1', 5],
  ];
  for (const [text, position] of refused) {
    it(`refuses ${JSON.stringify(text)} at ${position}`, () => {
      assert.throws(() => parseLinkFormat(text), { code: 'LWM2M_LINK_FORMAT', details: { position } });
    });
  }

  it('keeps an attribute called __proto__ an attribute', () => {
    const [link] = parseLinkFormat('</1>;__proto__=x;constructor=y');
    assert.deepEqual(Object.entries(link!.attributes), [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    assert.equal(formatLinkFormat([link!]), '</1>;__proto__=x;constructor=y');
  });

  it('holds its limits', () => {
    const links = (count: number) => Array.from({ length: count }, () => '<>').join(',');
    assert.equal(parseLinkFormat(links(MAX_LINKS)).length, MAX_LINKS);
    assert.throws(() => parseLinkFormat(links(MAX_LINKS + 1)), { code: 'LWM2M_LINK_FORMAT' });
    const filled = (chars: number) => `<${'a'.repeat(chars - 2)}>`;
    assert.equal(parseLinkFormat(filled(MAX_LINK_FORMAT_CHARS)).length, 1);
    assert.throws(() => parseLinkFormat(filled(MAX_LINK_FORMAT_CHARS + 1)), { code: 'LWM2M_LINK_FORMAT' });
  });

  it('refuses long hostile texts without delay', () => {
    for (const part of ['\\"', '"', 'a', ' ', ';a', '=', '<', '</1>;a="']) {
      const text = `</1>;a="${part.repeat(Math.floor((MAX_LINK_FORMAT_CHARS - 8) / part.length))}`;
      assert.throws(() => parseLinkFormat(text), { code: 'LWM2M_LINK_FORMAT' });
    }
  }).timeout(1000);

  it('quotes where it must and nowhere else', () => {
    const attributes = { rt: 'oma.lwm2m', ct: '11542 11543', ver: '1.1', pmin: '10', obs: null, a: '', b: 'x"\\y' };
    assert.equal(
      formatLinkFormat([
        { url: '/', attributes },
        { url: '/1', attributes: {} },
      ]),
      String.raw`</>;rt="oma.lwm2m";ct="11542 11543";ver=1.1;pmin=10;obs;a="";b="x\"\\y",</1>`,
    );
    assert.equal(formatLinkFormat([]), '');
  });

  const unwritable: readonly WebLink[] = [
    { url: '/>', attributes: {} },
    { url: '/ ', attributes: {} },
    { url: '/', attributes: { '': 'x' } },
    { url: '/', attributes: { 'a b': 'x' } },
    { url: '/', attributes: { a: 'x\ny' } },
  ];
  for (const link of unwritable) {
    it(`does not write ${JSON.stringify(link)}`, () => {
      assert.throws(() => formatLinkFormat([link]), { code: 'LWM2M_LINK_FORMAT' });
    });
  }
});
