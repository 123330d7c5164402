export type Isolation = 'read_committed' | 'read_uncommitted';

export function isolationLevel(isolation: Isolation): number {
  return isolation === 'read_committed' ? 1 : 0;
}
