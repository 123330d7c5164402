/** The partitions of one topic that each member of a group works on. */
export type Ownership = ReadonlyMap<string, readonly number[]>;

/**
 * Shares out the partitions of a topic so that members differ by one at most, and moves no more of them than that takes: a partition
 * that moves costs its new owner the restoring of its state.
 * @param before what each member says it works on; two may name the same one after a member was away
 */
export function assignSticky(partitions: readonly number[], before: Ownership): ReadonlyMap<string, number[]> {
  const members = [...before.keys()].sort();
  const known = new Set(partitions);
  const taken = new Set<number>();
  const kept = new Map<string, number[]>();
  for (const member of members) {
    const own = before.get(member)!.filter((partition) => known.has(partition) && !taken.has(partition));
    for (const partition of own) taken.add(partition);
    kept.set(member, own);
  }
  // Those that have most keep the larger shares.
  const byHeld = [...members].sort((one, other) => kept.get(other)!.length - kept.get(one)!.length);
  const least = Math.floor(partitions.length / members.length);
  const larger = partitions.length % members.length;
  const free = partitions.filter((partition) => !taken.has(partition));
  for (const [rank, member] of byHeld.entries())
    free.push(...kept.get(member)!.splice(least + (rank < larger ? 1 : 0)));
  for (const [rank, member] of byHeld.entries()) {
    const own = kept.get(member)!;
    own.push(...free.splice(0, least + (rank < larger ? 1 : 0) - own.length));
    own.sort((one, other) => one - other);
  }
  return kept;
}
