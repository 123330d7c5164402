import assert from 'node:assert/strict';
import { hasCode, messageOf } from '../../../../common/errors.ts';
import { parseTemplate, pathsFor } from '../../../../lwm2m-server/observation/observe-templates.ts';
import { parseAnnouncement } from '../../../../lwm2m-server/registration/announced-objects.ts';

const paths = (template: string, links: string) => pathsFor(parseTemplate(template, 'here'), parseAnnouncement(links));

describe('lwm2m-server/observation/observe-templates', () => {
  it('stands for what a device announces', () => {
    const links = '</1/0>,</3303/0>,</3303/7>,</6>';
    assert.deepEqual(paths('/3303', links), ['/3303']);
    assert.deepEqual(paths('/3303/7', links), ['/3303/7']);
    assert.deepEqual(paths('/3303/*', links), ['/3303/0', '/3303/7']);
    assert.deepEqual(paths('/3303/*/5700', links), ['/3303/0/5700', '/3303/7/5700']);
    assert.deepEqual(paths('/3303/1/5700', links), []);
    assert.deepEqual(paths('/3304', links), []);
    assert.deepEqual(paths('/6', links), ['/6']);
    assert.deepEqual(paths('/6/*', links), []);
  });

  it('looks under the root path and takes an instance once', () => {
    assert.deepEqual(paths('/3303/*', '</x>;rt="oma.lwm2m",</x/3303/0>,</x/3303/0>,</3303/1>'), ['/3303/0']);
  });

  it('goes down to a resource instance', () => {
    assert.deepEqual(paths('/3/0/6/1', '</3/0>'), ['/3/0/6/1']);
    assert.deepEqual(paths('/3/*/06/01', '</3/0>'), ['/3/0/6/1']);
  });

  it('reads attributes and a format, and refuses what no request could carry', () => {
    const { attributes, accept } = parseTemplate('/3/0/9', 'here', { attributes: 'pmin=5&st=2', format: 'SENML_CBOR' });
    assert.deepEqual([attributes, accept], [['pmin=5', 'st=2'], 112]);
    const bad = [
      ['/3/0/9', { attributes: 'pmin=x' }],
      ['/3/0/9', { attributes: '' }],
      ['/3/0/9', { attributes: 'pmin=9&pmax=5' }],
      ['/3/0', { attributes: 'gt=5' }],
      ['/3/0', { format: 'toString' }],
      ['/3/0', { format: '112' }],
    ] as const;
    for (const [path, more] of bad)
      assert.throws(
        () => parseTemplate(path, 'profiles.json: 0.observe.1', more),
        (error) => hasCode(error, 'CONFIG_INVALID') && /^profiles\.json: 0\.observe\.1: /.test(messageOf(error)),
        JSON.stringify(more),
      );
  });

  it('refuses what is no path', () => {
    for (const bad of [
      '',
      '/',
      '3303',
      '/*',
      '/3303/',
      '/3303/*/*',
      '/3303/0/5700/0/0',
      '/a',
      '/65535',
      '/3303/65535',
      '/3303/0/99999',
    ])
      assert.throws(
        () => parseTemplate(bad, 'here'),
        (error) => hasCode(error, 'CONFIG_INVALID'),
        bad,
      );
  });
});
