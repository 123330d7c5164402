/** Finalized feature of the cluster: 2 is the transaction protocol of KIP-890. */
export const TRANSACTION_VERSION = 'transaction.version';

/**
 * True when produce requests add their partitions to the transaction themselves and EndTxn gives each transaction an epoch of its own
 * (KIP-890). Else ADD_PARTITIONS_TO_TXN comes before the first produce to a partition.
 */
export function transactionsV2(feature: (name: string) => number): boolean {
  return feature(TRANSACTION_VERSION) >= 2;
}
