import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { INFLUXDB, PROMETHEUS } from './data-sources.ts';

/** @param legend of a range; an instant query becomes columns, which are named by its panel */
export function promQuery(o: {
  readonly query: string;
  readonly legend: string;
  readonly kind: 'range' | 'instant';
  readonly refId: string;
}): Builder<Dataquery> {
  const builder = new DataqueryBuilder().datasource(PROMETHEUS).expr(o.query).refId(o.refId);
  return o.kind === 'range' ? builder.range().legendFormat(o.legend) : builder.instant().format(PromQueryFormat.Table);
}

/** A query for InfluxDB, as Grafana keeps it; the SDK has no builder of its own for it. */
interface InfluxTarget extends Dataquery {
  readonly datasource: typeof INFLUXDB;
  readonly query: string;
  readonly refId: string;
}

export class FluxQuery implements Builder<Dataquery> {
  readonly #query: string;
  readonly #refId: string;

  constructor(query: string, refId: string) {
    this.#query = query;
    this.#refId = refId;
  }

  build(): InfluxTarget {
    return { datasource: INFLUXDB, query: this.#query, refId: this.#refId, _implementsDataqueryVariant() {} };
  }
}
