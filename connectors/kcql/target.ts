import { DATE_PARTS, type DatePart, type TargetPart } from './statement.ts';

type DatePiece = DatePart | { readonly text: string };

/** Reads `temperature-${yyyyMM}`. What is wrong is returned with its place in the name. */
export function parseTarget(name: string): readonly TargetPart[] | { readonly fault: string; readonly at: number } {
  const parts: TargetPart[] = [];
  let at = 0;
  while (at < name.length) {
    const open = name.indexOf('${', at);
    if (open === -1) {
      parts.push({ kind: 'text', text: name.slice(at) });
      break;
    }
    if (open > at) parts.push({ kind: 'text', text: name.slice(at, open) });
    const close = name.indexOf('}', open);
    if (close === -1) return { fault: 'a closing }', at: open };
    const pieces = datePieces(name.slice(open + 2, close));
    if (pieces === undefined) return { fault: `a date of ${DATE_PARTS.join(', ')} and separators`, at: open + 2 };
    parts.push({ kind: 'date', parts: pieces });
    at = close + 1;
  }
  return parts.length === 0 ? { fault: 'a name', at: 0 } : parts;
}

function datePieces(pattern: string): readonly DatePiece[] | undefined {
  const pieces: DatePiece[] = [];
  let at = 0;
  while (at < pattern.length) {
    const part = DATE_PARTS.find((one) => pattern.startsWith(one, at));
    if (part === undefined) {
      if (!/[-_/.: ]/.test(pattern[at]!)) return undefined;
      pieces.push({ text: pattern[at]! });
      at++;
    } else {
      pieces.push(part);
      at += part.length;
    }
  }
  return pieces.some((piece) => typeof piece === 'string') ? pieces : undefined;
}

export function targetText(parts: readonly TargetPart[]): string {
  const dateText = (pieces: readonly DatePiece[]) =>
    pieces.map((piece) => (typeof piece === 'string' ? piece : piece.text)).join('');
  return parts.map((part) => (part.kind === 'text' ? part.text : `\${${dateText(part.parts)}}`)).join('');
}

/** The target of a record; one that needs no date is the same text at each call. @param timestampMs ms since 1970 */
export function compileTarget(parts: readonly TargetPart[]): (timestampMs: number) => string {
  if (parts.every((part) => part.kind === 'text')) {
    const text = targetText(parts);
    return () => text;
  }
  let minute = Number.NaN;
  let text = '';
  return (timestampMs) => {
    const now = Math.floor(timestampMs / 60_000);
    if (now !== minute) {
      minute = now;
      text = parts.map((part) => (part.kind === 'text' ? part.text : dateOf(part.parts, timestampMs))).join('');
    }
    return text;
  };
}

function dateOf(pieces: readonly DatePiece[], timestampMs: number): string {
  const date = new Date(timestampMs);
  if (Number.isNaN(date.getTime())) return 'invalid';
  const two = (value: number) => String(value).padStart(2, '0');
  const parts: Record<DatePart, string> = {
    yyyy: String(date.getUTCFullYear()).padStart(4, '0'),
    MM: two(date.getUTCMonth() + 1),
    dd: two(date.getUTCDate()),
    HH: two(date.getUTCHours()),
    mm: two(date.getUTCMinutes()),
  };
  return pieces.map((piece) => (typeof piece === 'string' ? parts[piece] : piece.text)).join('');
}
