import { CAST_TARGETS, type CastTarget, type Transform } from '../fields/transforms.ts';
import type { RawConfig } from './definition.ts';

interface TransformType {
  /** Last part of the class name, in front of `$Value`. */
  readonly settings: readonly string[];
  make(setting: (name: string) => string | undefined, fault: (name: string, text: string) => void): Transform;
}

const list = (text = '') =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** The single message transforms that are known, by the last part of their class; those of Kafka, and the Flatten with a blacklist of zeelos. */
const TRANSFORM_TYPES: Readonly<Record<string, TransformType>> = {
  Flatten: {
    settings: ['delimiter', 'blacklist'],
    make: (setting) => ({
      kind: 'flatten',
      delimiter: setting('delimiter') ?? '.',
      blacklist: new Set(list(setting('blacklist'))),
    }),
  },
  ReplaceField: {
    settings: ['include', 'exclude', 'whitelist', 'blacklist', 'renames'],
    make(setting, fault) {
      const include = setting('include') ?? setting('whitelist');
      const pairs = list(setting('renames')).map((pair) => pair.split(':'));
      if (pairs.some((pair) => pair.length !== 2)) fault('renames', 'expected old:new, several with commas');
      return {
        kind: 'replace',
        include: include === undefined || include === '' ? undefined : new Set(list(include)),
        exclude: new Set(list(setting('exclude') ?? setting('blacklist'))),
        renames: new Map(pairs as [string, string][]),
      };
    },
  },
  Cast: {
    settings: ['spec'],
    make(setting, fault) {
      const spec = new Map<string, CastTarget>();
      for (const pair of list(setting('spec'))) {
        const [name, type = ''] = pair.split(':');
        if (name !== undefined && Object.hasOwn(CAST_TARGETS, type)) spec.set(name, type as CastTarget);
        else fault('spec', `expected field:type with a type of ${Object.keys(CAST_TARGETS).join(', ')}`);
      }
      return { kind: 'cast', spec };
    },
  },
};

export interface ParsedTransforms {
  readonly transforms: readonly Transform[];
  readonly faults: ReadonlyMap<string, readonly string[]>;
  /** Settings that belong to transforms. */
  readonly names: ReadonlySet<string>;
}

/** `transforms` and `transforms.<alias>.…` */
export function parseTransforms(config: RawConfig): ParsedTransforms {
  const faults = new Map<string, string[]>();
  const names = new Set(['transforms']);
  const transforms: Transform[] = [];
  for (const alias of list(config.transforms)) {
    const prefix = `transforms.${alias}.`;
    const fault = (name: string, text: string) => {
      const key = prefix + name;
      faults.set(key, [...(faults.get(key) ?? []), `Invalid value for configuration ${key}: ${text}`]);
    };
    names.add(`${prefix}type`);
    const given = config[`${prefix}type`] ?? '';
    const found = /^(?:[\w.]*\.)?(\w+)\$Value$/.exec(given)?.[1];
    const type = found !== undefined && Object.hasOwn(TRANSFORM_TYPES, found) ? TRANSFORM_TYPES[found] : undefined;
    if (type === undefined)
      fault(
        'type',
        `expected ${Object.keys(TRANSFORM_TYPES)
          .map((one) => `${one}$Value`)
          .join(', ')}`,
      );
    else {
      for (const setting of type.settings) names.add(prefix + setting);
      transforms.push(type.make((name) => config[prefix + name], fault));
    }
  }
  return { transforms, faults, names };
}
