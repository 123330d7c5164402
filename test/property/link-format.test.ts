import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatLinkFormat, parseLinkFormat } from '../../lwm2m/link-format.ts';
import { resultOrCode } from './coded-errors.ts';
import { plainRecord } from './lwm2m-arbitraries.ts';

const word = (characters: string, minLength: number) =>
  fc.array(fc.constantFrom(...characters), { minLength, maxLength: 8 }).map((all) => all.join(''));
const url = word('/0123456789abc:?#[]@!$&()*+,;=%-._~', 0);
const name = fc.oneof(
  word('abcxyz019!#$&+-.^_`|~', 1),
  fc.constantFrom('rt', 'if', 'title', 'ct', 'ver', '__proto__', 'title*'),
);
const value = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constant(null));
const link = plainRecord({
  url,
  attributes: fc
    .uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 5 })
    .map((all) => Object.fromEntries(all)),
});

describe('any link-format', () => {
  it('reads back as it was written, unless it cannot be written', () => {
    fc.assert(
      fc.property(fc.array(link), (links) => {
        const text = resultOrCode(['LWM2M_LINK_FORMAT'], () => formatLinkFormat(links));
        if (text !== undefined) return assert.deepEqual(parseLinkFormat(text), links);
        const values = links.flatMap(({ attributes }) => Object.values(attributes));
        assert.ok(values.some((one) => one !== null && /[^\P{Cc}\t]|\p{Cs}/u.test(one)));
      }),
      { numRuns: 1000 },
    );
  });

  it('is refused with a code and a position, or reads the same once written', () => {
    const near = fc.array(
      fc.constantFrom('<', '>', '</3/0>', ';', ',', '=', '"', '\\', 'a', ' ', '\n', '1', 'é', '\ud800'),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          near.map((parts) => parts.join('')),
        ),
        (text) => {
          const links = resultOrCode(['LWM2M_LINK_FORMAT'], () => parseLinkFormat(text));
          if (links !== undefined) assert.deepEqual(parseLinkFormat(formatLinkFormat(links)), links);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
