import { z } from 'zod';

/** Settings arrive as text; these parse and bound them. Each may be followed by `.default(text)` or `.optional()`. */
export const text = z.string({ error: 'expected text' }).min(1, 'must not be empty');

export function wholeNumber(least: number, most: number) {
  return z
    .string()
    .regex(/^\d+$/, `expected a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, `expected a whole number from ${least} to ${most}`);
}

/** 0 lets the system choose. */
export const port = wholeNumber(0, 65_535);

export const hostAndPorts = z
  .string()
  .regex(/^[^,:\s]+:\d{1,5}(,[^,:\s]+:\d{1,5})*$/, 'expected host:port, several with commas')
  .transform((value) => value.split(','));

export const httpUrl = z
  .string()
  .regex(/^https?:\/\/[^\s]+$/, 'expected an http:// or https:// address')
  .transform((value) => value.replace(/\/+$/, ''));

export const gatewayId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected 1 to 64 letters, digits, - or _');

/** Comma-separated; empty means none. */
export const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

export function oneOf<const T extends readonly [string, ...string[]]>(...choices: T) {
  return z.enum(choices, { error: `expected one of ${choices.join(', ')}` });
}

export const yesNo = oneOf('yes', 'no').transform((value) => value === 'yes');
