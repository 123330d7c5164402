import type { HistogramMetric, Metric } from './metrics.ts';

export interface Selection {
  /** Labels that stay. */
  readonly by?: readonly string[];
  /** `label="value"`, with commas; usually a variable of the dashboard. */
  readonly where?: string;
}

/** Sum of what is now. */
export function now(metric: Metric, { by = [], where = '' }: Selection = {}): string {
  return `sum${keeping(by)} (${metric}{${where}})`;
}

/** The worst of what is now. */
export function highest(metric: Metric, { by = [], where = '' }: Selection = {}): string {
  return `max${keeping(by)} (${metric}{${where}})`;
}

export function lowest(metric: Metric, { by = [], where = '' }: Selection = {}): string {
  return `min${keeping(by)} (${metric}{${where}})`;
}

/** Of a counter, per second. */
export function rate(metric: Metric, { by = [], where = '' }: Selection = {}): string {
  return `sum${keeping(by)} (rate(${metric}{${where}}[$__rate_interval]))`;
}

/** Of a counter, over the whole time that the dashboard shows. */
export function growth(metric: Metric, { by = [], where = '' }: Selection = {}): string {
  return `sum${keeping(by)} (increase(${metric}{${where}}[$__range]))`;
}

/** What a counter stands at; for events so rare that one of them would be the first sample of its series. */
export function total(metric: Metric, { by = [], where = '' }: Selection = {}): string {
  return `sum${keeping(by)} (${metric}{${where}})`;
}

/** @param q from 0 to 1 */
export function quantile(q: number, metric: HistogramMetric, { by = [], where = '' }: Selection = {}): string {
  return `histogram_quantile(${q}, sum${keeping(['le', ...by])} (rate(${metric}_bucket{${where}}[$__rate_interval])))`;
}

export function mean(metric: HistogramMetric, { by = [], where = '' }: Selection = {}): string {
  const part = (suffix: string) => `sum${keeping(by)} (rate(${metric}_${suffix}{${where}}[$__rate_interval]))`;
  return `${part('sum')} / ${part('count')}`;
}

/** Seconds of the distribution per second: the share of time that went into it. */
export function timeIn(metric: HistogramMetric, { by = [], where = '' }: Selection = {}): string {
  return `sum${keeping(by)} (rate(${metric}_sum{${where}}[$__rate_interval]))`;
}

/**
 * A counter with labels has no series before its first event. Where the service is there and has counted nothing this is 0; where the
 * service is not there it stays empty.
 * @param present a metric that the service always has, with the labels of `by`; where the query keeps more, they are empty at a 0
 */
export function orZero(query: string, present: Metric, { by = [], where = '' }: Selection = {}): string {
  return `${query} or on (${by.join(', ')}) 0 * max${keeping(by)} (${present}{${where}})`;
}

function keeping(labels: readonly string[]): string {
  return labels.length === 0 ? '' : ` by (${labels.join(', ')})`;
}
