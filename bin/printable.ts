/** Characters that would steer a terminal or reorder the line. */
const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Text that devices chose, fit for a terminal: one line, at most so many characters, what is not to be shown as its code. */
export function printable(text: string, limitCharacters = 120): string {
  const cut = text.length > limitCharacters ? `${text.slice(0, limitCharacters)}…` : text;
  return cut.replace(STEERING, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
