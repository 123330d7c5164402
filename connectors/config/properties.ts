import { PlatformError } from '../../common/errors.ts';

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

/** Reads Java's properties format: comments, `=`, `:` or a blank between name and value, lines that go on after a backslash, escapes. */
export function parseProperties(text: string): Record<string, string> {
  const properties: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const line of logicalLines(text)) {
    const [name, value] = split(line);
    if (name === '__proto__') throw new PlatformError('CONFIG_INVALID', '__proto__ is no name of a property');
    properties[unescaped(name)] = unescaped(value);
  }
  return { ...properties };
}

function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let open: string | undefined;
  for (const natural of text.split(/\r\n|\r|\n/)) {
    const line = natural.trimStart();
    if (open === undefined && (line === '' || line.startsWith('#') || line.startsWith('!'))) continue;
    const whole: string = (open ?? '') + line;
    const goesOn = (/\\*$/.exec(whole)?.[0].length ?? 0) % 2 === 1;
    open = goesOn ? whole.slice(0, -1) : undefined;
    if (!goesOn) lines.push(whole);
  }
  if (open !== undefined) lines.push(open);
  return lines;
}

function split(line: string): readonly [string, string] {
  let at = 0;
  while (at < line.length && !'=: \t\f'.includes(line[at]!)) at += line[at] === '\\' ? 2 : 1;
  const rest = line.slice(at).replace(/^[ \t\f]*[=:]?[ \t\f]*/, '');
  return [line.slice(0, at), rest];
}

function unescaped(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_, code: string) =>
    code.length === 5 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? code),
  );
}
