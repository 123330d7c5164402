import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { messageOf, PlatformError } from '../../common/errors.ts';

const RULES_LIMIT = 100;

const common = {
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected 1 to 64 letters, digits, - or _'),
  /** `*` stands for any characters. */
  endpoint: z.string().min(1).default('*'),
};

// An asterisk stands for one part of the path.
const path = z.string().regex(/^(\/[A-Za-z0-9_*-]+)+$/, 'expected a path such as /3303/*/5700');

const threshold = z
  .strictObject({
    ...common,
    kind: z.literal('threshold'),
    path,
    above: z.number().optional(),
    below: z.number().optional(),
    clearsAt: z.number().optional(),
  })
  .refine(({ above, below }) => (above === undefined) !== (below === undefined), 'expected either above or below')
  .refine(
    ({ above, clearsAt }) => above === undefined || clearsAt === undefined || clearsAt <= above,
    'clearsAt must not lie above the limit',
  )
  .refine(
    ({ below, clearsAt }) => below === undefined || clearsAt === undefined || clearsAt >= below,
    'clearsAt must not lie below the limit',
  );

const rate = z
  .strictObject({
    ...common,
    kind: z.literal('rate'),
    path,
    perSecond: z.number().positive(),
    clearsAt: z.number().nonnegative().optional(),
  })
  .refine(
    ({ perSecond, clearsAt }) => clearsAt === undefined || clearsAt <= perSecond,
    'clearsAt must not lie above perSecond',
  );

const silence = z.strictObject({
  ...common,
  kind: z.literal('silence'),
  path: path.optional(),
  seconds: z.number().int().min(1).max(604_800),
});

const rulesFile = z.strictObject({
  rules: z
    .array(z.discriminatedUnion('kind', [threshold, rate, silence]))
    .min(1)
    .max(RULES_LIMIT)
    .refine((rules) => new Set(rules.map(({ name }) => name)).size === rules.length, 'two rules have the same name'),
});

export type AlarmRule = z.output<typeof rulesFile>['rules'][number];
export type ValueRule = Exclude<AlarmRule, { kind: 'silence' }>;
export type SilenceRule = Extract<AlarmRule, { kind: 'silence' }>;

/** Errors: CONFIG_INVALID, with the place of each fault in the file. */
export function readAlarmRules(file: string): readonly AlarmRule[] {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new PlatformError('CONFIG_INVALID', `alarm rules ${file}: ${messageOf(cause)}`, { cause });
  }
  return parseAlarmRules(json, file);
}

export function parseAlarmRules(json: unknown, from: string): readonly AlarmRule[] {
  const result = rulesFile.safeParse(json);
  if (result.success) return result.data.rules;
  const faults = result.error.issues.map(({ path: at, message }) => `${at.join('.') || 'the file'}: ${message}`);
  throw new PlatformError('CONFIG_INVALID', `alarm rules ${from}: ${faults.join('; ')}`);
}

/** Tells which endpoints, or paths, a pattern means. */
export function matcher(pattern: string, star: '.*' | '[^/]+'): RegExp {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  return new RegExp(`^${parts.join(star)}$`, 's');
}
