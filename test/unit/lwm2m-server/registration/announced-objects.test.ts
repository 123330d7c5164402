import assert from 'node:assert/strict';
import { hasCode } from '../../../../common/errors.ts';
import { parseAnnouncement } from '../../../../lwm2m-server/registration/announced-objects.ts';

describe('lwm2m-server/registration/announced-objects', () => {
  it('finds the root path that a device announces', () => {
    const rootOf = (text: string) => parseAnnouncement(text).rootPath;
    assert.equal(rootOf(''), '/');
    assert.equal(rootOf('</lwm2m>;rt="oma.lwm2m",</lwm2m/3/0>'), '/lwm2m');
    assert.equal(rootOf('</a/b/>;rt="core.x oma.lwm2m"'), '/a/b/');
    assert.equal(rootOf('</>;rt="oma.lwm2m";ct=11542,</3/0>'), '/');
    assert.equal(rootOf('</x>;rt="oma.lwm2mx"'), '/');
    const bad = [
      '',
      'coap://elsewhere/',
      '//',
      '/a//b',
      '/../rd',
      '/a/..',
      '/.',
      '/a?b',
      '/a#b',
      `/${'x'.repeat(255)}`,
    ];
    for (const root of [...bad, '/'.repeat(60_000)])
      assert.throws(
        () => parseAnnouncement(`<${root}>;rt="oma.lwm2m"`),
        (error) => hasCode(error, 'LWM2M_REGISTRATION'),
        root.slice(0, 30),
      );
  });

  it('knows instances and versions under the root, and nothing else', () => {
    for (const root of ['/lwm2m', '/lwm2m/']) {
      const links = [
        `<${root}>;rt="oma.lwm2m"`,
        '</lwm2m/3303>;ver=1.1',
        '</lwm2m/3303/1>',
        '</lwm2m/3303/1>;ver=9.9',
        '</lwm2m/3303/0/>',
        '</lwm2m/99999/0>',
        '</lwm2m/3/65535>',
        '</lwm2m/5>;ver="2.0"',
        '</lwm2m/6/0>;ver=1.2',
        '</lwm2m/7>;ver=new',
        '</3304/0>;ver=1.1',
        '</lwm2m/3305/0/1>',
        '</lwm2m/x/0>',
      ];
      const { instances, objectVersions } = parseAnnouncement(links.join(','));
      assert.deepEqual(
        [...instances].map(([id, of]) => [id, [...of]]),
        [
          [3303, [1, 0]],
          [5, []],
          [6, [0]],
          [7, []],
        ],
      );
      assert.deepEqual([...objectVersions].sort(), [
        [3303, '1.1'],
        [5, '2.0'],
        [6, '1.2'],
      ]);
    }
  });

  it('reads one content format or several', () => {
    const formats = (ct: string) => parseAnnouncement(`</>;rt="oma.lwm2m"${ct},</3/0>`).contentFormats;
    assert.deepEqual(formats(''), []);
    assert.deepEqual(formats(';ct=11542'), [11542]);
    assert.deepEqual(formats(';ct="60 110 112 11542 60"'), [60, 110, 112, 11542]);
    assert.deepEqual(formats(';ct="60,110 x 99999 -1"'), [60, 110]);
    assert.deepEqual(formats(';ct'), []);
    assert.equal(formats(`;ct="${'1 '.repeat(5_000)}"`).length, 1);
  });

  it('parses a body once', () => {
    const text = '</3/0>,</3303/0>';
    assert.equal(parseAnnouncement(text), parseAnnouncement(`${text}`));
    assert.equal(parseAnnouncement(text).linkText, text);
  });

  it('forgets old bodies rather than grow', () => {
    const first = parseAnnouncement('</1/0>,</4711/0>');
    for (let n = 0; n < 3_000; n++) parseAnnouncement(`</3303/${n}>`);
    assert.notEqual(parseAnnouncement('</1/0>,</4711/0>'), first);
  });
});
